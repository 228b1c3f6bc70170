//! Tensors back to the host.

use burn::tensor::Tensor;

use crate::error::{Error, Result};

/// Copies a tensor to the host, row-major.
///
/// # Errors
///
/// [`Error::Device`] if the device was lost or could not be read.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor.into_data_async().await.map_err(|e| {
        Error::device(format!(
            "the result could not be read from the device ({e}). Load the model again, or choose the CPU."
        ))
    })?;
    data.try_to_vec::<f32>()
        .map_err(|e| Error::internal(format!("a tensor of another type was read: {e:?}")))
}
