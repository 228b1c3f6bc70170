//! How far an evaluation has come, on disk.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::conditions::Conditions;
use super::save::write_file;
use super::{Boundaries, Confusion, Failure};
use crate::error::{Error, Result};

/// What is known after some pictures.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// What the numbers belong to; a state of anything else is refused.
    pub(super) conditions: Conditions,
    /// Which part of the pictures.
    pub(super) shard: super::EvalShard,
    /// Pictures of the shard that were tried, from its first on.
    pub(super) done: usize,
    /// The pictures among them that could not be used. They are tried again.
    pub(super) failures: Vec<Failure>,
    pub(super) rows: Vec<Tally>,
}

/// One setting with one background.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) confusion: Confusion,
    pub(super) boundaries: Boundaries,
    pub(super) seconds: f64,
}

impl State {
    /// The state in a file, if it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the file is no state; [`Error::Io`] if it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|e| refused(path, &format!("it cannot be read ({e})")))
    }

    /// Refuses a state whose numbers were made under other conditions.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the conditions differ, naming the difference.
    pub(super) fn check_like(&self, now: &Self, path: &Path) -> Result<()> {
        if let Some(difference) = self.conditions.difference(&now.conditions) {
            return Err(refused(
                path,
                &format!(
                    "its numbers were made under other conditions, then and now: {difference}"
                ),
            ));
        }
        if self.shard != now.shard {
            return Err(refused(
                path,
                &format!("it is of shard {} and not {}", self.shard, now.shard),
            ));
        }
        let sizes = |state: &Self| -> Vec<usize> {
            state
                .rows
                .iter()
                .flat_map(|row| [row.confusion.classes(), row.boundaries.classes()])
                .collect()
        };
        if sizes(self) != sizes(now) {
            return Err(refused(path, "its confusion matrices are of other classes"));
        }
        Ok(())
    }

    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self)
            .map_err(|e| Error::internal(format!("no JSON for a state: {e}")))?;
        // Written beside and moved, so that a stop in between leaves the old state whole.
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = Path::new(&beside);
        write_file(beside, &text)?;
        std::fs::rename(beside, path).map_err(|e| Error::io(path, e))
    }
}

fn refused(path: &Path, why: &str) -> Error {
    Error::input(format!(
        "{} is no state to go on from: {why}. Remove it or name another file.",
        path.display()
    ))
}
