//! A hub on this machine, for the tests: what the real one does, and what goes wrong with it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A commit hash.
pub(super) const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
/// The commit of the converter's pull request.
pub(super) const CONVERTED: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Files from this size on are large: kept apart, with a hash in the listing.
const LARGE: usize = 1000;

/// A commit hash, and files by their names.
type Commit = (String, BTreeMap<String, Vec<u8>>);

/// What the hub has and how it misbehaves.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By repository and revision.
    pub(super) commits: BTreeMap<(String, String), Commit>,
    /// What is known of pull requests, by repository.
    pub(super) discussions: BTreeMap<String, Value>,
    /// The only token that is let in, if there is one.
    pub(super) token: Option<String>,
    /// The next so many answers with the contents of very large files end in the middle.
    pub(super) cuts: usize,
    /// Large files come with this in the place of their first byte.
    pub(super) spoil: Option<u8>,
    /// Very large files stop coming and the connection stays.
    pub(super) silent: bool,
    /// Every answer has this status and error code.
    pub(super) refuse: Option<(u16, &'static str)>,
    /// What was asked: path, range, token.
    pub(super) log: Vec<(String, String, String)>,
}

impl Shelf {
    pub(super) fn put(&mut self, id: &str, revision: &str, commit: &str, files: &[(&str, &[u8])]) {
        let files = files
            .iter()
            .map(|(name, contents)| ((*name).to_owned(), contents.to_vec()));
        let files: BTreeMap<_, _> = files.collect();
        for revision in [revision, commit] {
            self.commits
                .insert((id.into(), revision.into()), (commit.into(), files.clone()));
        }
    }
}

/// A hub that serves while it lives.
pub(super) struct FakeHub {
    pub(super) address: String,
    pub(super) shelf: Arc<Mutex<Shelf>>,
}

impl FakeHub {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let (theirs, own_address) = (Arc::clone(&shelf), address.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shelf, address) = (Arc::clone(&theirs), own_address.clone());
                thread::spawn(move || serve(stream.unwrap(), &shelf, &address));
            }
        });
        Self { address, shelf }
    }

    /// What was asked of the place where large files lie: the range of each request.
    pub(super) fn ranges_of_contents(&self) -> Vec<String> {
        let shelf = self.shelf.lock().unwrap();
        let contents = shelf.log.iter().filter(|(path, range, _)| {
            // Asking for one byte is how the size is found out.
            path.starts_with("/cdn/") && range != "bytes=0-0"
        });
        contents.map(|(_, range, _)| range.clone()).collect()
    }

    pub(super) fn asked(&self) -> usize {
        self.shelf.lock().unwrap().log.len()
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// How much of the body is sent before the connection breaks, or is left open and silent.
    sent: usize,
    silent: bool,
}

