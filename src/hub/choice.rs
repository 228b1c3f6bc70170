//! Which files of a repository are needed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// A layout of published models that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `CLIPModel` of Hugging Face.
    HuggingFace,
    /// OpenCLIP.
    OpenClip,
}

/// Where the weights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WeightFiles<'a> {
    One(&'a str),
    /// In several files, which this one lists.
    Sharded(&'a str),
}

/// The layouts whose weights and configuration are there, the preferred one first. Pickled weights
/// (`.bin`, `.pt`) do not count: reading them can run any program.
pub(super) fn readable(names: &[&str]) -> Vec<Layout> {
    let layouts = [Layout::HuggingFace, Layout::OpenClip].into_iter();
    layouts
        .filter(|&layout| names.contains(&config(layout)) && weights(layout, names).is_some())
        .collect()
}

/// The configuration of a layout.
pub(super) fn config(layout: Layout) -> &'static str {
    match layout {
        Layout::HuggingFace => "config.json",
        Layout::OpenClip => "open_clip_config.json",
    }
}

/// The weights of a layout: one file rather than several.
pub(super) fn weights<'a>(layout: Layout, names: &[&'a str]) -> Option<WeightFiles<'a>> {
    let find = |name: &str| names.iter().copied().find(|n| *n == name);
    match layout {
        Layout::HuggingFace => find("model.safetensors")
            .map(WeightFiles::One)
            .or_else(|| find("model.safetensors.index.json").map(WeightFiles::Sharded)),
        Layout::OpenClip => find("open_clip_model.safetensors").map(WeightFiles::One),
    }
}

/// What is needed beside the weights.
pub(super) fn small_files<'a>(layout: Layout, names: &[&'a str]) -> Vec<&'a str> {
    let mut wanted = vec![config(layout), "preprocessor_config.json"];
    wanted.extend(tokenizer(names));
    let there = names.iter().copied();
    there.filter(|name| wanted.contains(name)).collect()
}

/// Whether the repository has a tokenizer that can be read.
pub(super) fn has_tokenizer(names: &[&str]) -> bool {
    !tokenizer(names).is_empty()
}

fn tokenizer(names: &[&str]) -> &'static [&'static str] {
    const FORMS: [&[&str]; 2] = [&["tokenizer.json"], &["vocab.json", "merges.txt"]];
    let whole = |form: &&[&str]| form.iter().all(|name| names.contains(name));
    FORMS.into_iter().find(whole).unwrap_or_default()
}

/// Whether this `config.json` is that of a model with a vision and a text tower.
pub(super) fn describes_both_towers(json: &[u8]) -> bool {
    let config: Value = serde_json::from_slice(json).unwrap_or_default();
    config["vision_config"].is_object() && config["text_config"].is_object()
}

/// The files of weights that an index lists.
pub(super) fn shards(index: &[u8], names: &[&str]) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let bad = |what: String| Error::model(format!("model.safetensors.index.json {what}."));
    let index: Index =
        serde_json::from_slice(index).map_err(|e| bad(format!("cannot be read ({e})")))?;
    let mut shards: Vec<String> = index.weight_map.into_values().collect();
    shards.sort();
    shards.dedup();
    for shard in &shards {
        let plain = !shard.contains(['/', '\\']) && shard.ends_with(".safetensors");
        if !plain || !names.contains(&shard.as_str()) {
            return Err(bad(format!(
                "lists {shard:?}, which the repository does not have"
            )));
        }
    }
    if shards.is_empty() {
        return Err(bad("lists no weights".into()));
    }
    Ok(shards)
}

/// Refuses to borrow CLIP's tokenizer for a model that may have another one.
pub(super) fn check_borrowing(id: &str, layout: Layout, directory: &Path) -> Result<()> {
    let missing = || {
        Error::model(format!(
            "{id} has no tokenizer (tokenizer.json, or vocab.json and merges.txt). Download the repository, add the files, and import the directory."
        ))
    };
    if layout != Layout::OpenClip {
        return Err(missing());
    }
    let path = directory.join(config(layout));
    let json = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
    let config: Value = serde_json::from_slice(&json).unwrap_or_default();
    let text = &config["model_cfg"]["text_cfg"];
    let own = ["hf_tokenizer_name", "hf_model_name", "tokenizer_kwargs"];
    if text.is_object() && own.iter().all(|key| text[*key].is_null()) {
        return Ok(());
    }
    Err(missing())
}

