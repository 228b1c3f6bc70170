//! A foreground score by a second network: FOUND (arXiv 2212.07834), the guide of CLIP-DIY
//! (arXiv 2309.14289).
//!
//! FOUND is one convolution of 1×1 on what the last block of DINO's Vision Transformer
//! (arXiv 2104.14294) calls keys. DINO's blocks are CLIP's; what is before and after them differs:
//! the patch embedding has a bias, nothing is normalised before the first block, and of the last
//! block only the keys are computed.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use crate::clip::{
    Block, BlockShape, Grid, GuideConfig, Positions, build_layer_norm, build_linear, load_tensor,
    vit_name,
};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::quant::{Stored, WeightSource};

/// DINO and FOUND's head.
#[derive(Module, Debug)]
pub struct Found {
    /// The patch convolution, which has stride and no overlap, as a matrix.
    patch: Linear,
    class: Param<Tensor<1>>,
    positions: Positions,
    /// All but the last.
    blocks: Vec<Block>,
    /// The part of the last block that is used.
    last_norm: LayerNorm,
    last_key: Linear,
    head: Linear,
}

impl Found {
    /// Builds the network on `device` from weights in the layout of Hugging Face's `ViTModel`
    /// under `guide.`, with the head's under `guide.head`.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing or has another shape.
    pub fn load(
        source: &mut impl WeightSource,
        config: &GuideConfig,
        device: &Device,
    ) -> Result<Self> {
        let tower = &config.tower;
        let (width, patch, grid) = (tower.width, tower.patch, tower.grid());
        let table: Tensor<3> = load_tensor(
            source,
            "guide.embeddings.position_embeddings",
            [1, 1 + grid * grid, width],
            device,
        )?;
        let class: Tensor<3> =
            load_tensor(source, "guide.embeddings.cls_token", [1, 1, width], device)?;
        let projection = "guide.embeddings.patch_embeddings.projection";
        let kernel: Tensor<4> = load_tensor(
            source,
            &format!("{projection}.weight"),
            [width, 3, patch, patch],
            device,
        )?;
        let bias = load_tensor(source, &format!("{projection}.bias"), [width], device)?;
        let kernel = kernel.reshape([width, 3 * patch * patch]).transpose();
        let shape = BlockShape::from(tower);
        let blocks = (0..tower.layers - 1)
            .map(|layer| {
                let prefix = format!("guide.encoder.layer.{layer}");
                Block::load(&mut BlockNames(&mut *source), &prefix, shape, device)
            })
            .collect::<Result<_>>()?;
        let last = format!("guide.encoder.layer.{}", tower.layers - 1);
        let norm = format!("{last}.layernorm_before");
        let key = format!("{last}.attention.attention.key");
        Ok(Self {
            patch: Linear {
                weight: Param::from_tensor(kernel),
                bias: Some(Param::from_tensor(bias)),
            },
            class: Param::from_tensor(class.reshape([width])),
            positions: Positions::of(table.reshape([1 + grid * grid, width]), grid),
            blocks,
            last_norm: build_layer_norm(source, &norm, width, tower.norm_eps, device)?,
            last_key: build_linear(source, &key, width, width, device)?,
            head: build_linear(source, "guide.head", width, 1, device)?,
        })
    }

    /// How likely each cell shows a thing, 0..1.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[1, cells, 3 · patch²]`, as [`patches`](crate::clip::patches) cuts them
    /// - output: `[cells]`
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] from `progress`, [`Error::Internal`] if the grid is not that of the patches,
    /// [`Error::Device`] if the device fails.
    pub async fn foreground(
        &self,
        patches: Tensor<3>,
        grid: Grid,
        progress: &mut impl Progress,
    ) -> Result<Vec<f32>> {
        let [_, cells, _] = patches.dims();
        if cells != grid.cells() {
            return Err(Error::internal(format!(
                "{cells} patches for a grid of {} cells",
                grid.cells()
            )));
        }
        let embedded = self.patch.forward(patches) + self.positions.cells(grid).unsqueeze::<3>();
        let [_, _, width] = embedded.dims();
        let class = (self.class.val() + self.positions.class.val()).reshape([1, 1, width]);
        let mut x = Tensor::cat(vec![class, embedded], 1);
        let total = self.blocks.len();
        for (done, block) in self.blocks.iter().enumerate() {
            progress.step(done, total).await?;
            x = block.forward(x, false);
        }
        progress.step(total, total).await?;
        let cells = x.slice([0..1, 1..1 + cells, 0..width]);
        let keys = self.last_key.forward(self.last_norm.forward(cells));
        crate::readback::read(sigmoid(self.head.forward(keys))).await
    }
}

/// A source in which blocks go by the names of `ViTModel`.
struct BlockNames<'a, S>(&'a mut S);

impl<S: WeightSource> WeightSource for BlockNames<'_, S> {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.0.values(&vit_name(name), shape)
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        self.0.matrix(&vit_name(name), shape)
    }
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use safetensors::SafeTensors;

    use super::*;
    use crate::clip::patches;
    use crate::import::{Directory, PublishedGuide};
    use crate::progress::NoProgress;

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/found");

    #[test]
    fn it_sees_what_the_reference_sees() {
        let answers = std::fs::read(format!("{FIXTURE}/expected.safetensors")).unwrap();
        let answers = SafeTensors::deserialize(&answers).unwrap();
        let device = Device::flex();
        let mut compared = 0;
        for encoder in ["model.safetensors", "dino.pth"] {
            let files = |name: &str| Directory::new(&Path::new(FIXTURE).join(name)).unwrap();
            let head = files("decoder_weights.pt");
            let mut guide = PublishedGuide::open(&files(encoder), &head).unwrap();
            let config = guide.config().clone();
            let found = Found::load(&mut guide, &config, &device).unwrap();
            for shape in ["square", "wide"] {
                let floats = |name: &str| -> (Vec<f32>, Vec<usize>) {
                    let view = answers.tensor(&format!("{shape}.{name}")).unwrap();
                    let (numbers, _) = view.data().as_chunks::<4>();
                    let values = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
                    (values, view.shape().to_vec())
                };
                let (pixels, size) = floats("pixels");
                let (expected, _) = floats("foreground");
                let patch = config.tower.patch;
                let (cut, grid) = patches(&pixels, size[2], size[1], patch, &device).unwrap();
                let scores = pollster::block_on(found.foreground(cut, grid, &mut NoProgress));
                for (score, expected) in scores.unwrap().iter().zip(&expected) {
                    assert!((score - expected).abs() < 1e-5, "{score} {expected}");
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 2 * (16 + 35));
    }
}
