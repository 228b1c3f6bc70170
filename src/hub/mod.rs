//! Models from a hub: the files that an import needs, in the hub's own cache.
//!
//! The `hf-hub` crate downloads, resumes and keeps the cache that other programs of the hub use
//! too. Here is what it leaves open: which files of a repository are needed, one commit for all of
//! them, the hub's SHA-256 compared with the bytes that came, trying again after a cut, an end to
//! waiting for a silent server, and sentences for people.
//!
//! From the environment come `HF_ENDPOINT` (another hub), `HF_TOKEN` (or the token file that the
//! hub's own command line writes) and `HF_HOME` (where the cache lies).

pub mod catalogue;
mod choice;
mod error_context;
#[cfg(test)]
mod fake_hub;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub use self::choice::Layout;

use self::choice::WeightFiles;
use self::error_context::{ErrorContext, Interruption};
use crate::bundle::SourceFile;
use crate::error::{Error, Result};

/// The hub, unless `HF_ENDPOINT` names another one.
const ENDPOINT: &str = "https://huggingface.co";

/// The branch that a repository shows.
const MAIN: &str = "main";

/// Whose pull requests with this title add weights that are safe to read to a repository that has
/// only pickled ones: the hub's own converter.
const CONVERTER: &str = "SFconvertbot";
const CONVERSION: &str = "Adding `safetensors` variant of this model";

/// Where the tokenizer comes from that OpenCLIP carries in its code and not in its repositories.
const TOKENIZER_SOURCE: &str = "openai/clip-vit-base-patch32";
const TOKENIZER: &str = "tokenizer.json";

/// Receives the progress of a download.
pub trait DownloadProgress {
    /// `done` of `total` bytes are here, the last ones of `file`. After files of a few megabytes
    /// the count starts again with the weights, whose size is only then known.
    fn bytes(&mut self, file: &str, done: u64, total: u64);
}

/// Ignores the progress.
impl DownloadProgress for () {
    fn bytes(&mut self, _file: &str, _done: u64, _total: u64) {}
}

/// A model that is here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The directory of the model's files.
    pub directory: PathBuf,
    /// The commit that the files are of.
    pub revision: String,
    /// The files that are needed, with their hashes, which for weights are also the hub's.
    pub files: Vec<SourceFile>,
    /// Where the files came from, as a sentence for people, if it is not what was asked for.
    pub note: Option<String>,
}

/// Fetches what an import needs of a model, such as `openai/clip-vit-large-patch14`, from the hub
/// that the environment names. What is in the cache already is checked and not fetched again.
///
/// `revision` is a branch, a tag or a commit; without one it is the main branch, or, where that
/// has only pickled weights, the pull request in which the hub's own converter offers them as
/// safetensors. Without a connection, a complete model of the cache is taken.
///
/// # Errors
///
/// [`Error::Input`] if the hub does not have the model or the revision or does not give it out, or
/// if the environment names no cache; [`Error::Network`] if the hub cannot be reached or the
/// connection breaks; [`Error::Io`] if the cache cannot be written, above all if the disk is full;
/// [`Error::Integrity`] if a file is not the one that the hub promised; [`Error::Model`] if the
/// repository has no weights that can be read.
pub fn fetch(
    id: &str,
    revision: Option<&str>,
    progress: &mut dyn DownloadProgress,
) -> Result<Fetched> {
    Hub::from_env()?.fetch(id, revision, progress)
}

/// A hub and a cache.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: String,
    cache: Cache,
    token: Option<String>,
    agent: ureq::Agent,
    /// How often a download is tried again after a cut before which nothing came.
    tries: u32,
    /// The first wait before trying again; each later one is twice as long.
    pause: Duration,
    /// How long a server may be silent.
    stall_timeout: Duration,
}

/// What a repository holds at one commit.
#[derive(Debug, Clone, Deserialize)]
struct Listing {
    sha: String,
    #[serde(rename = "siblings")]
    files: Vec<RemoteFile>,
}

#[derive(Debug, Clone, Deserialize)]
struct RemoteFile {
    #[serde(rename = "rfilename")]
    name: String,
    #[serde(default)]
    size: Option<u64>,
    /// Only of large files.
    #[serde(default)]
    lfs: Option<LargeFile>,
}

