//! Key smoothing (MaskCLIP, arXiv 2112.01071, section 3.3).

use burn::tensor::{Tensor, TensorData};

use crate::dense::{ScoreKind, ScoreMap};
use crate::error::Result;

/// Each cell's probabilities become the sum over all cells, weighted with the cosine of their
/// keys: `p_i ← Σ_j cos(k_i, k_j) p_j`.
///
/// The sum is `K (Kᵀ P)`, so the matrix of all pairs of cells is never written.
///
/// # Shapes
///
/// - `keys`: `[cells, width]`, unit rows
///
/// # Errors
///
/// [`Error::Device`](crate::Error::Device) if the device fails.
pub(super) async fn smooth(scores: &ScoreMap, keys: &Tensor<2>) -> Result<ScoreMap> {
    let (classes, cells) = (scores.classes(), scores.grid().cells());
    let probabilities = TensorData::new(scores.probabilities().values().to_vec(), [classes, cells]);
    let probabilities: Tensor<2> = Tensor::from_data(probabilities, &keys.device());
    let smoothed = probabilities
        .matmul(keys.clone())
        .matmul(keys.clone().transpose());
    let values = crate::readback::read(smoothed).await?;
    ScoreMap::new(classes, scores.grid(), values, ScoreKind::Weight)
}

#[cfg(all(test, feature = "cli"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clip::Grid;
    use burn::tensor::Device;

    #[test]
    fn alike_cells_share_and_unlike_ones_do_not() {
        let grid = Grid { rows: 1, cols: 3 };
        let scores = ScoreMap::new(
            2,
            grid,
            vec![1.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            ScoreKind::Weight,
        )
        .unwrap();
        // The first two cells have the same key; the third is at a right angle.
        let keys = Tensor::from_data([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], &Device::flex());
        let smoothed = pollster::block_on(smooth(&scores, &keys)).unwrap();
        assert_eq!(smoothed.class(0), &[1.0, 1.0, 0.0]);
        assert_eq!(smoothed.class(1), &[1.0, 1.0, 1.0]);
    }
}
