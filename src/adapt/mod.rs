//! MaskCLIP+ (arXiv 2112.01071): a student trained on the masks of its teacher.
//!
//! ```text
//! pictures ── teacher ──► labels with a confidence ─┐
//!        └──────────────► cell features (head) ─────┼─ Trainer ──► Student
//! text vectors of the classes, which stay fixed ────┘
//! ```
//!
//! No mask is drawn by anybody. The teacher's mistakes differ from picture to picture, what it is
//! right about does not, and so a student that sees many pictures is right more often than its
//! teacher.

mod augment;
mod example;
mod trainer;

pub use example::{Example, text_vectors};
pub use trainer::{Progression, TrainOptions, Trainer};