/// The error about a repository without weights that can be read.
pub(super) fn unreadable(id: &str, names: &[&str]) -> Error {
    let pickled = names
        .iter()
        .find(|name| matches!(name.rsplit('.').next(), Some("bin" | "pt" | "pth" | "ckpt")));
    let advice = "with Python, transformers' CLIPModel.from_pretrained(…).save_pretrained(DIR) writes a directory that can be imported; or choose another model, such as those of the catalogue";
    Error::model(match pickled {
        Some(pickled) => format!(
            "{id} has its weights only as {pickled}, a pickle, which can run any program when it is read. Needed is model.safetensors or open_clip_model.safetensors: {advice}."
        ),
        None => format!(
            "{id} has no CLIP that can be read: it lacks config.json with model.safetensors, or open_clip_config.json with open_clip_model.safetensors. Check the name; otherwise {advice}."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [&str; 9] = [
        "README.md",
        "config.json",
        "merges.txt",
        "model.safetensors",
        "open_clip_config.json",
        "open_clip_model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
        "vocab.json",
    ];

    #[test]
    fn small_files_and_weights_take_one_of_each() {
        assert_eq!(readable(&BOTH), [Layout::HuggingFace, Layout::OpenClip]);
        let small = small_files(Layout::HuggingFace, &BOTH);
        assert_eq!(
            small,
            ["config.json", "preprocessor_config.json", "tokenizer.json"]
        );
        let sharded = ["config.json", "model.safetensors.index.json"];
        assert_eq!(readable(&sharded), [Layout::HuggingFace]);
        assert_eq!(
            weights(Layout::HuggingFace, &sharded),
            Some(WeightFiles::Sharded("model.safetensors.index.json"))
        );
        let both = [sharded[0], sharded[1], "model.safetensors"];
        assert_eq!(
            weights(Layout::HuggingFace, &both),
            Some(WeightFiles::One("model.safetensors"))
        );
    }

    #[test]
    fn readable_refuses_half_a_layout() {
        assert!(readable(&["config.json", "pytorch_model.bin"]).is_empty());
        assert!(readable(&["model.safetensors"]).is_empty());
        assert!(!has_tokenizer(&["vocab.json"]));
        assert!(has_tokenizer(&["vocab.json", "merges.txt"]));
        let small = small_files(Layout::OpenClip, &["open_clip_config.json", "vocab.json"]);
        assert_eq!(small, ["open_clip_config.json"]);
    }

    #[test]
    fn shards_names_files_of_the_repository_only() {
        let names = ["model-1.safetensors", "model-2.safetensors", "secret.bin"];
        let index = |file: &str| {
            format!(
                r#"{{"weight_map": {{"a": "model-2.safetensors", "b": "{file}", "c": "{file}"}}}}"#
            )
        };
        let good = shards(index("model-1.safetensors").as_bytes(), &names);
        assert_eq!(good.unwrap(), names[..2]);
        for bad in ["../x.safetensors", "model-3.safetensors", "secret.bin"] {
            let refused = shards(index(bad).as_bytes(), &names).unwrap_err();
            assert!(refused.to_string().contains(bad), "{refused}");
        }
        for bad in ["{}", "[]", r#"{"weight_map": {}}"#] {
            assert!(matches!(
                shards(bad.as_bytes(), &names),
                Err(Error::Model(_))
            ));
        }
    }

    #[test]
    fn describes_both_towers_refuses_a_vision_tower_alone() {
        assert!(describes_both_towers(
            br#"{"vision_config": {}, "text_config": {}}"#
        ));
        for other in [&br#"{"architecture": "vit_base"}"#[..], b"[]", b"no JSON"] {
            assert!(!describes_both_towers(other));
        }
    }
}
