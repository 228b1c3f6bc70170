//! SC-CLIP (arXiv 2411.15869): the network calibrates itself by the similarities of its own
//! middle layers.

use burn::tensor::{Bool, Tensor};

use super::CellFeatures;
use super::last_block::{LastBlock, cells, weights};
use super::outliers::Repair;
use crate::clip::{Grid, VisionTower, normalise_rows};
use crate::error::Result;

/// Cells less alike than this do not share.
const ALIKE: f32 = 0.4;

/// The factor on similarities before the softmax.
const SHARPNESS: f32 = 3.0;

/// How much of the class token every cell gets.
const CLASS_SHARE: f32 = 0.3;

/// The blocks that the method looks at, numbered from one in a tower of twelve and moved in
/// proportion in others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Depths {
    shallow: usize,
    deep: usize,
    last_summed: usize,
}

impl Depths {
    fn new(layers: usize) -> Self {
        let at = |block: usize| {
            let moved = (block * layers) as f64 / 12.0;
            (moved.round() as usize).clamp(1, (layers - 1).max(1))
        };
        Self {
            shallow: at(4),
            deep: at(9),
            last_summed: at(10),
        }
    }
}

/// Cell features from all hidden states: the embeddings first, then each block's output, the last of
/// them what enters the last block.
///
/// # Errors
///
/// [`Error::Device`](crate::Error::Device) if the device fails.
pub(super) async fn scclip(
    tower: &VisionTower,
    hidden_states: &[Tensor<3>],
    grid: Grid,
) -> Result<CellFeatures> {
    let layers = hidden_states.len();
    let depths = Depths::new(layers);
    // A tower of one block has no state but the embeddings.
    let state = |block: usize| hidden_states[block.min(layers - 1)].clone();
    let entering = state(layers - 1);
    let repair = Repair::plan(&cells(entering.clone()), grid).await?;

    let deep = Likeness::new(repair.apply(cells(state(depths.deep))));
    let shallow = Likeness::new(cells(state(depths.shallow)));
    let pass = |tokens: Tensor<3>, cells: Tensor<2>| -> Result<_> {
        let [_, _, width] = tokens.dims();
        let class = tokens.slice([0..1, 0..1, 0..width]).reshape([1, width]);
        let block = LastBlock::open_cells(tower, cells)?;
        let attended = attend(&block, &deep) + class * CLASS_SHARE;
        Ok((shallow.share(attended), block))
    };
    let calibrated = deep.share(repair.apply(cells(entering.clone())));
    let (first, block) = pass(entering, calibrated)?;
    let summed = (depths.shallow..=depths.last_summed)
        .map(state)
        .reduce(|a, b| a + b)
        .unwrap_or_else(|| state(depths.shallow));
    let (second, _) = pass(summed.clone(), cells(summed))?;
    Ok(block.finish((first + second).unsqueeze()))
}

/// Half the attention goes by the deep similarities, the same for all heads, half by the keys.
/// `[cells, width]`.
fn attend(block: &LastBlock<'_>, deep: &Likeness) -> Tensor<2> {
    let key = &block.heads.key;
    let by_key = weights(block.similarity(key, key));
    let by_likeness = deep.attention().unsqueeze::<4>();
    block.attend((by_key + by_likeness) * 0.5).squeeze_dim(0)
}

/// How alike cells are in some layer: cosines, `[cells, cells]`.
struct Likeness(Tensor<2>);

impl Likeness {
    fn new(cells: Tensor<2>) -> Self {
        let unit = normalise_rows(cells);
        Self(unit.clone().matmul(unit.transpose()))
    }

    /// Every cell becomes the mean of those alike, weighted with how alike.
    fn share(&self, cells: Tensor<2>) -> Tensor<2> {
        let weights = self
            .0
            .clone()
            .mask_fill(self.0.clone().lower_elem(ALIKE), 0.0);
        let sum = weights.clone().sum_dim(1).clamp_min(1e-12);
        (weights / sum).matmul(cells)
    }

    /// A softmax over the cells that are more alike than the average pair.
    fn attention(&self) -> Tensor<2> {
        let [cells, _] = self.0.dims();
        let mean = self.0.clone().mean().reshape([1, 1]);
        let above = (self.0.clone() - mean) * SHARPNESS;
        let below: Tensor<2, Bool> = above.clone().lower_elem(0.0);
        let identity = Tensor::<2>::eye(cells, &above.device()).greater_elem(0.5);
        // Where all cells are alike, rounding may put a cell below the mean even with itself.
        let hidden = below.bool_and(identity.bool_not());
        burn::tensor::activation::softmax(above.mask_fill(hidden, f32::NEG_INFINITY), 1)
    }
}
