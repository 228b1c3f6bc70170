//! The vision tower.

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::block::{Block, BlockShape, build_layer_norm};
use super::config::VisionConfig;
use super::load_tensor;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::quant::WeightSource;

/// The shape of a grid of patches; a cell is one position of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Cells from top to bottom.
    pub rows: usize,
    /// Cells from left to right.
    pub cols: usize,
}

impl Grid {
    /// Number of cells.
    #[must_use]
    pub fn cells(self) -> usize {
        self.rows * self.cols
    }
}

/// A Vision Transformer that takes grids of any shape: position embeddings are resized.
#[derive(Module, Debug)]
pub struct VisionTower {
    /// `[3 · patch², width]`: the patch convolution, which has stride and no overlap, as a matrix.
    patch: Param<Tensor<2>>,
    class: Param<Tensor<1>>,
    positions: Positions,
    pre_norm: LayerNorm,
    blocks: Vec<Block>,
    post_norm: LayerNorm,
    /// `[width, projection]`
    visual_projection: Param<Tensor<2>>,
}

impl VisionTower {
    /// Blocks that [`VisionTower::backbone`] runs, each a step of its progress.
    #[must_use]
    pub fn backbone_blocks(&self) -> usize {
        self.blocks.len().saturating_sub(1)
    }

    /// Builds the tower on `device` from weights in the Hugging Face layout.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] if a tensor is missing or has another shape; [`Error::Io`] if the source
    /// cannot read its file.
    pub fn load(
        source: &mut impl WeightSource,
        config: &VisionConfig,
        projection: usize,
        device: &Device,
    ) -> Result<Self> {
        let VisionConfig { width, patch, .. } = *config;
        let grid = config.grid();
        let kernel: Tensor<4> = load_tensor(
            source,
            "vision_model.embeddings.patch_embedding.weight",
            [width, 3, patch, patch],
            device,
        )?;
        let table: Tensor<2> = load_tensor(
            source,
            "vision_model.embeddings.position_embedding.weight",
            [1 + grid * grid, width],
            device,
        )?;
        let norm = |source: &mut _, name: &str| {
            let name = format!("vision_model.{name}");
            build_layer_norm(source, &name, width, config.norm_eps, device)
        };
        let shape = BlockShape::from(config);
        let blocks = (0..config.layers)
            .map(|layer| Block::load(source, &VisionConfig::block(layer), shape, device))
            .collect::<Result<_>>()?;
        let out: Tensor<2> = load_tensor(
            source,
            "visual_projection.weight",
            [projection, width],
            device,
        )?;
        Ok(Self {
            patch: Param::from_tensor(kernel.reshape([width, 3 * patch * patch]).transpose()),
            class: Param::from_tensor(load_tensor(
                source,
                "vision_model.embeddings.class_embedding",
                [width],
                device,
            )?),
            positions: Positions::new(table, grid),
            // The misspelling is the layout's.
            pre_norm: norm(source, "pre_layrnorm")?,
            blocks,
            post_norm: norm(source, "post_layernorm")?,
            visual_projection: Param::from_tensor(out.transpose()),
        })
    }

    /// Runs all blocks but the last.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[batch, cells, 3 · patch²]`, as [`patches`] cuts them
    /// - output: the tokens that enter the last block, `[batch, 1 + cells, width]`, class token first
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Internal`] if the grid is not that
    /// of the patches.
    pub async fn backbone(
        &self,
        patches: Tensor<3>,
        grid: Grid,
        progress: &mut impl Progress,
    ) -> Result<Tensor<3>> {
        self.run(patches, grid, progress, |_| ()).await
    }

    /// Runs all blocks and keeps every hidden state: the embeddings first, then each block's tokens,
    /// the last of them what [`VisionTower::backbone`] returns.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if `progress` asks to stop; [`Error::Internal`] if the grid is not that
    /// of the patches.
    pub async fn hidden_states(
        &self,
        patches: Tensor<3>,
        grid: Grid,
        progress: &mut impl Progress,
    ) -> Result<Vec<Tensor<3>>> {
        let mut hidden_states = Vec::with_capacity(self.blocks.len());
        let keep = |x: &Tensor<3>| hidden_states.push(x.clone());
        self.run(patches, grid, progress, keep).await?;
        Ok(hidden_states)
    }

    async fn run(
        &self,
        patches: Tensor<3>,
        grid: Grid,
        progress: &mut impl Progress,
        mut visit: impl FnMut(&Tensor<3>),
    ) -> Result<Tensor<3>> {
        let mut x = self.embed(patches, grid)?;
        visit(&x);
        let (_, backbone) = self.last_and_backbone()?;
        let total = backbone.len();
        for (done, block) in backbone.iter().enumerate() {
            progress.step(done, total).await?;
            x = block.forward(x, false);
            visit(&x);
        }
        progress.step(total, total).await?;
        Ok(x)
    }

    /// The last block, which dense methods take apart.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the tower has no blocks, which [`VisionTower::load`] never builds.
    pub fn last_block(&self) -> Result<&Block> {
        Ok(self.last_and_backbone()?.0)
    }

    /// The output projection of the tower for tokens of the last block: norm, then projection.
    ///
    /// # Shapes
    ///
    /// - input: `[tokens, width]`
    /// - output: `[tokens, projection]`
    #[must_use]
    pub fn project(&self, tokens: Tensor<2>) -> Tensor<2> {
        self.post_norm
            .forward(tokens)
            .matmul(self.visual_projection.val())
    }

    /// CLIP's embedding of whole pictures: the last block as trained, read at the class token.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[batch, 1 + cells, width]`, from [`VisionTower::backbone`]
    /// - output: `[batch, projection]`, not normalised
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the tower has no blocks.
    pub fn pool(&self, tokens: Tensor<3>) -> Result<Tensor<2>> {
        let [batch, _, width] = tokens.dims();
        let out = self.last_block()?.forward(tokens, false);
        let class = out
            .slice([0..batch, 0..1, 0..width])
            .reshape([batch, width]);
        Ok(self.project(class))
    }

