//! What can go wrong with a hub, in sentences.

use std::io;
use std::path::Path;

use hf_hub::api::sync::ApiError;

use crate::error::Error;

/// How a try to download a file ended.
#[derive(Debug)]
pub(super) enum Interruption {
    /// The connection broke; the next try goes on.
    Cut(Error),
    /// What is there of the file cannot be continued; it must go first.
    Unusable,
    /// Trying again does not help.
    Final(Error),
}

/// What was asked, for the sentences.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorContext<'a> {
    pub(super) endpoint: &'a str,
    pub(super) cache: &'a Path,
    pub(super) id: &'a str,
    pub(super) revision: &'a str,
    /// Whether a token was sent.
    pub(super) token: bool,
}

impl ErrorContext<'_> {
    /// The hub answered with a status that is no success.
    pub(super) fn refused(&self, status: u16, code: &str) -> Error {
        let Self {
            endpoint,
            id,
            revision,
            token,
            ..
        } = self;
        match (status, code) {
            (_, "RevisionNotFound") => Error::input(format!(
                "{id} has no revision {revision}. Look for its branches and commits on {endpoint}/{id}."
            )),
            (_, "GatedRepo") | (403, _) => Error::input(format!(
                "{id} is given only to those who accept its terms. Accept them on {endpoint}/{id}, make a token on {endpoint}/settings/tokens, and set HF_TOKEN to it."
            )),
            (401, _) if *token => Error::input(format!(
                "{endpoint} does not give out {id} with the token that is set (in HF_TOKEN, or in the token file beside the cache). Check the name; make a new token on {endpoint}/settings/tokens; or, for a public model, take the token away."
            )),
            (401, _) => Error::input(format!(
                "{endpoint} shows no model {id} to everyone. Check the name, which looks like openai/clip-vit-large-patch14; if the model is private or has terms to accept, set HF_TOKEN to a token of an account that may read it."
            )),
            (404, _) => Error::input(format!(
                "{endpoint} has no model {id}. Check the name, which looks like openai/clip-vit-large-patch14; a directory of this machine is meant by its path, such as ./{id}."
            )),
            (429, _) => Error::network(format!(
                "{endpoint} asks for a pause, because too much was asked of it from here. Wait some minutes, or set HF_TOKEN, which allows more."
            )),
            _ => Error::network(format!(
                "{endpoint} cannot answer at the moment (status {status}). Try again later."
            )),
        }
    }

    /// The hub could not be asked.
    pub(super) fn unreachable(&self, error: &ureq::Error) -> Error {
        let endpoint = self.endpoint;
        Error::network(match error {
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => format!(
                "{endpoint} cannot be asked ({error}). Check HF_ENDPOINT and HF_TOKEN for characters that do not belong there."
            ),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => format!(
                "There is no safe connection to {endpoint} ({error}). Check the clock of this machine and whether a proxy changes connections."
            ),
            _ => format!(
                "{endpoint} cannot be reached ({error}). Check the connection; a proxy is taken from HTTPS_PROXY, another hub from HF_ENDPOINT. A model that was downloaded elsewhere can be imported from its directory."
            ),
        })
    }

    /// The hub answered, but not as a hub does.
    pub(super) fn bad_response(&self, what: &str) -> Error {
        Error::network(format!(
            "{} does not answer as a hub does: for {} it gave {what}. Check HF_ENDPOINT, or try again later.",
            self.endpoint, self.id
        ))
    }

    /// Nothing came for a long time.
    pub(super) fn silent(&self, file: &str) -> Error {
        Error::network(format!(
            "{} has stopped sending {file}. Run the command again: it goes on where it stopped.",
            self.endpoint
        ))
    }

    /// A download failed.
    pub(super) fn download(&self, file: &str, size: Option<u64>, error: &ApiError) -> Interruption {
        match error {
            ApiError::InvalidResume => Interruption::Unusable,
            ApiError::RequestError(error) => match **error {
                // Nothing is left to send: all of the file is there, but was not given its name.
                ureq::Error::StatusCode(416) => Interruption::Unusable,
                ureq::Error::StatusCode(status @ (429 | 500..)) => {
                    Interruption::Cut(self.refused(status, ""))
                }
                ureq::Error::StatusCode(status) => Interruption::Final(self.refused(status, "")),
                ref error if is_passing(error) => Interruption::Cut(self.unreachable(error)),
                ref error => Interruption::Final(self.unreachable(error)),
            },
            ApiError::IoError(error) if is_of_the_disk(error) => {
                Interruption::Final(self.no_room(file, size, error))
            }
            ApiError::IoError(error) => Interruption::Cut(Error::network(format!(
                "The connection to {} broke while {file} came ({error}). Run the command again: it goes on where it stopped.",
                self.endpoint
            ))),
            ApiError::LockAcquisition(path) => Interruption::Final(Error::file(format!(
                "Another program is downloading {file} of {}. Wait for it; if there is none, delete {}.",
                self.id,
                path.display()
            ))),
            other => Interruption::Final(self.bad_response(&other.to_string())),
        }
    }

    fn no_room(&self, file: &str, size: Option<u64>, error: &io::Error) -> Error {
        if !is_full(error) {
            return disk(self.cache, error);
        }
        let needs = size.map_or(String::new(), |size| {
            format!(", which needs {} MB in all", size.div_ceil(1_000_000))
        });
        Error::file(format!(
            "There is no room for {file}{needs}, on the disk with {}. Make room, or set HF_HOME to a directory on another disk; then run the command again.",
            self.cache.display()
        ))
    }
}

