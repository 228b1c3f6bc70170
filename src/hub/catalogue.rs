//! Published CLIPs that are known by a short name: `weights/catalogue.toml`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Layout;
use crate::error::{Error, Result};
use crate::quant::Scheme;

/// A published CLIP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// What to type for it, such as `b16`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its repository on the hub.
    pub hub: String,
    /// The commit to take, where the main branch does not do. For who asks by the short name: who
    /// names the repository gets what the hub has there now.
    #[serde(default)]
    pub revision: Option<String>,
    /// What the repository is read as.
    pub layout: Layout,
    /// The licence of the weights, in short: as a bundle's manifest states it.
    pub license: String,
    /// What is known of the licence.
    pub license_note: String,
    /// From where it is known.
    pub license_source: String,
    /// How to store the weights, unless the caller chooses otherwise.
    pub scheme: Scheme,
    /// The short side in pixels to which to bring pictures, unless the caller chooses otherwise.
    pub picture_size: u32,
    /// One sentence on what the model has seen.
    pub description: String,
    /// How many numbers both towers are made of.
    pub parameters: u64,
    /// How large a bundle's weights become.
    pub megabytes: Megabytes,
}

/// Rough sizes by scheme, in millions of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Megabytes {
    /// In 32-bit floating point.
    pub f32: u32,
    /// In 16-bit floating point.
    pub f16: u32,
    /// In 8-bit integers.
    pub q8: u32,
    /// In 4-bit integers.
    pub q4: u32,
}

impl Megabytes {
    /// The size in this scheme.
    #[must_use]
    pub fn of(self, scheme: Scheme) -> u32 {
        match scheme {
            Scheme::F32 => self.f32,
            Scheme::F16 => self.f16,
            Scheme::Q8 => self.q8,
            Scheme::Q4 => self.q4,
        }
    }
}

const TEXT: &str = include_str!("../../weights/catalogue.toml");

/// All of them, in the order in which to show them. A test sees to it that the file is sound.
#[must_use]
pub fn entries() -> &'static [CatalogueEntry] {
    static ENTRIES: LazyLock<Vec<CatalogueEntry>> =
        LazyLock::new(|| parse(TEXT).unwrap_or_default());
    &ENTRIES
}

/// The entry with this short name or this repository, whatever the case of its letters.
#[must_use]
pub fn find(name: &str) -> Option<&'static CatalogueEntry> {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    entries()
        .iter()
        .find(|entry| same(&entry.name) || same(&entry.hub))
}

/// Reads a catalogue.
///
/// # Errors
///
/// [`Error::Input`] that names the entry that is wrong.
pub fn parse(text: &str) -> Result<Vec<CatalogueEntry>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Catalogue {
        model: Vec<CatalogueEntry>,
    }
    let catalogue: Catalogue = toml::from_str(text).map_err(|e| {
        Error::input(format!(
            "The catalogue of models cannot be read: {}",
            e.to_string().trim_end()
        ))
    })?;
    let mut seen = BTreeSet::new();
    for entry in &catalogue.model {
        entry.check()?;
        for name in [&entry.name, &entry.hub] {
            if !seen.insert(name.to_lowercase()) {
                return Err(entry.bad(&format!("{name} is there twice")));
            }
        }
    }
    Ok(catalogue.model)
}

impl CatalogueEntry {
    fn check(&self) -> Result<()> {
        // The short name becomes a directory, and must not look like a repository.
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.name.is_empty() || !self.name.bytes().all(plain) {
            return Err(self.bad("a name is made of small letters, digits and hyphens"));
        }
        if self.hub.split('/').count() != 2 {
            return Err(self.bad("a repository looks like openai/clip-vit-base-patch16"));
        }
        let texts = [
            ("title", &self.title),
            ("license", &self.license),
            ("license_note", &self.license_note),
            ("license_source", &self.license_source),
            ("description", &self.description),
        ];
        if let Some((key, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(self.bad(&format!("{key} is empty")));
        }
        if self.picture_size == 0 || self.parameters == 0 {
            return Err(self.bad("picture_size and parameters are more than 0"));
        }
        Ok(())
    }

    fn bad(&self, what: &str) -> Error {
        Error::input(format!("The catalogue's model {:?}: {what}.", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sound_and_complete() {
        let entries = parse(TEXT).unwrap();
        assert_eq!(entries, super::entries());
        for name in ["b32", "b16", "l14", "l14-336", "laion-b32", "laion-b16"] {
            assert!(find(name).is_some(), "{name}");
        }
        for entry in &entries {
            let CatalogueEntry {
                name, description, ..
            } = entry;
            assert!(
                description.ends_with('.') && description.matches(". ").count() == 0,
                "{name}"
            );
            assert!(entry.license_source.starts_with("https://"), "{name}");
            assert_eq!(entry.picture_size % 16, 0, "{name}");
            let revision = entry
                .revision
                .as_deref()
                .unwrap_or("0123456789012345678901234567890123456789");
            assert!(
                revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit()),
                "{name}"
            );
            let millions = entry.parameters as f64 / 1e6;
            let bytes = [
                (Scheme::F32, 4.0),
                (Scheme::F16, 2.0),
                (Scheme::Q8, 1.01),
                (Scheme::Q4, 0.57),
            ];
            for (scheme, each) in bytes {
                let ratio = f64::from(entry.megabytes.of(scheme)) / (millions * each);
                assert!((0.97..1.03).contains(&ratio), "{name} {scheme}: {ratio}");
            }
        }
    }

    #[test]
    fn find_ignores_the_case_of_names_and_repositories() {
        assert_eq!(find("B16").unwrap().hub, "openai/clip-vit-base-patch16");
        assert_eq!(find("openai/CLIP-vit-base-patch16").unwrap().name, "b16");
        assert_eq!(find("b17"), None);
    }

    #[test]
    fn parse_refuses_spoilt_catalogues() {
        let first = TEXT.find("[[model]]").unwrap();
        let second = first + 1 + TEXT[first + 1..].find("[[model]]").unwrap();
        let one = &TEXT[first..second];
        assert!(parse(one).is_ok());
        let cases = [
            ("twice", [one, one].concat()),
            ("small letters", one.replace("\"b32\"", "\"B 32\"")),
            ("looks like", one.replace("openai/", "")),
            (
                "empty",
                one.replace("title = \"CLIP ViT-B/32, OpenAI\"", "title = \" \""),
            ),
            ("q5", one.replace("\"q8\"", "\"q5\"")),
            ("layout", one.replace("\"huggingface\"", "\"onnx\"")),
            ("licence", one.replace("license =", "licence =")),
            ("more than 0", one.replace("= 448", "= 0")),
            ("model", String::new()),
        ];
        for (word, text) in cases {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.code(), "input");
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    }
}
