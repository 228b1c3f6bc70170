//! The bundle of a student.

use super::manifest::{FileEntry, Manifest, Part, Piece, Shard};
use super::write::{BundleFile, encode_floats};
use crate::error::Result;
use crate::student::{Student, StudentKind};

const STUDENT_FILE: &str = "student-00.safetensors";

/// The manifest of a student's bundle, and the one file that is new. The shards of the teacher's
/// vision tower belong to a [`Head`](StudentKind::Head), too, and stay as they are; nothing else of
/// the teacher's does.
///
/// # Errors
///
/// [`Error::Internal`](crate::Error::Internal) if the file cannot be laid out.
pub fn student_bundle(
    teacher: &Manifest,
    student: &Student,
    name: String,
    pipeline: String,
) -> Result<(Manifest, BundleFile)> {
    let config = student.config();
    let tensors: Vec<_> = student.tensors().collect();
    let contents = encode_floats(&tensors)?;
    let entry = FileEntry::new(STUDENT_FILE, &contents);
    let mut shards = teacher.shards.clone();
    shards.retain(|shard| shard.part == Part::Vision && config.kind == StudentKind::Head);
    shards.push(Shard {
        entry: entry.clone(),
        part: Part::Student,
        tensors: tensors
            .iter()
            .map(|(name, ..)| Piece::Whole(name.clone()))
            .collect(),
    });
    let names = || config.classes.iter().map(|class| class.name.clone());
    let manifest = Manifest {
        description: format!(
            "It has learned from masks of {} to tell {} apart, and knows no other words.",
            teacher.name,
            names().collect::<Vec<_>>().join(", ")
        ),
        name,
        student: Some(config.clone()),
        guide: None,
        background: Vec::new(),
        vocabulary: names().collect(),
        pipeline: Some(pipeline),
        tokenizer: None,
        words: None,
        shards,
        ..teacher.clone()
    };
    Ok((manifest, BundleFile { entry, contents }))
}
