//! A part of the pictures, so that several machines can share a data set.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Every `count`-th picture from the `index`-th on, written `2/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EvalShard {
    count: usize,
    /// From 1 to `count`.
    index: usize,
}

impl EvalShard {
    /// The only shard, which has all pictures.
    pub const WHOLE: Self = Self { count: 1, index: 1 };

    /// The number of shards that the pictures are divided into.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }

    /// All shards of a division into so many.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (1..=count).map(move |index| Self { count, index })
    }

    /// The indices of the shard's pictures in a set of `len`.
    pub fn indices(self, len: usize) -> impl Iterator<Item = usize> {
        (self.index - 1..len).step_by(self.count)
    }
}

impl fmt::Display for EvalShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for EvalShard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.trim().parse::<usize>().ok();
        text.split_once('/')
            .and_then(|(index, count)| Some((number(index)?, number(count)?)))
            .filter(|(index, count)| (1..=*count).contains(index))
            .map(|(index, count)| Self { count, index })
            .ok_or_else(|| {
                Error::input(format!(
                    "{text:?} is no shard. Give its number and how many there are: 1/4 to 4/4."
                ))
            })
    }
}

impl TryFrom<String> for EvalShard {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<EvalShard> for String {
    fn from(shard: EvalShard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn from_str_refuses_what_is_no_shard() {
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2"] {
            assert_eq!(
                text.parse::<EvalShard>().unwrap_err().code(),
                "input",
                "{text}"
            );
        }
        assert_eq!("2/8".parse::<EvalShard>().unwrap().to_string(), "2/8");
    }

    proptest! {
        #[test]
        fn indices_share_all_pictures(len in 0usize..50, count in 1usize..9) {
            let mut indices: Vec<usize> = EvalShard::all(count).flat_map(|s| s.indices(len)).collect();
            indices.sort_unstable();
            prop_assert!(indices.into_iter().eq(0..len));
        }
    }
}
