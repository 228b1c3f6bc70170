//! The sentences that a name is put into before it is embedded.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The hole in a template.
const HOLE: &str = "{}";

static TEMPLATES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("templates.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).collect()
});

/// All templates, each a sentence with one hole, `a photo of a {}.`
#[must_use]
pub fn templates() -> &'static [&'static str] {
    &TEMPLATES
}

/// The 80 templates that CLIP's authors classify `ImageNet` with, without MaskCLIP's five for scenes:
/// those of published evaluations.
#[cfg(feature = "cli")]
#[must_use]
pub fn imagenet_templates() -> &'static [&'static str] {
    const COUNT: usize = 80;
    &TEMPLATES[..COUNT]
}

/// What these templates are called where vectors made with them are kept: their number and the
/// start of their SHA-256.
#[must_use]
pub fn templates_id() -> String {
    let hash = Sha256::digest(templates().join("\n"));
    let start: String = hash.iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("{}-{start}", templates().len())
}

/// The template with the name in its hole.
#[must_use]
pub fn fill(template: &str, name: &str) -> String {
    template.replacen(HOLE, name, 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_template_is_a_different_sentence_with_one_hole() {
        assert_eq!(templates().len(), 85);
        assert_eq!(templates().iter().collect::<HashSet<_>>().len(), 85);
        for template in templates() {
            assert_eq!(template.matches(HOLE).count(), 1, "{template}");
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn imagenet_templates_are_those_without_a_scene() {
        let scene = |template: &&str| template.contains("in the scene");
        assert!(!imagenet_templates().iter().any(scene));
        assert!(templates()[imagenet_templates().len()..].iter().all(scene));
    }

    #[test]
    fn a_name_with_a_hole_in_it_is_not_filled_again() {
        assert_eq!(fill("a photo of a {}.", "{}"), "a photo of a {}.");
        assert_eq!(fill("a photo of a {}.", "cat"), "a photo of a cat.");
    }
}