    /// The tokens that enter the first block: patches, class token, positions, norm.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the grid is not that of the patches.
    pub fn embed(&self, patches: Tensor<3>, grid: Grid) -> Result<Tensor<3>> {
        let [batch, cells, size] = patches.dims();
        let kernel = self.patch.val();
        let [input, width] = kernel.dims();
        if cells != grid.cells() || size != input {
            return Err(Error::internal(format!(
                "{cells} patches of {size} numbers for a grid of {} cells of {input}",
                grid.cells()
            )));
        }
        let cells_embedded = patches.reshape([batch * cells, size]).matmul(kernel);
        let cells_embedded = cells_embedded.reshape([batch, cells, width])
            + self.positions.cells(grid).unsqueeze::<3>();
        let class = (self.class.val() + self.positions.class.val()).reshape([1, 1, width]);
        let class = class.expand([batch, 1, width]);
        Ok(self
            .pre_norm
            .forward(Tensor::cat(vec![class, cells_embedded], 1)))
    }

    fn last_and_backbone(&self) -> Result<(&Block, &[Block])> {
        self.blocks
            .split_last()
            .ok_or_else(|| Error::internal("a vision tower without blocks"))
    }
}

/// Position embeddings of a class token and a grid, which are resized to any other grid.
#[derive(Module, Debug)]
pub struct Positions {
    /// `[width]`
    pub class: Param<Tensor<1>>,
    /// `[1, width, grid, grid]`, ready to be resized.
    grid: Param<Tensor<4>>,
}

impl Positions {
    /// Splits a table, `[1 + grid², width]`.
    #[must_use]
    pub fn new(table: Tensor<2>, grid: usize) -> Self {
        let [rows, width] = table.dims();
        let class = table.clone().slice([0..1, 0..width]).reshape([width]);
        let cells = table.slice([1..rows, 0..width]);
        let cells = cells.transpose().reshape([1, width, grid, grid]);
        Self {
            class: Param::from_tensor(class),
            grid: Param::from_tensor(cells),
        }
    }

    /// The position embeddings of a grid, `[cells, width]`: bicubic, as PyTorch's
    /// `interpolate(mode="bicubic", align_corners=False)`.
    #[must_use]
    pub fn cells(&self, grid: Grid) -> Tensor<2> {
        let trained = self.grid.val();
        let [_, width, rows, cols] = trained.dims();
        let resized = if (rows, cols) == (grid.rows, grid.cols) {
            trained
        } else {
            let options = InterpolateOptions::new(InterpolateMode::Bicubic)
                .with_align_corners(false)
                .with_output_size([grid.rows, grid.cols]);
            interpolate(trained, options)
        };
        resized.reshape([width, grid.cells()]).transpose()
    }
}

/// Cuts a picture into patches, in the order of the grid, each as the patch convolution reads it.
///
/// # Shapes
///
/// - `planes`: `[3, height, width]` row-major, normalised; both sides multiples of `patch`
/// - output: `[1, cells, 3 · patch²]`
///
/// # Errors
///
/// [`Error::Internal`] if the sides are no multiples of `patch` or the length does not fit.
pub fn patches(
    planes: &[f32],
    width: usize,
    height: usize,
    patch: usize,
    device: &Device,
) -> Result<(Tensor<3>, Grid)> {
    let grid = Grid {
        rows: height / patch,
        cols: width / patch,
    };
    if grid.rows * patch != height
        || grid.cols * patch != width
        || planes.len() != 3 * width * height
    {
        return Err(Error::internal(format!(
            "a picture of {width}×{height} with {} numbers cannot be cut into patches of {patch}",
            planes.len()
        )));
    }
    let mut cut = Vec::with_capacity(planes.len());
    for row in 0..grid.rows {
        for col in 0..grid.cols {
            for plane in planes.chunks_exact(width * height) {
                for y in 0..patch {
                    let start = (row * patch + y) * width + col * patch;
                    cut.extend_from_slice(&plane[start..start + patch]);
                }
            }
        }
    }
    let data = TensorData::new(cut, [1, grid.cells(), 3 * patch * patch]);
    Ok((Tensor::from_data(data, device), grid))
}