impl Answer {
    fn new(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            sent: body.len(),
            body,
            silent: false,
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

fn serve(mut stream: TcpStream, shelf: &Mutex<Shelf>, address: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else {
        return;
    };
    let header = |name: &str| {
        let mut found = lines.iter().filter_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.next().unwrap_or_default()
    };
    let (range, token) = (header("range"), header("authorization"));
    let answer = {
        let mut shelf = shelf.lock().unwrap();
        shelf
            .log
            .push((path.to_owned(), range.clone(), token.clone()));
        answer(&mut shelf, address, path, &range, &token)
    };
    send(&mut stream, &answer);
}

fn send(stream: &mut TcpStream, answer: &Answer) {
    let mut head = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", answer.status);
    head += &format!("Content-Length: {}\r\n", answer.body.len());
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    // Who asked may be gone.
    stream.write_all(head.as_bytes()).ok();
    stream.write_all(&answer.body[..answer.sent]).ok();
    stream.flush().ok();
    if answer.silent {
        thread::sleep(Duration::from_secs(5));
    }
}

fn answer(shelf: &mut Shelf, address: &str, path: &str, range: &str, token: &str) -> Answer {
    if let Some((status, code)) = shelf.refuse {
        return Answer::new(status, b"no".to_vec()).with("X-Error-Code", code);
    }
    if let Some(wanted) = &shelf.token
        && !path.starts_with("/cdn/")
        && token != format!("Bearer {wanted}")
    {
        return Answer::new(401, b"no".to_vec()).with("X-Error-Code", "RepoNotFound");
    }
    let none = || Answer::new(404, b"no".to_vec()).with("X-Error-Code", "RepoNotFound");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if let Some(hash) = path.strip_prefix("/cdn/") {
        return large(shelf, hash, range).unwrap_or_else(none);
    }
    if let Some(rest) = path.strip_prefix("/cached/") {
        return small(shelf, rest, range).unwrap_or_else(none);
    }
    if let Some(rest) = path.strip_prefix("/api/models/") {
        if let Some(id) = rest.strip_suffix("/discussions") {
            assert!(query.contains("author=SFconvertbot"), "{query}");
            let none = json!({ "discussions": [], "count": 0, "start": 0 });
            let found = shelf.discussions.get(id).unwrap_or(&none);
            return Answer::new(200, found.to_string().into_bytes());
        }
        assert_eq!(query, "blobs=true");
        return info(shelf, rest).unwrap_or_else(none);
    }
    resolve(shelf, address, path).unwrap_or_else(none)
}

fn info(shelf: &Shelf, rest: &str) -> Option<Answer> {
    let (id, revision) = rest.split_once("/revision/")?;
    let key = (id.to_owned(), revision.replace("%2F", "/"));
    let Some((commit, files)) = shelf.commits.get(&key) else {
        let known = shelf.commits.keys().any(|(known, _)| known == id);
        let code = if known {
            "RevisionNotFound"
        } else {
            "RepoNotFound"
        };
        return Some(Answer::new(404, b"no".to_vec()).with("X-Error-Code", code));
    };
    let siblings = files.iter().map(|(name, contents)| {
        let mut file = json!({ "rfilename": name, "size": contents.len(), "blobId": "b" });
        if contents.len() >= LARGE {
            file["lfs"] = json!({ "sha256": hash(contents), "size": contents.len() });
        }
        file
    });
    let siblings: Vec<Value> = siblings.collect();
    let info = json!({ "id": id, "sha": commit, "siblings": siblings, "gated": false });
    Some(Answer::new(200, info.to_string().into_bytes()))
}

/// Small files lie behind an address of the same hub, large ones behind another one.
fn resolve(shelf: &Shelf, address: &str, path: &str) -> Option<Answer> {
    let (id, rest) = path.trim_start_matches('/').split_once("/resolve/")?;
    let (revision, name) = rest.split_once('/')?;
    let (commit, files) = shelf.commits.get(&(id.to_owned(), revision.to_owned()))?;
    let contents = files.get(name)?;
    let answer = if contents.len() < LARGE {
        Answer::new(307, Vec::new()).with("Location", format!("/cached/{id}/{commit}/{name}"))
    } else {
        let hash = hash(contents);
        Answer::new(302, Vec::new())
            .with("Location", format!("{address}/cdn/{hash}"))
            .with("X-Linked-Etag", format!("\"{hash}\""))
            .with("X-Linked-Size", contents.len().to_string())
    };
    Some(answer.with("X-Repo-Commit", commit))
}

fn small(shelf: &Shelf, rest: &str, range: &str) -> Option<Answer> {
    let (rest, name) = rest.rsplit_once('/')?;
    let (id, commit) = rest.rsplit_once('/')?;
    let (_, files) = shelf.commits.get(&(id.to_owned(), commit.to_owned()))?;
    let contents = files.get(name)?;
    let etag = format!("\"{}\"", &hash(contents)[..40]);
    Some(
        part(contents, range)
            .with("X-Repo-Commit", commit)
            .with("ETag", etag),
    )
}

fn large(shelf: &mut Shelf, wanted: &str, range: &str) -> Option<Answer> {
    let all = shelf.commits.values().flat_map(|(_, files)| files.values());
    let mut contents = all.into_iter().find(|c| hash(c) == wanted)?.clone();
    if let Some(byte) = shelf.spoil {
        contents[0] = byte;
    }
    let mut answer = part(&contents, range).with("ETag", "\"of the store\"");
    let very_large = contents.len() >= 100 * LARGE;
    if very_large && range != "bytes=0-0" && (shelf.silent || shelf.cuts > 0) {
        answer.sent /= 2;
        answer.silent = shelf.silent;
        shelf.cuts = shelf.cuts.saturating_sub(1);
    }
    Some(answer)
}

fn part(contents: &[u8], range: &str) -> Answer {
    let Some((start, end)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Answer::new(200, contents.to_vec());
    };
    let start: usize = start.parse().unwrap();
    let last = end.parse().unwrap_or(contents.len().saturating_sub(1));
    if start >= contents.len() {
        return Answer::new(416, Vec::new());
    }
    let range = format!("bytes {start}-{last}/{}", contents.len());
    Answer::new(206, contents[start..=last].to_vec()).with("Content-Range", range)
}

pub(super) fn hash(contents: &[u8]) -> String {
    let hash = Sha256::digest(contents);
    hash.iter().map(|b| format!("{b:02x}")).collect()
}
