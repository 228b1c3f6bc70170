//! What a student is, as its manifest says.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::image::MAX_SIDE;
use crate::prompt::Class;

/// Classes that a student can tell apart, the background counted in: labels are bytes, and one of
/// them is none.
pub const MAX_STUDENT_CLASSES: usize = 255;

/// The kinds of students.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudentKind {
    /// A decoder over the features of the frozen tower, with the picture's own colours.
    Head,
    /// A small convolutional network without a tower.
    Compact,
}

/// A student, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentConfig {
    /// Which network it is.
    pub kind: StudentKind,
    /// The short side in pixels to which pictures are brought.
    pub size: u32,
    /// What it tells apart, in the order of its text vectors; nothing else can be asked for.
    pub classes: Vec<Class>,
    /// Whether one class more, the last, is everything else.
    pub background: bool,
    /// How the teacher reads the cells that a [`Head`](StudentKind::Head) decodes, such as
    /// `maskclip+multi-scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
}

impl StudentKind {
    /// The name of the kind, as options and manifests have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Compact => "compact",
        }
    }

    /// Of what the sides of the picture that it sees are multiples, in pixels.
    pub(crate) fn multiple(self) -> u32 {
        match self {
            Self::Head => 4,
            Self::Compact => 16,
        }
    }
}

impl std::str::FromStr for StudentKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Head, Self::Compact]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                Error::input(format!(
                    "{name:?} is no student. Choose head, which decodes the teacher's features, or compact, which is fast."
                ))
            })
    }
}

impl std::fmt::Display for StudentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl StudentConfig {
    /// Rows of its text vectors: the classes, and the background if there is one.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.classes.len() + usize::from(self.background)
    }

    /// Refuses what no student can be.
    ///
    /// # Errors
    ///
    /// [`Error::Model`], naming what is wrong.
    pub fn validate(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::model(format!("the student of the bundle {what}.")));
        if self.size == 0 || self.size > MAX_SIDE {
            return bad(&format!("asks for pictures of {} pixels", self.size));
        }
        if !(2..=MAX_STUDENT_CLASSES).contains(&self.outputs()) {
            return bad(&format!("tells {} classes apart", self.outputs()));
        }
        if self.classes.iter().any(|class| class.names.is_empty()) {
            return bad("has a class without a name");
        }
        match (self.kind, &self.features) {
            (StudentKind::Head, None) => bad("does not say which features it decodes"),
            (StudentKind::Compact, Some(_)) => bad("asks for features and has no use for them"),
            _ => Ok(()),
        }
    }

    /// The class that has this name, whatever its case.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        let has = |class: &Class| class.names.iter().any(|n| n.to_lowercase() == name);
        self.classes.iter().position(has)
    }
}