#[derive(Debug, Clone, Deserialize)]
struct LargeFile {
    sha256: String,
}

#[derive(Debug, Deserialize)]
struct Discussions {
    discussions: Vec<Discussion>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discussion {
    num: u64,
    title: String,
    status: String,
    is_pull_request: bool,
    #[serde(default)]
    author: Option<Author>,
}

#[derive(Debug, Deserialize)]
struct Author {
    name: String,
}

impl Listing {
    fn file(&self, name: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.name == name)
    }

    fn names(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.name.as_str()).collect()
    }

    /// The hash of the pickled weights, by which two commits are known to hold the same model.
    fn pickled(&self) -> Option<&str> {
        let file = self.file("pytorch_model.bin")?;
        file.lfs.as_ref().map(|lfs| lfs.sha256.as_str())
    }
}

impl Hub {
    /// The hub, cache and token that the environment names.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `HF_ENDPOINT` is no address, or if there is neither a home directory nor
    /// `HF_HOME`.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir())
    }

    fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        home: Option<PathBuf>,
    ) -> Result<Self> {
        let variable = |name| variable(name).filter(|value| !value.trim().is_empty());
        let default = || home.map(|home| home.join(".cache").join("huggingface"));
        let home = variable("HF_HOME").map(PathBuf::from).or_else(default);
        let home = home.ok_or_else(|| {
            Error::input("There is no home directory for downloads. Set HF_HOME to a directory.")
        })?;
        let endpoint = variable("HF_ENDPOINT");
        Self::new(
            endpoint.as_deref().unwrap_or(ENDPOINT),
            home.join("hub"),
            variable("HF_TOKEN"),
        )
    }

    /// The hub at `endpoint`, with its cache in this directory. Without a token, the one in the file `token`
    /// beside the cache is used if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if `endpoint` is no address.
    pub fn new(endpoint: &str, cache: PathBuf, token: Option<String>) -> Result<Self> {
        let endpoint = endpoint.trim().trim_end_matches('/');
        let host = endpoint
            .strip_prefix("https://")
            .or_else(|| endpoint.strip_prefix("http://"));
        if !host.is_some_and(|host| endpoint.parse::<ureq::http::Uri>().is_ok() && !host.is_empty())
        {
            return Err(Error::input(format!(
                "HF_ENDPOINT is {endpoint:?}, which is no address of a hub. It looks like {ENDPOINT}."
            )));
        }
        let cache = Cache::new(cache);
        let token = token
            .map(|token| token.trim().to_owned())
            .or_else(|| cache.token());
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .redirect_auth_headers(ureq::config::RedirectAuthHeaders::SameHost)
            .user_agent(concat!("wordmask/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self {
            endpoint: endpoint.to_owned(),
            cache,
            token,
            agent,
            tries: 5,
            pause: Duration::from_secs(1),
            stall_timeout: Duration::from_secs(60),
        })
    }

    /// Fetches a model, as the function [`fetch`] does.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the hub does not have the model or the revision or does not give it out;
    /// [`Error::Network`] if the hub cannot be reached or the connection breaks; [`Error::Io`] if
    /// the cache cannot be written, above all if the disk is full; [`Error::Integrity`] if a file
    /// is not the one that the hub promised; [`Error::Model`] if the repository has no weights that
    /// can be read.
    pub fn fetch(
        &self,
        id: &str,
        revision: Option<&str>,
        progress: &mut dyn DownloadProgress,
    ) -> Result<Fetched> {
        check_id(id)?;
        let asked = revision.unwrap_or(MAIN);
        check_revision(asked)?;
        let listing = match self.listing(id, asked) {
            Err(Error::Network(offline)) => {
                let cached = self.cached_listing(id, asked);
                let fetched = cached.and_then(|listing| self.take(id, &listing, progress).ok());
                return fetched.ok_or(Error::Network(offline));
            }
            other => other?,
        };
        if !choice::readable(&listing.names()).is_empty() {
            let fetched = self.take(id, &listing, progress)?;
            // So that the branch is found again without a connection.
            let repo = Repo::with_revision(id.to_owned(), RepoType::Model, asked.to_owned());
            let done = self.cache.repo(repo).create_ref(&listing.sha);
            done.map_err(|e| error_context::disk(self.cache.path(), &e))?;
            return Ok(fetched);
        }
        let converted = match revision {
            None => self.conversion(id, &listing)?,
            Some(_) => None,
        };
        let Some((number, converted)) = converted else {
            return Err(choice::unreadable(id, &listing.names()));
        };
        let mut fetched = self.take(id, &converted, progress)?;
        fetched.note = Some(format!(
            "{id} has only pickled weights. Taken is the hub's own conversion of them, pull request {number}."
        ));
        Ok(fetched)
    }

    /// Fetches what is needed of what is listed.
    fn take(
        &self,
        id: &str,
        listing: &Listing,
        progress: &mut dyn DownloadProgress,
    ) -> Result<Fetched> {
        let repository = Repository::new(self, id, listing)?;
        let mut files = Vec::new();
        let layout = repository.layout(&mut files, progress)?;
        let names = listing.names();
        let mut small = choice::small_files(layout, &names);
        let weights =
            choice::weights(layout, &names).ok_or_else(|| choice::unreadable(id, &names))?;
        if let WeightFiles::Sharded(index) = weights {
            small.push(index);
        }
        repository.fetch_all(&small, &mut files, progress)?;
        if !choice::has_tokenizer(&names) {
            files.push(self.borrow_tokenizer(&repository, layout)?);
        }
        match weights {
            WeightFiles::One(name) => repository.fetch_all(&[name], &mut files, progress)?,
            WeightFiles::Sharded(index) => {
                let path = repository.directory.join(index);
                let json = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
                let shards = choice::shards(&json, &names)?;
                let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
                repository.fetch_all(&shards, &mut files, progress)?;
            }
        }
        Ok(Fetched {
            directory: repository.directory,
            revision: listing.sha.clone(),
            files,
            note: None,
        })
    }

    /// Puts CLIP's tokenizer beside a model that comes without one.
    fn borrow_tokenizer(&self, repository: &Repository<'_>, layout: Layout) -> Result<SourceFile> {
        let id = repository.id;
        choice::check_borrowing(id, layout, &repository.directory)?;
        let listing = match self.listing(TOKENIZER_SOURCE, MAIN) {
            Err(Error::Network(offline)) => self
                .cached_listing(TOKENIZER_SOURCE, MAIN)
                .ok_or(Error::Network(offline))?,
            other => other?,
        };
        let source = Repository::new(self, TOKENIZER_SOURCE, &listing)?;
        let mut files = Vec::new();
        source.fetch_all(&[TOKENIZER], &mut files, &mut ())?;
        let to = repository.directory.join(TOKENIZER);
        std::fs::copy(source.directory.join(TOKENIZER), &to)
            .map_err(|e| error_context::disk(&to, &e))?;
        files
            .pop()
            .ok_or_else(|| Error::internal("the tokenizer was fetched and is not there"))
    }

    /// What the hub has under this name.
    fn listing(&self, id: &str, revision: &str) -> Result<Listing> {
        let path = format!(
            "models/{id}/revision/{}?blobs=true",
            revision.replace('/', "%2F")
        );
        let listing: Listing = self.ask(&path, self.context(id, revision))?;
        let hex = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let hashes = listing.files.iter().filter_map(|file| file.lfs.as_ref());
        // Both become names of files.
        if !hex(&listing.sha, 40) || !hashes.into_iter().all(|lfs| hex(&lfs.sha256, 64)) {
            return Err(self
                .context(id, revision)
                .bad_response("a commit or hash that is none"));
        }
        Ok(listing)
    }

    /// What the cache has under this name.
    fn cached_listing(&self, id: &str, revision: &str) -> Option<Listing> {
        let repo = |revision: &str| {
            let repo = Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned());
            self.cache.repo(repo)
        };
        let snapshots = repo(revision).pointer_path("");
        let reference = snapshots.parent()?.join("refs").join(revision);
        let sha = std::fs::read_to_string(reference).unwrap_or_else(|_| revision.to_owned());
        let sha = sha.trim().to_owned();
        if sha.contains('/') {
            return None;
        }
        let entries = std::fs::read_dir(snapshots.join(&sha)).ok()?;
        let files = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let found = std::fs::metadata(entry.path()).ok()?;
            found.is_file().then(|| RemoteFile {
                name: entry.file_name().to_string_lossy().into_owned(),
                size: Some(found.len()),
                lfs: None,
            })
        });
        let mut files: Vec<RemoteFile> = files.collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Listing { sha, files })
    }

    /// The pull request in which the hub's own converter offers the weights of `of` in a form that
    /// can be read, and what it holds.
    fn conversion(&self, id: &str, of: &Listing) -> Result<Option<(u64, Listing)>> {
        let path =
            format!("models/{id}/discussions?type=pull_request&status=open&author={CONVERTER}");
        let found: Discussions = self.ask(&path, self.context(id, MAIN))?;
        let numbers = found.discussions.iter().filter(|d| {
            d.is_pull_request
                && d.status == "open"
                && d.title == CONVERSION
                && d.author.as_ref().is_some_and(|a| a.name == CONVERTER)
        });
        let Some(number) = numbers.map(|d| d.num).max() else {
            return Ok(None);
        };
        let listing = self.listing(id, &format!("refs/pr/{number}"))?;
        let same = of.pickled().is_some() && of.pickled() == listing.pickled();
        let readable = !choice::readable(&listing.names()).is_empty();
        Ok((same && readable).then_some((number, listing)))
    }

    /// Sends a request to the hub's API.
    fn ask<T: DeserializeOwned>(&self, path: &str, context: ErrorContext<'_>) -> Result<T> {
        let mut request = self.agent.get(format!("{}/api/{path}", self.endpoint));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().map_err(|e| context.unreachable(&e))?;
        if !response.status().is_success() {
            let code = response.headers().get("x-error-code");
            let code = code.and_then(|code| code.to_str().ok()).unwrap_or_default();
            return Err(context.refused(response.status().as_u16(), code));
        }
        let text = response.body_mut().read_to_vec();
        let text = text.map_err(|e| context.unreachable(&e))?;
        serde_json::from_slice(&text).map_err(|e| context.bad_response(&e.to_string()))
    }

    fn context<'a>(&'a self, id: &'a str, revision: &'a str) -> ErrorContext<'a> {
        ErrorContext {
            endpoint: &self.endpoint,
            cache: self.cache.path(),
            id,
            revision,
            token: self.token.is_some(),
        }
    }
}

