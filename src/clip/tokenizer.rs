//! From text to token ids, equal to OpenAI's CLIP tokenizer.
//!
//! Vocabulary and merges come from the bundle's `tokenizer.json` and are run by the Hugging Face
//! `tokenizers` crate. What that file states about normalising and splitting is ignored: it
//! lacks most of the reference's cleaning (see [`clean`](super::clean)), composes and lowers
//! differently, and turns special tokens that somebody typed into the tokens themselves.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use tokenizers::models::bpe::BPE;
use tokenizers::{Model, Token};

use super::clean::{clean, pattern};
use crate::error::{Error, Result};

/// What follows the last letter of a word in CLIP's vocabulary.
const END_OF_WORD: &str = "</w>";

/// A bundle's tokenizer, bound to its text tower's context length.
pub struct Tokenizer {
    bpe: BPE,
    ends: Ends,
    context: usize,
    vocabulary: usize,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("context", &self.context)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json` in the Hugging Face format.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is no tokenizer of a CLIP, or none of a tower of this config.
    pub fn from_bytes(json: &[u8], config: &super::TextConfig) -> Result<Self> {
        let file = TokenizerJson::read(json)?;
        let ends = file.ends()?;
        if ends.last != config.end_of_text {
            return Err(Error::model(format!(
                "the bundle's tokenizer does not end a text with the token {} that its manifest names. Import the model again.",
                config.end_of_text
            )));
        }
        Ok(Self {
            bpe: file.model.build()?,
            ends,
            context: config.context,
            vocabulary: config.vocabulary,
        })
    }

    /// The token that ends a text, according to a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is no tokenizer of a CLIP.
    pub fn end_of_text(json: &[u8]) -> Result<u32> {
        Ok(TokenizerJson::read(json)?.ends()?.last)
    }

    /// The highest id that a `tokenizer.json` gives a token.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is no tokenizer of a CLIP.
    pub fn highest_id(json: &[u8]) -> Result<u32> {
        let file = TokenizerJson::read(json)?;
        let added = file.added_tokens.iter().map(|token| token.id);
        let ids = file.model.vocab.into_values().chain(added);
        ids.max()
            .ok_or_else(|| unreadable(&"its vocabulary is empty"))
    }

    /// The ids of a text: start, the text's, end. A text that is too long loses its tail, never
    /// the end token. Special tokens that stand in the text are read letter by letter.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a token of the text is outside the vocabulary of the model.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = vec![self.ends.first];
        // Words are encoded one by one, so what follows a full context changes nothing in it.
        for word in words(&clean(text)) {
            if ids.len() >= self.context {
                break;
            }
            let tokens = self
                .bpe
                .tokenize(&spelled(word))
                .map_err(|e| Error::model(format!("the bundle's tokenizer failed: {e}")))?;
            ids.extend(tokens.iter().map(|Token { id, .. }| *id));
        }
        ids.truncate(self.context.saturating_sub(1));
        ids.push(self.ends.last);
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.vocabulary) {
            return Err(Error::model(format!(
                "the bundle's tokenizer yields token {id}, but the model knows only {}. Import the model again.",
                self.vocabulary
            )));
        }
        Ok(ids)
    }
}

/// The words of cleaned text: contractions, runs of letters, single digits, runs of anything else.
///
/// The reference's pattern minds no case anywhere. That makes a long s end a contraction, and
/// U+0345, which is no letter but has one as its capital, no part of any word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    static WORD: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"'(?i:s|t|re|ve|m|ll|d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}\u{345}]+"));
    WORD.find_iter(text).map(|word| word.as_str())
}

/// The characters by which the vocabulary spells the 256 bytes: a byte that is a visible character
/// in Latin-1 is that one, any other the next one from U+0100 on.
pub(crate) fn byte_letters() -> [char; 256] {
    let mut invisible = '\u{100}'..;
    std::array::from_fn(|byte| match u8::try_from(byte) {
        Ok(b @ (b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)) => char::from(b),
        _ => invisible.next().unwrap_or_default(),
    })
}

/// A word as the vocabulary spells it, by the bytes of its UTF-8.
fn spelled(word: &str) -> String {
    static LETTERS: LazyLock<[char; 256]> = LazyLock::new(byte_letters);
    word.bytes().map(|b| LETTERS[usize::from(b)]).collect()
}

/// The tokens around a text.
#[derive(Debug, Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
}

/// What is used of a `tokenizer.json`.
#[derive(Deserialize)]
struct TokenizerJson {
    model: BpeJson,
    post_processor: Option<PostProcessor>,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

/// A token outside the vocabulary of the model.
#[derive(Deserialize)]
struct Added {
    id: u32,
}

impl TokenizerJson {
    fn read(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).map_err(|e| unreadable(&e))
    }

    fn ends(&self) -> Result<Ends> {
        self.post_processor
            .as_ref()
            .and_then(PostProcessor::ends)
            .ok_or_else(|| unreadable(&"it does not put one token before a text and one behind it"))
    }
}

fn unreadable(why: &dyn std::fmt::Display) -> Error {
    Error::model(format!(
        "the bundle's tokenizer.json cannot be read as that of a CLIP ({why}). Import the model again."
    ))
}

/// The byte-pair encoding.
#[derive(Deserialize)]
struct BpeJson {
    /// Absent in files of early versions.
    r#type: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<MergeJson>,
    end_of_word_suffix: Option<String>,
    continuing_subword_prefix: Option<String>,
}

/// Two tokens that become one.
#[derive(Deserialize)]
#[serde(untagged)]
enum MergeJson {
    Pair(String, String),
    /// With a space between them.
    Line(String),
}

impl BpeJson {
    /// The model, without a token for what is unknown: that is the end token in CLIP's files, at
    /// which a text would be cut off.
    fn build(self) -> Result<BPE> {
        let of_clip = self.r#type.is_none_or(|name| name == "BPE")
            && self.end_of_word_suffix.as_deref() == Some(END_OF_WORD)
            && self.continuing_subword_prefix.is_none_or(|p| p.is_empty());
        if !of_clip {
            return Err(unreadable(
                &"its model is not a byte-pair encoding of words",
            ));
        }
        let merges = self
            .merges
            .into_iter()
            .map(|merge| merge.pair(&self.vocab))
            .collect::<Result<Vec<_>>>()?;
        let vocab = self.vocab.into_iter().collect();
        BPE::builder()
            .vocab_and_merges::<tokenizers::models::bpe::Vocab>(vocab, merges)
            .end_of_word_suffix(END_OF_WORD.into())
            .build()
            .map_err(|e| unreadable(&e))
    }
}

impl MergeJson {
    /// The two tokens. They and what they become must be known: the builder relies on it.
    fn pair(self, vocab: &HashMap<String, u32>) -> Result<(String, String)> {
        let pair = match self {
            Self::Pair(left, right) => Some((left, right)),
            Self::Line(line) => line
                .split_once(' ')
                .map(|(left, right)| (left.to_owned(), right.to_owned())),
        };
        pair.filter(|(left, right)| {
            [left, right, &format!("{left}{right}")]
                .into_iter()
                .all(|token| vocab.contains_key(token))
        })
        .ok_or_else(|| unreadable(&"a merge is not of two tokens that make a third"))
    }
}

/// What puts tokens around a text.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    #[serde(alias = "BertProcessing")]
    RobertaProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
    TemplateProcessing {
        single: Vec<TemplateItem>,
        special_tokens: HashMap<String, Special>,
    },
    Sequence {
        processors: Vec<PostProcessor>,
    },
    #[serde(other)]
    Other,
}

/// A place of a template.
#[derive(Deserialize)]
enum TemplateItem {
    Sequence {},
    SpecialToken { id: String },
}

/// The ids of a special token.
#[derive(Deserialize)]
struct Special {
    ids: Vec<u32>,
}

impl PostProcessor {
    fn ends(&self) -> Option<Ends> {
        match self {
            Self::RobertaProcessing { cls, sep } => Some(Ends {
                first: cls.1,
                last: sep.1,
            }),
            Self::TemplateProcessing {
                single,
                special_tokens,
            } => {
                let id = |name: &str| match special_tokens.get(name)?.ids.as_slice() {
                    [id] => Some(*id),
                    _ => None,
                };
                match single.as_slice() {
                    [
                        TemplateItem::SpecialToken { id: first },
                        TemplateItem::Sequence {},
                        TemplateItem::SpecialToken { id: last },
                    ] => Some(Ends {
                        first: id(first)?,
                        last: id(last)?,
                    }),
                    _ => None,
                }
            }
            Self::Sequence { processors } => processors.iter().find_map(Self::ends),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// A tokenizer with four letters and a merge.
    fn small() -> Value {
        json!({
            "model": {
                "type": "BPE", "end_of_word_suffix": "</w>",
                "vocab": {"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "<": 5, ">": 6},
                "merges": ["a b</w>"],
            },
            "post_processor": {"type": "RobertaProcessing", "cls": ["<", 5], "sep": [">", 6]},
        })
    }

    fn read(json: &Value) -> Result<Tokenizer> {
        let mut config = super::super::config::tests::small().text;
        config.vocabulary = 7;
        config.context = 5;
        config.end_of_text = 6;
        Tokenizer::from_bytes(json.to_string().as_bytes(), &config)
    }

    fn ids(json: &Value, text: &str) -> Vec<u32> {
        read(json).and_then(|t| t.encode(text)).expect("ids")
    }

    #[test]
    fn encode_merges_words_and_cuts_before_the_end_token() {
        assert_eq!(ids(&small(), ""), [5, 6]);
        assert_eq!(ids(&small(), "AB a"), [5, 4, 2, 6]);
        assert_eq!(ids(&small(), "aab b b b"), [5, 0, 4, 3, 6]);
    }

    #[test]
    fn encode_ends_no_text_at_what_is_unknown() {
        let mut json = small();
        json["model"]["unk_token"] = ">".into();
        assert_eq!(ids(&json, "xab b"), [5, 4, 3, 6]);
        assert_eq!(ids(&json, "é > < a"), [5, 2, 6]);
    }

    #[test]
    fn from_bytes_reads_all_forms_of_ends_and_merges() {
        let template = json!({
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": ">", "type_id": 0}},
            ],
            "pair": [],
            "special_tokens": {
                "<": {"id": "<", "ids": [5], "tokens": ["<"]},
                ">": {"id": ">", "ids": [6], "tokens": [">"]},
            },
        });
        let sequence = json!({
            "type": "Sequence",
            "processors": [{"type": "ByteLevel", "trim_offsets": false}, template],
        });
        let bert = json!({"type": "BertProcessing", "cls": ["<", 5], "sep": [">", 6]});
        for ends in [template, sequence, bert] {
            let mut json = small();
            json["post_processor"] = ends;
            json["model"]["merges"] = json!([["a", "b</w>"]]);
            assert_eq!(ids(&json, "ab"), [5, 4, 6], "{json}");
        }
    }

    #[test]
    fn from_bytes_refuses_tokenizers_of_other_models() {
        let broken: [(&str, Value); 8] = [
            ("/model/type", json!("WordPiece")),
            ("/model/end_of_word_suffix", Value::Null),
            ("/model/merges/0", json!("a c</w>")),
            ("/model/merges/0", json!("ab</w>")),
            ("/model/vocab/a", json!(-1)),
            ("/post_processor", Value::Null),
            ("/post_processor", json!({"type": "ByteLevel"})),
            ("/post_processor/sep/1", json!(3)),
        ];
        for (place, value) in broken {
            let mut json = small();
            *json.pointer_mut(place).expect("it is there") = value;
            let Err(Error::Model(message)) = read(&json) else {
                panic!("{place} passed: {json}");
            };
            assert!(message.contains("Import the model again"), "{message}");
        }
        assert!(Tokenizer::from_bytes(b"{", &super::super::config::tests::small().text).is_err());
    }

    #[test]
    fn encode_names_an_id_that_the_model_lacks() {
        let mut json = small();
        json["model"]["vocab"]["ab</w>"] = 7.into();
        let tokenizer = read(&json).expect("it is a tokenizer");
        assert_eq!(tokenizer.encode("a b").expect("ids"), [5, 2, 3, 6]);
        let Err(Error::Model(message)) = tokenizer.encode("ab") else {
            panic!("id 7 passed");
        };
        assert!(message.contains("token 7"), "{message}");
    }

    #[test]
    fn end_of_text_and_highest_id_need_no_model() {
        let mut json = small();
        assert_eq!(Tokenizer::end_of_text(json.to_string().as_bytes()), Ok(6));
        assert_eq!(Tokenizer::highest_id(json.to_string().as_bytes()), Ok(6));
        json["added_tokens"] = json!([{"id": 9, "content": "<pad>", "special": true}]);
        assert_eq!(Tokenizer::highest_id(json.to_string().as_bytes()), Ok(9));
    }

    #[test]
    fn spelled_uses_the_letters_of_the_vocabulary() {
        assert_eq!(spelled("a é\u{ad}\0"), "aĠÃ©ÂŃĀ");
        let all: std::collections::HashSet<_> = (0..=127)
            .map(char::from)
            .flat_map(|c| spelled(&c.to_string()).chars().collect::<Vec<_>>())
            .collect();
        assert_eq!(all.len(), 128);
    }

    proptest! {
        /// Whatever a `tokenizer.json` says, it is read or refused.
        #[test]
        fn from_bytes_never_panics(place in 0..700_usize, byte in any::<u8>(), text in "[ab <>é]{0,9}") {
            let mut bytes = small().to_string().into_bytes();
            let place = place % bytes.len();
            bytes[place] = byte;
            let mut config = super::super::config::tests::small().text;
            config.end_of_text = 6;
            if let Ok(tokenizer) = Tokenizer::from_bytes(&bytes, &config) {
                let _ = tokenizer.encode(&text);
            }
        }
    }
}
