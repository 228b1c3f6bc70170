//! Where weights come from.

use std::ops::Range;

use super::Stored;
use crate::error::Result;

/// Where a tower takes its weights from, by the names of the Hugging Face `CLIPModel` layout.
///
/// A bundle is one, a published model another, the start-up self-test a third.
pub trait WeightSource {
    /// The weights of the tensor `name`, which must have exactly this shape, row-major as f32.
    ///
    /// A source may return each tensor only once, so that it need not keep any.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if it is missing or of another shape;
    /// [`Error::Io`](crate::Error::Io) if its file cannot be read.
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;

    /// Some rows of a tensor whose first axis has the rows; `None` if the source reads tensors as a
    /// whole only.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if it is missing or of another shape;
    /// [`Error::Io`](crate::Error::Io) if its file cannot be read.
    fn rows(
        &mut self,
        _name: &str,
        _shape: &[usize],
        _rows: Range<usize>,
    ) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }

    /// A matrix in the form in which it is stored.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if it is missing or of another shape;
    /// [`Error::Io`](crate::Error::Io) if its file cannot be read.
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        Ok(Stored::F32(self.values(name, &shape)?))
    }

    /// A matrix of which only some rows will be asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Model`](crate::Error::Model) if it is missing or of another shape;
    /// [`Error::Io`](crate::Error::Io) if its file cannot be read.
    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Box<dyn RowTable>> {
        Ok(Box::new(self.values(name, &shape)?))
    }
}

/// A matrix on the host that is read a row at a time.
pub trait RowTable: Send + Sync {
    /// Writes a row of `out.len()` numbers; `None` if there is no such row.
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()>;
}

impl RowTable for Vec<f32> {
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()> {
        let start = index.checked_mul(out.len())?;
        out.copy_from_slice(self.get(start..start.checked_add(out.len())?)?);
        Some(())
    }
}