/// One commit of a repository.
struct Repository<'a> {
    hub: &'a Hub,
    id: &'a str,
    listing: &'a Listing,
    repo: Repo,
    directory: PathBuf,
}

impl<'a> Repository<'a> {
    fn new(hub: &'a Hub, id: &'a str, listing: &'a Listing) -> Result<Self> {
        let sha = listing.sha.clone();
        let repo = Repo::with_revision(id.to_owned(), RepoType::Model, sha);
        let directory = hub.cache.repo(repo.clone()).pointer_path(&listing.sha);
        let directory = std::path::absolute(&directory).map_err(|e| Error::io(&directory, e))?;
        Ok(Self {
            hub,
            id,
            listing,
            repo,
            directory,
        })
    }

    fn context(&self) -> ErrorContext<'_> {
        self.hub.context(self.id, &self.listing.sha)
    }

    /// The layout to read. Where weights lie in both, the Hugging Face one, if its configuration
    /// is that of a CLIP: the same names are also used for a vision tower alone.
    fn layout(
        &self,
        files: &mut Vec<SourceFile>,
        progress: &mut dyn DownloadProgress,
    ) -> Result<Layout> {
        let readable = choice::readable(&self.listing.names());
        match readable[..] {
            [] => Err(choice::unreadable(self.id, &self.listing.names())),
            [layout] => Ok(layout),
            [preferred, other, ..] => {
                let config = choice::config(preferred);
                self.fetch_all(&[config], files, progress)?;
                let path = self.directory.join(config);
                let json = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
                if choice::describes_both_towers(&json) {
                    return Ok(preferred);
                }
                files.clear();
                Ok(other)
            }
        }
    }

    /// Fetches these files, those left out that `files` has already, and adds them to it.
    fn fetch_all(
        &self,
        names: &[&str],
        files: &mut Vec<SourceFile>,
        progress: &mut dyn DownloadProgress,
    ) -> Result<()> {
        let mut wanted = Vec::new();
        for name in names {
            if files.iter().any(|known| known.file == *name) {
                continue;
            }
            let file = self.listing.file(name).ok_or_else(|| {
                self.context()
                    .bad_response(&format!("no file {name}, which it needs"))
            })?;
            wanted.push(file);
        }
        let total: u64 = wanted.iter().filter_map(|file| file.size).sum();
        let mut before = 0;
        for file in wanted {
            let mut on_progress = |done: u64| {
                let done = before + done;
                progress.bytes(&file.name, done, total.max(done));
            };
            let sha256 = self.fetch_one(file, &mut on_progress)?;
            before += file.size.unwrap_or(0);
            progress.bytes(&file.name, before, total.max(before));
            files.push(SourceFile {
                file: file.name.clone(),
                sha256,
            });
        }
        Ok(())
    }

    /// Makes a file be in the directory, whole and checked, and returns its hash.
    fn fetch_one(&self, file: &RemoteFile, on_progress: &mut dyn FnMut(u64)) -> Result<String> {
        let path = self.directory.join(&file.name);
        if let Some(hash) = verified_hash(&path, file)? {
            return Ok(hash);
        }
        // Damaged, or there is nothing.
        self.remove(&path);
        self.download(file, on_progress)?;
        if let Some(hash) = verified_hash(&path, file)? {
            return Ok(hash);
        }
        self.remove(&path);
        Err(Error::integrity(format!(
            "{} of {} did not come as {} promised it (its size or its SHA-256 differs). It was deleted. Run the command again; if that does not help, the hub or something on the way to it is at fault.",
            file.name, self.id, self.hub.endpoint
        )))
    }

    /// Removes a file of the cache: the link and what it points to.
    fn remove(&self, path: &Path) {
        if let Ok(blob) = path.canonicalize() {
            let repository = self.directory.parent().and_then(Path::parent);
            let own = repository.and_then(|directory| directory.canonicalize().ok());
            if own.is_some_and(|own| blob.starts_with(own)) {
                // If that fails, the download fails on the same file and reports it.
                std::fs::remove_file(blob).ok();
            }
        }
        std::fs::remove_file(path).ok();
    }

    /// Downloads a file, going on after cuts as long as each try brings something.
    fn download(&self, file: &RemoteFile, on_progress: &mut dyn FnMut(u64)) -> Result<()> {
        let Hub { tries, pause, .. } = *self.hub;
        let (mut left, mut wait, mut furthest) = (tries, pause, 0);
        let mut restarted = false;
        loop {
            let mut reached = 0;
            let done = self.attempt(file, &mut |done| {
                reached = done;
                on_progress(done);
            });
            match done {
                Ok(()) => return Ok(()),
                Err(Interruption::Unusable) if !restarted => {
                    restarted = true;
                    self.forget_part(file)?;
                }
                Err(Interruption::Unusable) => {
                    return Err(self
                        .context()
                        .bad_response("no end of a file that was cut off"));
                }
                Err(Interruption::Cut(error)) => {
                    if reached > furthest {
                        (left, wait, furthest) = (tries, pause, reached);
                    }
                    if left == 0 {
                        return Err(error);
                    }
                    left -= 1;
                    thread::sleep(wait);
                    wait *= 2;
                }
                Err(Interruption::Final(error)) => return Err(error),
            }
        }
    }

    /// Downloads a file, or what is missing of it, in a thread of its own: `hf-hub` waits for a
    /// silent server for ever, we do not. `on_progress` is called in this thread.
    fn attempt(
        &self,
        file: &RemoteFile,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<(), Interruption> {
        let (events, received) = mpsc::channel();
        let (api, name) = (self.api()?, file.name.clone());
        let worker = thread::spawn(move || api.download_with_progress(&name, Meter(events)));
        let mut done = 0;
        loop {
            match received.recv_timeout(self.hub.stall_timeout) {
                Ok(Event::Start) => done = 0,
                Ok(Event::More(bytes)) => {
                    done += bytes;
                    on_progress(done);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Interruption::Final(self.context().silent(&file.name)));
                }
            }
        }
        let Ok(result) = worker.join() else {
            let error = self
                .context()
                .bad_response("a redirection without an address");
            return Err(Interruption::Final(error));
        };
        result
            .map(drop)
            .map_err(|e| self.context().download(&file.name, file.size, &e))
    }

    fn api(&self) -> Result<ApiRepo, Interruption> {
        let hub = self.hub;
        let api = ApiBuilder::from_cache(hub.cache.clone())
            .with_endpoint(hub.endpoint.clone())
            .with_token(hub.token.clone())
            .with_progress(false)
            .with_user_agent("wordmask", env!("CARGO_PKG_VERSION"))
            .build();
        let api =
            api.map_err(|e| Interruption::Final(Error::internal(format!("no client: {e}"))))?;
        Ok(api.repo(self.repo.clone()))
    }

    /// Removes what is there of a file that cannot be continued.
    fn forget_part(&self, file: &RemoteFile) -> Result<()> {
        let blobs = self.hub.cache.repo(self.repo.clone()).blob_path("");
        let Ok(entries) = std::fs::read_dir(&blobs) else {
            return Ok(());
        };
        let known = file.lfs.as_ref().map(|lfs| format!("{}.part", lfs.sha256));
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Small files are named by a hash that is not in the listing; any part may be theirs.
            let ours = match &known {
                Some(known) => name == known.as_str(),
                None => name.ends_with(".part"),
            };
            if ours {
                std::fs::remove_file(&path).map_err(|e| error_context::disk(&path, &e))?;
            }
        }
        Ok(())
    }
}

