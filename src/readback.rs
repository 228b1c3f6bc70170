//! Tensors back to the host.

use burn::tensor::{DataError, Tensor};

use crate::error::{Error, Result};

/// Copies a tensor to the host, row-major.
///
/// # Errors
///
/// [`Error::Device`] if the device was lost or could not be read.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::device(format!(
            "the result could not be read from the device ({error}). Load the model again, or choose the CPU."
        ))
    };
    let data = tensor.into_data_async().await;
    let data = data.map_err(|error| unreadable(&error))?;
    // The bytes may come only now, and a device be lost until then.
    data.try_to_vec::<f32>().map_err(|error| match error {
        DataError::StorageAccess(_) => unreadable(&error),
        other => Error::internal(format!("a tensor of another type was read: {other:?}")),
    })
}
