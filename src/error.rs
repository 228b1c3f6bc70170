//! The one error type, sorted by whose fault it is.
//!
//! A message names what was wrong and ends with what to do about it, because it is shown to
//! people as it is: on the page, in a `WordmaskError`, and on the terminal.

/// What went wrong, by whose fault it is.
///
/// The set is open: new kinds may be added, so match with a wildcard arm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller gave something that cannot be used: a broken picture, no words, a bad option.
    #[error("{0}")]
    Input(String),
    /// The bundle does not describe a model that this version can run.
    #[error("{0}")]
    Model(String),
    /// The bytes of a bundle are not the ones that its manifest promises.
    #[error("{0}")]
    Integrity(String),
    /// The device or the browser lacks something that was asked for.
    #[error("{0}")]
    Unsupported(String),
    /// The device failed: no adapter, a lost GPU, a wrong result.
    #[error("{0}")]
    Device(String),
    /// A buffer of the needed size could not be had.
    #[error("{0}")]
    OutOfMemory(String),
    /// A file could not be read or written.
    #[error("{0}")]
    Io(String),
    /// A server could not be reached, or refused.
    #[error("{0}")]
    Network(String),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A fault of this library. Please report it.
    #[error("internal error: {0}. This is a fault of wordmask; please report it.")]
    Internal(String),
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

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

    /// An [`Error::Input`] with this message.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    /// An [`Error::Model`] with this message.
    pub fn model(message: impl Into<String>) -> Self {
        Self::Model(message.into())
    }

    /// An [`Error::Integrity`] with this message.
    pub fn integrity(message: impl Into<String>) -> Self {
        Self::Integrity(message.into())
    }

    /// An [`Error::Unsupported`] with this message.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// An [`Error::Device`] with this message.
    pub fn device(message: impl Into<String>) -> Self {
        Self::Device(message.into())
    }

    /// An [`Error::Network`] with this message.
    pub fn network(message: impl Into<String>) -> Self {
        Self::Network(message.into())
    }

    /// An [`Error::Internal`] with this message.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// An [`Error::Io`] that names the path.
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_errors_say_whose_fault_it_is() {
        let shown = Error::internal("shape mismatch").to_string();
        assert!(shown.contains("please report"), "{shown}");
    }
}
