//! `src/clip` without the towers.

#[path = "../../src/clip/clean.rs"]
mod clean;
#[path = "../../src/clip/config.rs"]
mod config;
#[path = "../../src/clip/tokenizer.rs"]
mod tokenizer;

#[allow(unused_imports)]
pub(crate) use config::check_statistics;
pub use config::{Activation, ClipConfig, TextConfig, VisionConfig};
pub use tokenizer::Tokenizer;

use crate::bundle::Stored;
use crate::error::Result;

pub trait WeightSource {
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>>;

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Stored> {
        Ok(Stored::F32(self.values(name, &shape)?))
    }

    fn table(&mut self, name: &str, shape: [usize; 2]) -> Result<Box<dyn RowTable>> {
        Ok(Box::new(self.values(name, &shape)?))
    }
}

pub trait RowTable: Send + Sync {
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()>;
}

impl RowTable for Vec<f32> {
    fn row(&self, index: usize, out: &mut [f32]) -> Option<()> {
        let start = index.checked_mul(out.len())?;
        out.copy_from_slice(self.get(start..start.checked_add(out.len())?)?);
        Some(())
    }
}