/// What the downloading thread reports.
enum Event {
    /// It begins, at the start of the file.
    Start,
    /// That many more bytes are here; what was there before counts too.
    More(u64),
}

struct Meter(mpsc::Sender<Event>);

impl Meter {
    fn tell(&self, event: Event) {
        // Nobody listens any more after a long silence.
        self.0.send(event).ok();
    }
}

impl hf_hub::api::Progress for Meter {
    fn init(&mut self, _size: usize, _filename: &str) {
        self.tell(Event::Start);
    }

    fn update(&mut self, size: usize) {
        self.tell(Event::More(size as u64));
    }

    fn finish(&mut self) {}
}

/// The hash of a file, if it is there and the one that was promised.
fn verified_hash(path: &Path, file: &RemoteFile) -> Result<Option<String>> {
    let Ok(found) = std::fs::metadata(path) else {
        return Ok(None);
    };
    if !found.is_file() || file.size.is_some_and(|size| size != found.len()) {
        return Ok(None);
    }
    let hash = sha256(path)?;
    let lfs = file.lfs.as_ref().map(|lfs| lfs.sha256.clone());
    let promised = lfs.or_else(|| named_after_its_hash(path));
    let kept = promised.is_none_or(|promised| promised.eq_ignore_ascii_case(&hash));
    Ok(kept.then_some(hash))
}

/// The hash by which the cache calls a large file.
fn named_after_its_hash(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?;
    let name = blob.file_name()?.to_str()?;
    (name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())).then(|| name.to_owned())
}

fn sha256(path: &Path) -> Result<String> {
    let failed = |e: std::io::Error| Error::io(path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => break,
            length => hash.update(&piece[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// A repository's name becomes part of an address and of a path.
fn check_id(id: &str) -> Result<()> {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 96
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if id.split('/').count() <= 2 && id.split('/').all(plain) {
        return Ok(());
    }
    Err(Error::input(format!(
        "{id:?} is no name of a model on the hub. Such a name looks like openai/clip-vit-large-patch14."
    )))
}

fn check_revision(revision: &str) -> Result<()> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if revision.len() <= 200 && revision.split('/').all(plain) {
        return Ok(());
    }
    Err(Error::input(format!(
        "{revision:?} is no revision. Give a branch, a tag or a commit."
    )))
}
