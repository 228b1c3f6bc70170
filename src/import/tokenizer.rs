//! The tokenizer beside a model, always as a `tokenizer.json`.
//!
//! Where there is none it is made: the rules are CLIP's, the same for every model, and the
//! vocabulary is in `vocab.json` and `merges.txt`, or follows from the merges alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::files::{Files, read_whole};
use super::parse;
use crate::clip::{Tokenizer, byte_letters};
use crate::error::{Error, Result};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// The largest tokenizer file that is read. CLIP's has 2 MB, a multilingual one up to 20.
const MOST_BYTES: u64 = 48 << 20;

/// OpenAI's list of merges, as it lies in their repository. There are more than the model uses.
const MERGES: &str = "bpe_simple_vocab_16e6.txt";
#[cfg(feature = "cli")]
const MERGES_GZ: &str = "bpe_simple_vocab_16e6.txt.gz";

/// How CLIP takes a text apart before its merges.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Finds the tokenizer of a model with so many token ids, or makes it.
pub(super) fn find(files: &dyn Files, names: &[String], vocabulary: usize) -> Result<Vec<u8>> {
    let there = |name: &str| names.iter().any(|n| n == name);
    let read = |name: &str| read_whole(files, name, MOST_BYTES);
    if there("tokenizer.json") {
        return read("tokenizer.json");
    }
    if there("vocab.json") && there("merges.txt") {
        let vocab = parse("vocab.json", &read("vocab.json")?)?;
        return assemble(&vocab, &merges("merges.txt", &read("merges.txt")?)?);
    }
    if there(MERGES) {
        return from_merges(MERGES, &read(MERGES)?, vocabulary);
    }
    #[cfg(feature = "cli")]
    if there(MERGES_GZ) {
        let text = unzip(&read(MERGES_GZ)?)?;
        return from_merges(MERGES_GZ, &text, vocabulary);
    }
    Err(Error::model(
        "the tokenizer is missing. Put the tokenizer.json of the model's repository beside the weights, or its vocab.json and merges.txt; those of openai/clip-vit-base-patch32 serve every CLIP by OpenAI.",
    ))
}

#[cfg(feature = "cli")]
fn unzip(bytes: &[u8]) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .take(MOST_BYTES)
        .read_to_end(&mut text)
        .map_err(|e| Error::model(format!("{MERGES_GZ} is damaged ({e}).")))?;
    Ok(text)
}

/// The pairs of a list of merges, one a line after the heading.
fn merges<'a>(name: &str, text: &'a [u8]) -> Result<Vec<(&'a str, &'a str)>> {
    let bad = |what: &str| Error::model(format!("{name} is no list of merges ({what})."));
    let text = str::from_utf8(text).map_err(|_| bad("it is not UTF-8"))?;
    let heading = |line: &&str| line.contains("#version:");
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .enumerate()
        .filter(|(i, line)| *i > 0 || !heading(line))
        .map(|(_, line)| {
            let pair = line.split_once(' ').filter(|(_, b)| !b.contains(' '));
            pair.ok_or_else(|| bad(&format!("a line is {line:?}")))
        })
        .collect()
}

/// CLIP's vocabulary is its letters, the same at the end of a word, what each merge makes, and
/// the two special tokens; the size of the model's vocabulary determines where the merges stop.
fn from_merges(name: &str, text: &[u8], vocabulary: usize) -> Result<Vec<u8>> {
    let mut merges = merges(name, text)?;
    let wanted = vocabulary.checked_sub(2 * 256 + 2);
    let Some(wanted) = wanted.filter(|n| *n <= merges.len()) else {
        return Err(Error::model(format!(
            "{name} has {} merges, which does not fit a model with {vocabulary} token ids.",
            merges.len()
        )));
    };
    merges.truncate(wanted);
    // The vocabulary has visible bytes first: the order of the characters, not of the bytes.
    let mut letters = byte_letters();
    letters.sort_unstable();
    let endings = letters.map(|c| format!("{c}</w>"));
    let merged = merges.iter().map(|(a, b)| format!("{a}{b}"));
    let special = [START, END].map(String::from);
    let letters = letters.map(String::from).into_iter();
    let tokens = letters.chain(endings).chain(merged).chain(special);
    // Two merges may make the same token; as in CLIP, the later id holds.
    let vocab = tokens.zip(0..).collect();
    assemble(&vocab, &merges)
}

/// A `tokenizer.json` equal to the one that `transformers` makes of the same files.
fn assemble(vocab: &BTreeMap<String, u32>, merges: &[(&str, &str)]) -> Result<Vec<u8>> {
    let id = |token: &str| {
        vocab.get(token).copied().ok_or_else(|| {
            Error::unsupported(format!(
                "the vocabulary has no {token}: it is not that of a CLIP. Put the model's tokenizer.json beside it."
            ))
        })
    };
    let mark = |token: &str| -> Result<Value> {
        Ok(json!({
            "id": id(token)?, "content": token, "special": true, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false,
        }))
    };
    let merges: Vec<String> = merges.iter().map(|(a, b)| format!("{a} {b}")).collect();
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [mark(START)?, mark(END)?],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
        ]},
        "post_processor": {
            "type": "RobertaProcessing", "sep": [END, id(END)?], "cls": [START, id(START)?],
            "trim_offsets": false, "add_prefix_space": false,
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": END, "continuing_subword_prefix": "",
            "end_of_word_suffix": "</w>", "fuse_unk": false, "vocab": vocab, "merges": merges,
        },
    });
    Ok(tokenizer.to_string().into_bytes())
}

/// What ends an empty text.
///
/// With `highest`, the model looks for the highest id of a text, so no id may be above it.
pub(super) fn end_of_text(json: &[u8], highest: bool) -> Result<u32> {
    let end = Tokenizer::end_of_text(json)?;
    if highest && Tokenizer::highest_id(json)? > end {
        return Err(Error::unsupported(
            "the tokenizer has ids above the one that ends a text, where this model looks for the highest. It is not the tokenizer of a CLIP.",
        ));
    }
    Ok(end)
}
