//! The one error type, sorted by whose fault it is.
//!
//! A message names what was wrong and ends with what to do about it, because it is shown to
//! people as it is: on the page, in a `WordmaskError`, and on the terminal.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// What went wrong, by whose fault it is.
///
/// The set is open: new kinds may be added, so match with a wildcard arm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller gave something that cannot be used: a broken picture, no words, a bad option.
    #[error(transparent)]
    Input(Details),
    /// The bundle does not describe a model that this version can run.
    #[error(transparent)]
    Model(Details),
    /// The bytes of a bundle are not the ones that its manifest promises.
    #[error(transparent)]
    Integrity(Details),
    /// The device or the browser lacks something that was asked for.
    #[error(transparent)]
    Unsupported(Details),
    /// The device failed: no adapter, a lost GPU, a wrong result.
    #[error(transparent)]
    Device(Details),
    /// A buffer of the needed size could not be had.
    #[error(transparent)]
    OutOfMemory(Details),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(Details),
    /// A server could not be reached, or refused.
    #[error(transparent)]
    Network(Details),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A fault of this library. Please report it.
    #[error("internal error: {0}. This is a fault of wordmask; please report it.")]
    Internal(Details),
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The message of an error, and the error of another library that it came from.
#[derive(Debug, Clone)]
pub struct Details {
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Details {
    fn context(mut self, about: impl fmt::Display) -> Self {
        self.message = format!("{about}: {}", self.message);
        self
    }
}

impl From<String> for Details {
    fn from(message: String) -> Self {
        Self {
            message,
            source: None,
        }
    }
}

impl Deref for Details {
    type Target = str;

    fn deref(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Details {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

// Errors are compared by their messages.
impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message
    }
}

impl Eq for Details {}

impl Error {
    /// A stable lower-case word for programs: the `code` of a JavaScript `WordmaskError` and the
    /// `code` field of the command line's `--json` errors.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Model(_) => "model",
            Self::Integrity(_) => "integrity",
            Self::Unsupported(_) => "unsupported",
            Self::Device(_) => "device",
            Self::OutOfMemory(_) => "out-of-memory",
            Self::Io(_) => "io",
            Self::Network(_) => "network",
            Self::Cancelled => "cancelled",
            Self::Internal(_) => "internal",
        }
    }

    /// The error with what it is about before its message: `about: message`.
    #[must_use]
    pub fn context(self, about: impl fmt::Display) -> Self {
        match self {
            Self::Input(details) => Self::Input(details.context(about)),
            Self::Model(details) => Self::Model(details.context(about)),
            Self::Integrity(details) => Self::Integrity(details.context(about)),
            Self::Unsupported(details) => Self::Unsupported(details.context(about)),
            Self::Device(details) => Self::Device(details.context(about)),
            Self::OutOfMemory(details) => Self::OutOfMemory(details.context(about)),
            Self::Io(details) => Self::Io(details.context(about)),
            Self::Network(details) => Self::Network(details.context(about)),
            Self::Cancelled => Self::Cancelled,
            Self::Internal(details) => Self::Internal(details.context(about)),
        }
    }

    /// An [`Error::Input`] with this message.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into().into())
    }

    /// An [`Error::Model`] with this message.
    pub fn model(message: impl Into<String>) -> Self {
        Self::Model(message.into().into())
    }

    /// An [`Error::Integrity`] with this message.
    pub fn integrity(message: impl Into<String>) -> Self {
        Self::Integrity(message.into().into())
    }

    /// An [`Error::Unsupported`] with this message.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into().into())
    }

    /// An [`Error::Device`] with this message.
    pub fn device(message: impl Into<String>) -> Self {
        Self::Device(message.into().into())
    }

    /// An [`Error::OutOfMemory`] with this message.
    pub fn out_of_memory(message: impl Into<String>) -> Self {
        Self::OutOfMemory(message.into().into())
    }

    /// An [`Error::Network`] with this message.
    pub fn network(message: impl Into<String>) -> Self {
        Self::Network(message.into().into())
    }

    /// An [`Error::Internal`] with this message.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into().into())
    }

    /// An [`Error::Io`] with this message.
    pub fn file(message: impl Into<String>) -> Self {
        Self::Io(message.into().into())
    }

    /// An [`Error::Io`] that names the path, the message of the system and what to do.
    #[must_use]
    pub fn io(path: &Path, error: io::Error) -> Self {
        let message = format!("{}: {error}. {}", path.display(), advice(error.kind()));
        Self::Io(Details {
            message,
            source: Some(Arc::new(error)),
        })
    }
}

/// What a person can do about a failure of the file system.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "Check the path.",
        io::ErrorKind::PermissionDenied => "Check who may read and write there.",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Make room on the disk.",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            "Check whether a file or a folder is meant."
        }
        _ => "Check the path and the disk, then try again.",
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn internal_says_whose_fault_it_is() {
        let shown = Error::internal("shape mismatch").to_string();
        assert!(shown.contains("please report"), "{shown}");
    }

    #[test]
    fn io_keeps_its_source_and_says_what_to_do() {
        let error = Error::io("a/b.jpg".as_ref(), io::ErrorKind::NotFound.into());
        let shown = error.to_string();
        assert!(
            shown.starts_with("a/b.jpg: ") && shown.ends_with("Check the path."),
            "{shown}"
        );
        let source = error.source().and_then(|e| e.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::NotFound));
    }

    #[test]
    fn context_keeps_the_kind_and_the_source() {
        let error =
            Error::io("b.jpg".as_ref(), io::ErrorKind::NotFound.into()).context("class list");
        assert_eq!(error.code(), "io");
        assert!(
            error.to_string().starts_with("class list: b.jpg: "),
            "{error}"
        );
        assert!(error.source().is_some());
        assert_eq!(Error::Cancelled.context("x"), Error::Cancelled);
    }
}
