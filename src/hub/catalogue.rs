//! Published CLIPs that are known by a short name: `weights/catalogue.json`, which the page reads, too.
//!
//! Every ViT in it has 77 tokens of context and CLIP's own byte-pair vocabulary of 49 408. The hub
//! could not be asked when it was written. What the repositories hold is put together from the
//! lists of OpenCLIP (3.3, pretrained.py) and from public code that downloads the files; where that
//! leaves doubt, a note says so. A repository that has no safetensors is refused with a sentence
//! and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::Layout;
use crate::error::{Error, Result};
use crate::quant::Scheme;

/// A published CLIP.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntry {
    /// The short name of the model, such as `b16`.
    pub name: String,
    /// The name of the model for people.
    pub title: String,
    /// The repository of the model on the hub.
    pub hub: String,
    /// The commit to take, where the main branch does not do. For who asks by the short name: who
    /// names the repository gets what the hub has there now.
    #[serde(default)]
    pub revision: Option<String>,
    /// The layout of the repository.
    pub layout: Layout,
    /// The licence of the weights, in short: as a bundle's manifest states it.
    pub license: String,
    /// What is known of the licence.
    pub license_note: String,
    /// The address that the licence is known from. To be read before publishing.
    pub license_source: String,
    /// One sentence on what the model has seen.
    pub description: String,
    /// The published accuracy on `ImageNet`.
    pub imagenet: ImageNet,
    /// How many numbers both towers are made of.
    pub parameters: u64,
    /// How to store the weights, unless the caller says otherwise: q8 where that is small enough,
    /// since it hardly differs from f32; q4 for the large ones, whose q8 is too much for most
    /// browsers.
    pub scheme: Scheme,
    /// The short side in pixels to which to bring pictures, unless the caller says otherwise: 336 is
    /// what the protocol of SCLIP (arXiv 2312.01597) measures with; 448 where cells of 32 pixels
    /// would be too few or where the model is used to larger pictures.
    pub picture_size: u32,
    /// What has to be downloaded, in millions of bytes: weights in f32.
    pub download_megabytes: u32,
    /// How large a bundle's weights become. Tokenizer and ready words add 2 to 5.
    pub stored_megabytes: Megabytes,
    /// Whether the model is the one to begin with.
    #[serde(default)]
    pub recommended: bool,
    /// SHA-256 of published files by their names, where they are known beforehand.
    #[serde(default)]
    pub sha256: BTreeMap<String, String>,
    /// What is to be known of the repository, and what is not certain.
    #[serde(default)]
    pub note: Option<String>,
}

/// A published zero-shot result on ImageNet-1k.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageNet {
    /// Top-1 accuracy in percent.
    pub top1: f32,
    /// Who says so: an address.
    pub source: String,
}

/// Rough sizes by scheme, in millions of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Megabytes {
    /// Size in 32-bit floating point.
    pub f32: u32,
    /// Size in 16-bit floating point.
    pub f16: u32,
    /// Size in 8-bit integers.
    pub q8: u32,
    /// Size in 4-bit integers.
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

const TEXT: &str = include_str!("../../weights/catalogue.json");

/// All entries, in the order in which to show them. A test reads the file.
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
/// [`Error::Input`] if an entry is wrong, naming it.
pub fn parse(text: &str) -> Result<Vec<CatalogueEntry>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Catalogue {
        models: Vec<CatalogueEntry>,
    }
    let catalogue: Catalogue = serde_json::from_str(text)
        .map_err(|e| Error::input(format!("The catalogue of models cannot be read: {e}")))?;
    let mut seen = BTreeSet::new();
    for entry in &catalogue.models {
        entry.check()?;
        for name in [&entry.name, &entry.hub] {
            if !seen.insert(name.to_lowercase()) {
                return Err(entry.bad(&format!("{name} is there twice")));
            }
        }
    }
    Ok(catalogue.models)
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
        let addresses = [&self.license_source, &self.imagenet.source];
        if let Some(other) = addresses.iter().find(|a| !a.starts_with("https://")) {
            return Err(self.bad(&format!("{other} is no https address")));
        }
        if self.picture_size == 0 || self.parameters == 0 || self.download_megabytes == 0 {
            return Err(self.bad("picture_size, parameters and download_megabytes are more than 0"));
        }
        if !(0.0..=100.0).contains(&self.imagenet.top1) {
            return Err(self.bad("imagenet.top1 is a percentage"));
        }
        let hex = |hash: &String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        if !self.sha256.values().all(hex) {
            return Err(self.bad("a sha256 is 64 hexadecimal digits"));
        }
        Ok(())
    }

    fn bad(&self, what: &str) -> Error {
        Error::input(format!("The catalogue's model {:?}: {what}.", self.name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn entries_are_sound_and_complete() {
        let entries = parse(TEXT).unwrap();
        assert_eq!(entries, super::entries());
        for name in ["b32", "b16", "l14", "l14-336", "laion-b32", "laion-b16"] {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(entries[0].recommended, "the one to begin with comes first");
        for entry in &entries {
            let CatalogueEntry {
                name, description, ..
            } = entry;
            assert!(
                description.ends_with('.') && description.matches(". ").count() == 0,
                "{name}"
            );
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
                let ratio = f64::from(entry.stored_megabytes.of(scheme)) / (millions * each);
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
        let whole: Value = serde_json::from_str(TEXT).unwrap();
        let one = whole["models"][0].clone();
        let with = |key: &str, value: Value| {
            let mut entry = one.clone();
            entry[key] = value;
            json!({ "models": [entry] })
        };
        assert!(parse(&json!({ "models": [one] }).to_string()).is_ok());
        let cases = [
            ("twice", json!({ "models": [one, one] })),
            ("small letters", with("name", json!("B 32"))),
            ("looks like", with("hub", json!("clip-vit-base-patch16"))),
            ("empty", with("title", json!(" "))),
            ("q5", with("scheme", json!("q5"))),
            ("onnx", with("layout", json!("onnx"))),
            ("licence", with("licence", json!("MIT"))),
            ("more than 0", with("picture_size", json!(0))),
            ("https", with("license_source", json!("http://example.org"))),
            (
                "percentage",
                with("imagenet", json!({ "top1": 683, "source": "https://a.b" })),
            ),
            ("64", with("sha256", json!({ "model.safetensors": "abc" }))),
            ("models", json!({})),
        ];
        for (word, catalogue) in cases {
            let error = parse(&catalogue.to_string()).unwrap_err();
            assert_eq!(error.code(), "input");
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    }
}
