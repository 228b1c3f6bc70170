//! Everything that a number depends on, so that numbers of other conditions are never taken for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Where the files lay; for people only. The same files elsewhere give the same numbers.
const WHERE: [&str; 2] = ["folder", "class_file"];

/// Everything that a number depends on, by name: the program, the model, the pictures, the names of
/// the classes, every option.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Conditions(BTreeMap<String, Value>);

impl Conditions {
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The value of a condition.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What differs from other conditions, for people; `None` if numbers made under both can be put
    /// together.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let names = self.0.keys().chain(other.0.keys());
        let mut differing: Vec<&String> = names
            .filter(|name| !WHERE.contains(&name.as_str()))
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .collect();
        differing.sort_unstable();
        differing.dedup();
        let told = differing.iter().map(|name| {
            let (one, two) = (self.0.get(*name), other.0.get(*name));
            format!("{name} {}", tell(one, two))
        });
        (!differing.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
    }
}

/// Two values that differ, of lists the first entries that do.
fn tell(one: Option<&Value>, two: Option<&Value>) -> String {
    if let (Some(Value::Array(one)), Some(Value::Array(two))) = (one, two) {
        if one.len() != two.len() {
            return format!("({} entries and {})", one.len(), two.len());
        }
        let mut pairs = one.iter().zip(two).enumerate();
        if let Some((place, (one, two))) = pairs.find(|(_, (one, two))| one != two) {
            return format!("(entry {}: {})", place + 1, tell(Some(one), Some(two)));
        }
    }
    format!("({} and {})", brief(one), brief(two))
}

fn brief(value: Option<&Value>) -> String {
    const SHOWN: usize = 60;
    let text = match value {
        None => return "nothing".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The SHA-256 of lines, in hexadecimal.
pub(super) fn digest<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn conditions(pairs: &[(&str, Value)]) -> Conditions {
        let mut conditions = Conditions::default();
        for (name, value) in pairs {
            conditions.set(name, value.clone());
        }
        conditions
    }

    #[test]
    fn difference_names_what_differs() {
        let one = conditions(&[
            ("folder", json!("/a")),
            ("threshold", json!(0.5)),
            ("names", json!([["cat"], ["dog"]])),
        ]);
        let moved = conditions(&[
            ("folder", json!("/b")),
            ("threshold", json!(0.5)),
            ("names", json!([["cat"], ["dog"]])),
        ]);
        assert_eq!(one.difference(&moved), None);
        let other = conditions(&[
            ("names", json!([["cat"], ["wolf"]])),
            ("size", json!("x".repeat(99))),
        ]);
        let difference = one.difference(&other).unwrap_or_default();
        assert!(difference.contains("names (entry 2: (entry 1: (dog and wolf)))"));
        assert!(difference.contains("threshold (0.5 and nothing)"));
        assert!(difference.contains(&format!("size (nothing and {}…)", "x".repeat(60))));
    }
}
