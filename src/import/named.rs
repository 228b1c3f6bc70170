//! The tensors of a network under the names of a bundle, whatever their layout.

use std::collections::BTreeSet;
use std::ops::Range;

use super::tables::{Take, TensorTable};
use super::tensors::Tensors;
use crate::bundle::layout::Expected;
use crate::error::{Error, Result};

/// Tensors, and the table by which they are found.
#[derive(Debug)]
pub(super) struct NamedTensors {
    tensors: Tensors,
    table: &'static TensorTable,
    /// What they should be, for a sentence: "a CLIP with a ViT".
    network: &'static str,
}

impl NamedTensors {
    pub(super) fn new(
        tensors: Tensors,
        table: &'static TensorTable,
        network: &'static str,
    ) -> Self {
        Self {
            tensors,
            table,
            network,
        }
    }

    /// What to call them in a sentence.
    pub(super) fn title(&self) -> &str {
        self.tensors.title()
    }

    /// Names in the layout of tensors that are not among `used`.
    pub(super) fn others(&self, used: &BTreeSet<String>) -> impl Iterator<Item = &str> {
        self.tensors.names().filter(|name| !used.contains(*name))
    }

    /// The file that holds a tensor of this name in the layout.
    pub(super) fn file_of(&self, stored: &str) -> &str {
        self.tensors.file_of(stored)
    }

    fn place(&self, name: &str) -> Result<(String, Take)> {
        let found = self.table.find(name);
        found.ok_or_else(|| Error::internal(format!("no other name for {name}")))
    }

    /// The shape that a tensor has in a bundle.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<usize>> {
        let (stored, take) = self.place(name)?;
        let mut shape = match self.tensors.shape(&stored) {
            Some(shape) => shape.to_vec(),
            None => {
                return Err(Error::model(format!(
                    "{} has no tensor {stored}. Is it {}, and whole?",
                    self.title(),
                    self.network
                )));
            }
        };
        match take {
            Take::Whole => {}
            Take::Transposed => shape.reverse(),
            Take::Pointwise => {
                while shape.len() > 2 && shape.last() == Some(&1) {
                    shape.pop();
                }
            }
            Take::Third(_) => match shape.first_mut() {
                Some(rows) if rows.is_multiple_of(3) => *rows /= 3,
                _ => return Err(self.bad_shape(name)),
            },
        }
        Ok(shape)
    }

    /// Rows and columns of a tensor that has to be a matrix.
    pub(super) fn matrix(&self, name: &str) -> Result<(usize, usize)> {
        match self.shape(name)?[..] {
            [rows, cols] => Ok((rows, cols)),
            _ => Err(self.bad_shape(name)),
        }
    }

    pub(super) fn bad_shape(&self, name: &str) -> Error {
        let stored = match self.place(name) {
            Ok((stored, _)) => stored,
            Err(error) => return error,
        };
        Error::model(format!(
            "{} holds {stored} with the shape {:?}, which does not fit the rest of the model.",
            self.tensors.file_of(&stored),
            self.tensors.shape(&stored).unwrap_or_default()
        ))
    }

    /// How many blocks there are one after the other, found by a tensor that each has.
    pub(super) fn blocks(&self, marker: impl Fn(usize) -> String) -> usize {
        (0..)
            .take_while(|&block| self.shape(&marker(block)).is_ok())
            .count()
    }

    /// Checks that tensors are there in the right shapes and readable, and returns their names in
    /// the layout.
    pub(super) fn check<'a>(
        &self,
        expected: impl IntoIterator<Item = &'a Expected>,
    ) -> Result<BTreeSet<String>> {
        let mut used = BTreeSet::new();
        for tensor in expected {
            if self.shape(&tensor.name)? != tensor.shape {
                return Err(self.bad_shape(&tensor.name));
            }
            let (stored, _) = self.place(&tensor.name)?;
            self.tensors.check_number(&stored)?;
            used.insert(stored);
        }
        Ok(used)
    }

    /// The numbers of some rows of a tensor, as a bundle has them; `None` of one that is stored by
    /// columns.
    pub(super) fn rows(
        &self,
        name: &str,
        shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Option<Vec<f32>>> {
        if self.shape(name)? != shape {
            return Err(self.bad_shape(name));
        }
        let (stored, take) = self.place(name)?;
        let first = match (take, shape) {
            (Take::Transposed, _) => return Ok(None),
            (Take::Third(part), &[all, ..]) => part * all,
            _ => 0,
        };
        let rows = first + rows.start..first + rows.end;
        self.tensors.rows(&stored, rows).map(Some)
    }

    /// The numbers of a tensor, row by row, as a bundle has them.
    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if self.shape(name)? != shape {
            return Err(self.bad_shape(name));
        }
        let (stored, take) = self.place(name)?;
        match (take, shape) {
            (Take::Third(part), &[rows, ..]) => {
                self.tensors.rows(&stored, part * rows..(part + 1) * rows)
            }
            (Take::Transposed, &[rows, cols]) => {
                let values = self.tensors.values(&stored)?;
                Ok((0..rows * cols)
                    .map(|i| values[i % cols * rows + i / cols])
                    .collect())
            }
            _ => self.tensors.values(&stored),
        }
    }
}
