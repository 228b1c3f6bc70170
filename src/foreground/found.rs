//! A foreground score by a second network: FOUND (arXiv 2212.07834), the guide of CLIP-DIY
//! (arXiv 2309.14289).
//!
//! FOUND is one convolution of 1×1 on what the last block of DINO's Vision Transformer
//! (arXiv 2104.14294) calls keys. DINO's blocks are CLIP's; what is before and after them differs:
//! the patch embedding has a bias, nothing is normalised before the first block, and of the last
//! block only the keys are computed.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Tensor};

use crate::clip::{
    Block, BlockShape, Grid, GuideConfig, Positions, build_layer_norm, build_linear, load_tensor,
    patches, vit_name,
};
use crate::error::{Error, Result};
use crate::image::{CellAxis, Picture, enlarge};
use crate::progress::Progress;
use crate::quant::{Stored, WeightSource};

/// The most cells that a picture is seen with: those of 640 × 480 pixels in patches of 8, so that
/// pictures of the usual data sets are seen in full. Attention's memory grows with the square of
/// the cells; at this many, one layer's maps of six heads are 550 MB where they are written out.
const MAX_CELLS: u64 = 80 * 60;

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
    /// [`Error::Model`] if a tensor is missing or has another shape; [`Error::Io`] if the source
    /// cannot read its file.
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
            positions: Positions::new(table.reshape([1 + grid * grid, width]), grid),
            blocks,
            last_norm: build_layer_norm(source, &norm, width, tower.norm_eps, device)?,
            last_key: build_linear(source, &key, width, width, device)?,
            head: build_linear(source, "guide.head", width, 1, device)?,
        })
    }

    /// How likely each pixel shows a thing, 0..1, with the width and height at which the picture was
    /// seen: its own, or less if it is large (4 800 cells at most).
    ///
    /// As published, the picture is padded to whole cells, and probabilities are the sigmoid of
    /// logits that were interpolated to pixels: the other way round edges would be blurred over a
    /// cell.
    ///
    /// # Shapes
    ///
    /// - output: `[height, width]`
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::OutOfMemory`] if the pixels do not fit in memory.
    pub async fn foreground(
        &self,
        picture: &Picture,
        config: &GuideConfig,
        progress: &mut impl Progress,
    ) -> Result<(Vec<f32>, u32, u32)> {
        let patch = config.tower.patch;
        let (width, height) = working_size(picture.width(), picture.height(), patch as u32);
        let planes = picture
            .resize(width, height)?
            .to_planes(config.pixel_mean, config.pixel_std);
        let [columns, lines] = [width, height].map(|side| side as usize);
        let [wide, high] = [columns, lines].map(|side| side.next_multiple_of(patch));
        let planes = pad(&planes, columns, lines, wide, high);
        let (cut, grid) = patches(&planes, wide, high, patch, &self.class.val().device())?;
        let logits = self.logits(cut, grid, progress).await?;
        let axes = [lines, columns].map(|side| CellAxis::padded(side, patch));
        let mut likely = enlarge(&logits, &axes, columns, lines);
        for value in &mut likely {
            *value = 1.0 / (1.0 + (-*value).exp());
        }
        Ok((likely, width, height))
    }

    /// The logit that each cell shows a thing.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[1, cells, 3 · patch²]`, as [`patches`](crate::clip::patches) cuts them
    /// - output: `[cells]`
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Device`] if the device fails;
    /// [`Error::Internal`] if the grid is not that of the patches.
    async fn logits(
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
        crate::readback::read(self.head.forward(keys)).await
    }
}

/// The size at which a picture of `width` by `height` is seen: its own, or one of its shape with at
/// most [`MAX_CELLS`] cells if it has more.
fn working_size(width: u32, height: u32, patch: u32) -> (u32, u32) {
    let cells = |(width, height): (u32, u32)| {
        u64::from(width.div_ceil(patch)) * u64::from(height.div_ceil(patch))
    };
    let scaled = |scale: f64| {
        let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        (side(width), side(height))
    };
    let pixels = f64::from(width) * f64::from(height);
    let most = MAX_CELLS as f64 * f64::from(patch).powi(2);
    let mut scale = (most / pixels).sqrt().min(1.0);
    // Cells that are cut off count whole, so the first guess may be a little too large.
    while cells(scaled(scale)) > MAX_CELLS {
        scale *= 0.99;
    }
    scaled(scale)
}

/// Planes of `[height, width]` with zeros, which is the mean colour, at the right and the bottom.
fn pad(planes: &[f32], width: usize, height: usize, wide: usize, high: usize) -> Vec<f32> {
    let mut padded = vec![0.0; planes.len() / (width * height) * wide * high];
    let planes = planes.chunks_exact(width * height);
    for (target, source) in padded.chunks_exact_mut(wide * high).zip(planes) {
        for (target, source) in target
            .chunks_exact_mut(wide)
            .zip(source.chunks_exact(width))
        {
            target[..width].copy_from_slice(source);
        }
    }
    padded
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
    use crate::import::{Directory, PublishedGuide};
    use crate::progress::NoProgress;

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/found");

    #[test]
    fn found_sees_what_the_reference_sees() {
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
                let logits = pollster::block_on(found.logits(cut, grid, &mut NoProgress)).unwrap();
                for (logit, expected) in logits.iter().zip(&expected) {
                    let score = 1.0 / (1.0 + (-logit).exp());
                    assert!((score - expected).abs() < 1e-5, "{score} {expected}");
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 2 * (16 + 35));
    }

    #[test]
    fn found_matches_the_published_pipeline_at_any_size() {
        let answers = std::fs::read(format!("{FIXTURE}/expected.safetensors")).unwrap();
        let answers = SafeTensors::deserialize(&answers).unwrap();
        let files = |name: &str| Directory::new(&Path::new(FIXTURE).join(name)).unwrap();
        let mut guide =
            PublishedGuide::open(&files("model.safetensors"), &files("decoder_weights.pt"))
                .unwrap();
        let config = guide.config().clone();
        let found = Found::load(&mut guide, &config, &Device::flex()).unwrap();
        // A picture whose sides are no multiples of the patch.
        let view = answers.tensor("odd.picture").unwrap();
        let [height, width, _] = view.shape()[..] else {
            panic!("no picture")
        };
        let picture = Picture::from_rgb(width as u32, height as u32, view.data().to_vec()).unwrap();
        let seen = pollster::block_on(found.foreground(&picture, &config, &mut NoProgress));
        let (likely, seen_width, seen_height) = seen.unwrap();
        assert_eq!((seen_width, seen_height), (width as u32, height as u32));
        let (numbers, _) = answers
            .tensor("odd.foreground")
            .unwrap()
            .data()
            .as_chunks::<4>();
        assert_eq!(likely.len(), numbers.len());
        for (score, expected) in likely.iter().zip(numbers) {
            let expected = f32::from_le_bytes(*expected);
            assert!((score - expected).abs() < 1e-5, "{score} {expected}");
        }
    }

    #[test]
    fn found_scales_large_pictures_down() {
        assert_eq!(working_size(640, 480, 8), (640, 480));
        assert_eq!(working_size(500, 375, 8), (500, 375));
        assert_eq!(working_size(1280, 960, 8), (640, 480));
        assert_eq!(working_size(16_384, 1, 8), (16_384, 1));
        for (width, height) in [(641, 480), (4000, 3000), (16_384, 100), (3, 16_384)] {
            let (seen_width, seen_height) = working_size(width, height, 8);
            let cells = seen_width.div_ceil(8) * seen_height.div_ceil(8);
            assert!(cells <= 4800, "{cells}");
            assert!(width * height < 64 * 4800 || cells > 4000, "{cells}");
        }
    }
}
