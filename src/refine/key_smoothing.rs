//! Key smoothing (MaskCLIP, arXiv 2112.01071, section 3.3), as the published code computes it.
//!
//! The paper divides each cell's key by its own norm, so that cells are compared by cosines. The
//! published code, from which the published numbers come, divides each channel by its norm over
//! the cells instead: channels that are large everywhere, which make all CLIP's keys alike, then
//! count no more than others. `docs/methods.md` has what either is worth.

use burn::tensor::{Tensor, TensorData};

use crate::dense::{ScoreKind, ScoreMap};
use crate::error::Result;

/// Norms below this count as this.
const SMALLEST_NORM: f32 = 1e-12;

/// Each cell's probabilities become a sum over all cells, weighted with how alike their keys are:
/// `p_i ← Σ_j ⟨k_i, k_j⟩ p_j`, each channel of `k` divided by its norm over all cells.
///
/// All cells are those of the whole grid, also where it was put together from windows. A cell
/// whose largest probability is exactly one in f32 stays as it is.
///
/// The sum is `K (Kᵀ P)`, so the matrix of all pairs of cells is never written.
///
/// # Shapes
///
/// - `keys`: `[cells, width]`
///
/// # Errors
///
/// [`Error::Device`](crate::Error::Device) if the device fails.
pub(super) async fn smooth(scores: &ScoreMap, keys: &Tensor<2>) -> Result<ScoreMap> {
    let (classes, cells) = (scores.classes(), scores.grid().cells());
    let before = scores.probabilities();
    let probabilities = TensorData::new(before.values().to_vec(), [classes, cells]);
    let probabilities: Tensor<2> = Tensor::from_data(probabilities, &keys.device());
    let norms = keys.clone().square().sum_dim(0).sqrt();
    let keys = keys.clone() / norms.clamp_min(SMALLEST_NORM);
    let smoothed = probabilities.matmul(keys.clone()).matmul(keys.transpose());
    let mut values = crate::readback::read(smoothed).await?;
    for cell in 0..cells {
        let is_certain = (0..classes).any(|class| before.class(class)[cell] >= 1.0);
        if is_certain {
            for class in 0..classes {
                values[class * cells + cell] = before.class(class)[cell];
            }
        }
    }
    ScoreMap::on_axes(classes, scores.axes(), values, ScoreKind::Weight)
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clip::Grid;
    use burn::tensor::Device;

    fn smoothed(probabilities: [f32; 6], keys: [[f32; 2]; 3]) -> ScoreMap {
        let grid = Grid { rows: 1, cols: 3 };
        let scores = ScoreMap::new(2, grid, probabilities.to_vec(), ScoreKind::Weight).unwrap();
        let keys = Tensor::from_data(keys, &Device::flex());
        pollster::block_on(smooth(&scores, &keys)).unwrap()
    }

    fn assert_near(found: &[f32], wanted: [f32; 3]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
        }
    }

    #[test]
    fn channels_are_divided_by_their_norm_over_the_cells() {
        // K = [3 0; 4 0; 0 2] becomes [.6 0; .8 0; 0 1], K Kᵀ = [.36 .48 0; .48 .64 0; 0 0 1].
        let keys = [[3.0, 0.0], [4.0, 0.0], [0.0, 2.0]];
        let map = smoothed([0.75, 0.25, 0.5, 0.25, 0.75, 0.5], keys);
        assert_near(map.class(0), [0.39, 0.52, 0.5]);
        assert_near(map.class(1), [0.45, 0.6, 0.5]);
    }

    #[test]
    fn certain_cells_are_left_alone() {
        let keys = [[3.0, 0.0], [4.0, 0.0], [0.0, 2.0]];
        let map = smoothed([1.0, 0.25, 0.5, 0.0, 0.75, 0.5], keys);
        assert_near(map.class(0), [1.0, 0.64, 0.5]);
        assert_near(map.class(1), [0.0, 0.48, 0.5]);
    }

    #[test]
    fn a_channel_of_zeros_says_nothing() {
        let keys = [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]];
        let map = smoothed([0.5, 0.5, 0.25, 0.5, 0.5, 0.75], keys);
        assert_near(map.class(0), [0.5, 0.0, 0.0]);
    }
}
