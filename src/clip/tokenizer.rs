//! From text to token ids, through the Hugging Face `tokenizers` crate.

use crate::error::{Error, Result};

/// A bundle's tokenizer, bound to its text tower's context length.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    context: usize,
    vocabulary: usize,
    end_of_text: u32,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("context", &self.context)
            .field("end_of_text", &self.end_of_text)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json` in the Hugging Face format.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if it is none, or none for a tower of this config.
    pub fn from_bytes(json: &[u8], config: &super::TextConfig) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(|e| {
            Error::model(format!(
                "the bundle's tokenizer.json cannot be read ({e}). Import the model again."
            ))
        })?;
        // Truncation and padding are this type's own business: it keeps the end token.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| Error::model(format!("the bundle's tokenizer is unusable: {e}")))?;
        let tokenizer = Self {
            inner,
            context: config.context,
            vocabulary: config.vocabulary,
            end_of_text: config.end_of_text,
        };
        // An empty text is start and end; anything else is a tokenizer for another kind of model.
        let ids = tokenizer.encode("")?;
        if ids.len() != 2 {
            return Err(Error::model(format!(
                "the bundle's tokenizer turns an empty text into {} tokens instead of start and end. Import the model again.",
                ids.len()
            )));
        }
        Ok(tokenizer)
    }

    /// The ids of a text: start, the text's, end. A text that is too long loses its tail, never
    /// the end token.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if the tokenizer yields an id outside the vocabulary or no end token.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, true)
            .map_err(|e| Error::model(format!("the bundle's tokenizer failed: {e}")))?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.len() > self.context {
            ids.truncate(self.context);
            if let Some(last) = ids.last_mut() {
                *last = self.end_of_text;
            }
        }
        if ids.last() != Some(&self.end_of_text) {
            return Err(Error::model(format!(
                "the bundle's tokenizer does not end a text with the token {} that its manifest names. Import the model again.",
                self.end_of_text
            )));
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= self.vocabulary) {
            return Err(Error::model(format!(
                "the bundle's tokenizer yields token {id}, but the model knows only {}. Import the model again.",
                self.vocabulary
            )));
        }
        Ok(ids)
    }
}
