//! Ready text embeddings: what makes common words free.
//!
//! A shard of its own holds the tensor `embeddings`, f16 `[names, projection]`, unit rows, and in
//! the file's metadata the `names` as a JSON list and the `templates` that they were made with.

#[cfg(feature = "cli")]
use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
#[cfg(feature = "cli")]
use safetensors::tensor::{TensorInfo, TensorView};
#[cfg(feature = "cli")]
use serde::{Deserialize, Serialize};

use super::weights::f16s;
use crate::error::{Error, Result};

const TENSOR: &str = "embeddings";

/// Words with their unit vectors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadyWords {
    /// The templates that they were made with, as [`templates_id`](crate::prompt::templates_id)
    /// calls them: vectors of other templates do not compare.
    pub templates: String,
    /// Names and vectors.
    pub words: Vec<(String, Vec<f32>)>,
}

/// The contents of a words shard.
///
/// # Errors
///
/// [`Error::Internal`] if the vectors differ in length.
#[cfg(feature = "cli")]
pub(super) fn encode_words(ready: &ReadyWords) -> Result<Vec<u8>> {
    let words = &ready.words;
    let projection = words.first().map_or(0, |(_, v)| v.len());
    let numbers: Vec<u8> = words
        .iter()
        .flat_map(|(_, vector)| vector)
        .flat_map(|v| f16::from_f32(*v).to_le_bytes())
        .collect();
    let failed = |e: &dyn std::fmt::Display| Error::internal(format!("a words shard: {e}"));
    let view = TensorView::new(Dtype::F16, vec![words.len(), projection], &numbers)
        .map_err(|e| failed(&e))?;
    let names: Vec<&str> = words.iter().map(|(name, _)| name.as_str()).collect();
    let names = serde_json::to_string(&names).map_err(|e| failed(&e))?;
    let metadata = HashMap::from([
        ("names".to_owned(), names),
        ("templates".to_owned(), ready.templates.clone()),
    ]);
    let mut file =
        safetensors::serialize([(TENSOR, view)], Some(metadata)).map_err(|e| failed(&e))?;
    sort_metadata(&mut file).map_err(|e| failed(&e))?;
    Ok(file)
}

/// Sorts the keys of the metadata, which safetensors takes from a hash map, so that the same words
/// are the same bytes.
#[cfg(feature = "cli")]
fn sort_metadata(file: &mut [u8]) -> serde_json::Result<()> {
    #[derive(Serialize, Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: BTreeMap<String, String>,
        embeddings: TensorInfo,
    }
    // The header is JSON behind its length, padded with spaces.
    let Some((length, rest)) = file.split_first_chunk_mut() else {
        return Ok(());
    };
    let header = &mut rest[..u64::from_le_bytes(*length) as usize];
    let sorted = serde_json::to_vec(&serde_json::from_slice::<Header>(header)?)?;
    header[..sorted.len()].copy_from_slice(&sorted);
    Ok(())
}

/// Reads a words shard of a model with this projection.
///
/// # Errors
///
/// [`Error::Model`] if it is no such shard, naming the file.
pub(super) fn read_words(file: &str, contents: &[u8], projection: usize) -> Result<ReadyWords> {
    let bad = |what: &str| Error::model(format!("{file} {what}. Import the model again."));
    let unreadable = |e| bad(&format!("is not a safetensors file ({e})"));
    let (_, header) = SafeTensors::read_metadata(contents).map_err(unreadable)?;
    let shard = SafeTensors::deserialize(contents).map_err(unreadable)?;
    let said = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key));
    let names = said("names").ok_or_else(|| bad("does not name its words"))?;
    let names: Vec<String> =
        serde_json::from_str(names).map_err(|_| bad("does not name its words"))?;
    let view = shard
        .tensor(TENSOR)
        .map_err(|_| bad("lacks the embeddings"))?;
    if shard.len() != 1 || view.dtype() != Dtype::F16 || view.shape() != [names.len(), projection] {
        return Err(bad(
            "does not hold one row of the model's space for each word",
        ));
    }
    let templates = said("templates").ok_or_else(|| bad("does not name its templates"))?;
    let numbers = f16s(&view);
    let words = names
        .into_iter()
        .zip(numbers.chunks_exact(projection))
        .map(|(name, row)| match unit(row) {
            Some(vector) => Ok((name, vector)),
            None => Err(bad("has a word without a direction")),
        })
        .collect::<Result<_>>()?;
    Ok(ReadyWords {
        templates: templates.clone(),
        words,
    })
}

/// Rounded to f16 a row is no longer quite a unit vector.
fn unit(row: &[f16]) -> Option<Vec<f32>> {
    let row: Vec<f32> = row.iter().map(|v| v.to_f32()).collect();
    let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    (length.is_finite() && length > 0.0).then(|| row.iter().map(|v| v / length).collect())
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ready(words: &[(&str, [f32; 3])]) -> ReadyWords {
        ReadyWords {
            templates: "some".into(),
            words: words
                .iter()
                .map(|(n, v)| ((*n).into(), v.to_vec()))
                .collect(),
        }
    }

    #[test]
    fn read_words_reads_back_what_encode_words_wrote() {
        let words = ready(&[("sky", [0.6, 0.8, 0.0]), ("a \"b\"", [0.0, 0.0, -1.0])]);
        let read = read_words("w", &encode_words(&words).unwrap(), 3).unwrap();
        assert_eq!((read.templates.as_str(), read.words.len()), ("some", 2));
        for ((name, vector), (expected, e)) in read.words.iter().zip(&words.words) {
            assert_eq!(name, expected);
            assert!(
                vector.iter().zip(e).all(|(a, b)| (a - b).abs() < 1e-3),
                "{vector:?}"
            );
            let length: f32 = vector.iter().map(|v| v * v).sum();
            assert!((length - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn encode_words_gives_the_same_bytes_each_time() {
        let words = ready(&[("sky", [0.6, 0.8, 0.0]), ("a \"b\"", [0.0, 0.0, -1.0])]);
        let file = encode_words(&words).unwrap();
        assert!(file[8..].starts_with(br#"{"__metadata__":{"names":"#));
        // The order of a hash map is another one each time.
        for _ in 0..16 {
            assert_eq!(encode_words(&words).unwrap(), file);
        }
    }

    #[test]
    fn read_words_refuses_by_name_what_does_not_fit() {
        let good = encode_words(&ready(&[("sky", [0.6, 0.8, 0.0])])).unwrap();
        let zero = encode_words(&ready(&[("sky", [0.0; 3])])).unwrap();
        let nan = encode_words(&ready(&[("sky", [f32::NAN; 3])])).unwrap();
        for (bytes, projection) in [(&good, 4), (&good[..40].to_vec(), 3), (&zero, 3), (&nan, 3)] {
            let error = read_words("words-00.safetensors", bytes, projection).unwrap_err();
            assert_eq!(error.code(), "model");
            assert!(error.to_string().contains("words-00"), "{error}");
        }
    }
}
