//! The text tower.

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::block::{Block, BlockShape, build_layer_norm};
use super::config::TextConfig;
use super::load_tensor;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::quant::{RowTable, WeightSource};

/// Texts that go through the tower together. Enough to fill the kernels, few enough that a
/// caller who cancels does not wait.
const BATCH: usize = 32;

/// A causal transformer read at the end-of-text token.
pub struct TextTower {
    /// `[vocabulary, width]` on the host: a text needs a few rows of what is the largest tensor.
    tokens: Box<dyn RowTable>,
    /// `[context, width]`
    positions: Box<dyn RowTable>,
    width: usize,
    layers: Layers,
    device: Device,
}

impl std::fmt::Debug for TextTower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextTower")
            .field("width", &self.width)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[derive(Module, Debug)]
struct Layers {
    blocks: Vec<Block>,
    norm: LayerNorm,
    /// `[width, projection]`
    text_projection: Param<Tensor<2>>,
}

impl TextTower {
    /// Builds the tower on `device` from weights in the Hugging Face layout.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing or has another shape; [`Error::Io`] if the source
    /// cannot read its file.
    pub fn load(
        source: &mut impl WeightSource,
        config: &TextConfig,
        projection: usize,
        device: &Device,
    ) -> Result<Self> {
        let width = config.width;
        let shape = BlockShape {
            width,
            heads: config.heads,
            mlp: config.mlp,
            activation: config.activation,
            norm_eps: config.norm_eps,
        };
        let blocks = (0..config.layers)
            .map(|layer| {
                let prefix = format!("text_model.encoder.layers.{layer}");
                Block::load(source, &prefix, shape, device)
            })
            .collect::<Result<_>>()?;
        let out: Tensor<2> = load_tensor(
            source,
            "text_projection.weight",
            [projection, width],
            device,
        )?;
        let name = "text_model.final_layer_norm";
        Ok(Self {
            tokens: source.table(
                "text_model.embeddings.token_embedding.weight",
                [config.vocabulary, width],
            )?,
            positions: source.table(
                "text_model.embeddings.position_embedding.weight",
                [config.context, width],
            )?,
            width,
            layers: Layers {
                blocks,
                norm: build_layer_norm(source, name, width, config.norm_eps, device)?,
                text_projection: Param::from_tensor(out.transpose()),
            },
            device: device.clone(),
        })
    }

    /// Embeds texts given as token ids, each ending in its end-of-text token.
    ///
    /// No position behind the longest text of a batch is computed, which the causal mask makes
    /// exact.
    ///
    /// # Shapes
    ///
    /// - output: a row for each text, each of `projection` numbers, not normalised
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::Internal`] if a text is empty or an id is outside the vocabulary.
    pub async fn embed(
        &self,
        texts: &[Vec<u32>],
        progress: &mut impl Progress,
    ) -> Result<Vec<Vec<f32>>> {
        // Texts of like length share a batch, so that little is computed behind end tokens.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| texts[i].len());
        let batches = texts.len().div_ceil(BATCH);
        let mut rows = vec![Vec::new(); texts.len()];
        for (done, batch) in order.chunks(BATCH).enumerate() {
            progress.step(done, batches).await?;
            let ids: Vec<&[u32]> = batch.iter().map(|&i| texts[i].as_slice()).collect();
            let embedded = crate::readback::read(self.forward(&ids)?).await?;
            let width = embedded.len() / batch.len();
            for (&i, row) in batch.iter().zip(embedded.chunks_exact(width)) {
                rows[i] = row.to_vec();
            }
        }
        progress.step(batches, batches).await?;
        Ok(rows)
    }

    /// One batch: `[texts, projection]`.
    fn forward(&self, texts: &[&[u32]]) -> Result<Tensor<2>> {
        let longest = texts.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let mut input = vec![0.0; texts.len() * longest * self.width];
        let mut ends = Vec::with_capacity(texts.len());
        for (row, ids) in texts.iter().enumerate() {
            let end = ids
                .len()
                .checked_sub(1)
                .ok_or_else(|| Error::internal("a text without tokens"))?;
            ends.push(
                i32::try_from(row * longest + end).map_err(|e| Error::internal(e.to_string()))?,
            );
            let out = &mut input[row * longest * self.width..];
            for (place, (&id, out)) in ids.iter().zip(out.chunks_exact_mut(self.width)).enumerate()
            {
                self.embed_token(id, place, out)?;
            }
        }
        let data = TensorData::new(input, [texts.len(), longest, self.width]);
        let mut x: Tensor<3> = Tensor::from_data(data, &self.device);
        for block in &self.layers.blocks {
            x = block.forward(x, true);
        }
        let x = x.reshape([texts.len() * longest, self.width]);
        let ends: Tensor<1, Int> =
            Tensor::from_data(TensorData::new(ends, [texts.len()]), &self.device);
        let x = self.layers.norm.forward(x.select(0, ends));
        Ok(x.matmul(self.layers.text_projection.val()))
    }

    fn embed_token(&self, id: u32, place: usize, out: &mut [f32]) -> Result<()> {
        let mut position = vec![0.0; self.width];
        let found = self.tokens.row(id as usize, out);
        if found
            .and(self.positions.row(place, &mut position))
            .is_none()
        {
            return Err(Error::internal(format!(
                "token {id} at place {place} is outside the tables"
            )));
        }
        for (out, position) in out.iter_mut().zip(position) {
            *out += position;
        }
        Ok(())
    }
}