/// The cache could not be written.
pub(super) fn disk(path: &Path, error: &io::Error) -> Error {
    Error::file(format!(
        "{}: {error}. Downloads are kept there; set HF_HOME to a directory that can be written.",
        path.display()
    ))
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Whether the file is at fault and not the connection; `hf-hub` does not distinguish them.
fn is_of_the_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    let kinds = [
        AlreadyExists,
        IsADirectory,
        NotADirectory,
        NotFound,
        PermissionDenied,
        ReadOnlyFilesystem,
    ];
    is_full(error) || kinds.contains(&error.kind())
}

/// Whether trying again may help.
fn is_passing(error: &ureq::Error) -> bool {
    use ureq::Error::{ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
    matches!(
        error,
        ConnectionFailed | HostNotFound | Io(_) | Protocol(_) | Timeout(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(token: bool) -> ErrorContext<'static> {
        ErrorContext {
            endpoint: "https://hub.example",
            cache: Path::new("cache"),
            id: "who/what",
            revision: "main",
            token,
        }
    }

    #[test]
    fn refused_says_what_to_do() {
        let cases = [
            (401, "", false, "input", "HF_TOKEN"),
            (401, "RepoNotFound", true, "input", "new token"),
            (401, "GatedRepo", false, "input", "accept"),
            (403, "", true, "input", "accept"),
            (404, "RepoNotFound", false, "input", "./who/what"),
            (404, "RevisionNotFound", false, "input", "revision main"),
            (429, "", false, "network", "Wait"),
            (503, "", false, "network", "later"),
        ];
        for (status, code, token, kind, word) in cases {
            let error = context(token).refused(status, code);
            assert_eq!(error.code(), kind, "{error}");
            assert!(error.to_string().contains(word), "{status}: {error}");
        }
    }

    #[test]
    fn disk_is_not_a_broken_connection() {
        let full = ApiError::IoError(io::ErrorKind::StorageFull.into());
        let Interruption::Final(error) = context(false).download("x", Some(1_500_000), &full)
        else {
            panic!("tried again on a full disk");
        };
        assert_eq!(error.code(), "io");
        assert!(error.to_string().contains("2 MB"), "{error}");
        let cut = ApiError::IoError(io::ErrorKind::UnexpectedEof.into());
        let again = context(false).download("x", None, &cut);
        assert!(matches!(again, Interruption::Cut(Error::Network(_))));
    }
}
