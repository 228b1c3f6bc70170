use std::fs;
use std::sync::MutexGuard;

use serde_json::json;

use super::fake_hub::{CONVERTED, FakeHub, SHA, Shelf, hash};
use super::*;

const ID: &str = "who/clip";
const BOTH_TOWERS: &[u8] = br#"{"vision_config": {}, "text_config": {}}"#;

/// A hub, an empty cache, and the client between them.
struct Stage {
    remote: FakeHub,
    home: tempfile::TempDir,
    hub: Hub,
}

impl Stage {
    fn new() -> Self {
        let remote = FakeHub::open();
        let home = tempfile::tempdir().unwrap();
        let hub = client(&remote.address, home.path(), None);
        Self { remote, home, hub }
    }

    /// With a repository in the Hugging Face layout, and more than is needed.
    fn with_clip() -> Self {
        let stage = Self::new();
        stage.shelf().put(
            ID,
            "main",
            SHA,
            &[
                ("README.md", b"words"),
                ("config.json", BOTH_TOWERS),
                ("preprocessor_config.json", b"{}"),
                ("tokenizer.json", &bytes(1)[..1500]),
                ("vocab.json", b"{}"),
                ("merges.txt", b""),
                ("model.safetensors", &bytes(2)),
                ("open_clip_config.json", b"{}"),
                ("open_clip_model.safetensors", &bytes(3)),
                ("pytorch_model.bin", &bytes(4)),
            ],
        );
        stage
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.remote.shelf.lock().unwrap()
    }

    fn fetch(&self) -> Result<Fetched> {
        self.hub.fetch(ID, None, &mut ())
    }

    /// The cache's files whose names end like this.
    fn blobs(&self, ending: &str) -> Vec<PathBuf> {
        let blobs = self.home.path().join("hub/models--who--clip/blobs");
        let entries = fs::read_dir(blobs).unwrap().map(|e| e.unwrap().path());
        entries
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    }
}

fn client(endpoint: &str, home: &Path, token: Option<&str>) -> Hub {
    let mut hub = Hub::new(endpoint, home.join("hub"), token.map(String::from)).unwrap();
    hub.tries = 2;
    hub.pause = Duration::from_millis(5);
    hub.stall_timeout = Duration::from_secs(20);
    hub
}

/// Contents of a large file.
fn bytes(seed: u32) -> Vec<u8> {
    (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8)
        .collect()
}

fn names(fetched: &Fetched) -> Vec<&str> {
    fetched.files.iter().map(|f| f.file.as_str()).collect()
}

#[derive(Default)]
struct Recorded(Vec<(String, u64, u64)>);

impl DownloadProgress for Recorded {
    fn bytes(&mut self, file: &str, done: u64, total: u64) {
        self.0.push((file.to_owned(), done, total));
    }
}

#[test]
fn fetch_brings_what_is_needed_with_commit_and_hashes() {
    let stage = Stage::with_clip();
    let mut recorded = Recorded::default();
    let fetched = stage.hub.fetch(ID, None, &mut recorded).unwrap();
    assert_eq!(fetched.revision, SHA);
    assert_eq!(
        names(&fetched),
        [
            "config.json",
            "preprocessor_config.json",
            "tokenizer.json",
            "model.safetensors"
        ]
    );
    for SourceFile { file, sha256 } in &fetched.files {
        let contents = fs::read(fetched.directory.join(file)).unwrap();
        assert_eq!(hash(&contents), *sha256, "{file}");
    }
    assert_eq!(fetched.files[3].sha256, hash(&bytes(2)));
    assert_eq!(fetched.note, None);
    let last = ("model.safetensors".to_owned(), 200_000, 200_000);
    assert_eq!(recorded.0.last(), Some(&last));
    assert!(recorded.0.iter().all(|(_, done, total)| done <= total));
    assert!(recorded.0.len() > 6, "{recorded:?}", recorded = recorded.0);
}

#[test]
fn fetch_checks_what_is_there_and_does_not_repeat_it() {
    let stage = Stage::with_clip();
    let first = stage.fetch().unwrap();
    let asked = stage.remote.asked();
    assert_eq!(stage.fetch().unwrap(), first);
    assert_eq!(stage.remote.asked(), asked + 1);

    let weights = first.directory.join("model.safetensors");
    let mut damaged = bytes(2);
    damaged[77] ^= 1;
    fs::write(&weights, damaged).unwrap();
    assert_eq!(stage.fetch().unwrap(), first);
    assert_eq!(fs::read(&weights).unwrap(), bytes(2));
}

#[test]
fn fetch_goes_on_after_a_cut() {
    let stage = Stage::with_clip();
    stage.shelf().cuts = 2;
    let fetched = stage.fetch().unwrap();
    assert_eq!(fetched.files[3].sha256, hash(&bytes(2)));
    let ranges = stage.remote.ranges_of_contents();
    let starts: Vec<u64> = ranges
        .iter()
        .map(|range| range["bytes=".len()..range.len() - 1].parse().unwrap())
        .collect();
    // The tokenizer at once, the weights in three pieces.
    let [0, 0, second, third] = starts[..] else {
        panic!("{starts:?}");
    };
    assert!(0 < second && second < third, "{starts:?}");
}

#[test]
fn fetch_goes_on_in_the_next_run() {
    let stage = Stage::with_clip();
    stage.shelf().cuts = 1000;
    let mut hub = stage.hub.clone();
    hub.tries = 0;
    let error = hub.fetch(ID, None, &mut ()).unwrap_err();
    assert_eq!(error.code(), "network");
    assert!(error.to_string().contains("goes on"), "{error}");
    assert_eq!(stage.blobs(".part").len(), 1);
    stage.shelf().cuts = 0;
    let asked = stage.remote.ranges_of_contents().len();
    stage.fetch().unwrap();
    assert_ne!(stage.remote.ranges_of_contents()[asked], "bytes=0-");
    assert!(stage.blobs(".part").is_empty());
}

#[test]
fn fetch_begins_anew_what_cannot_be_continued() {
    let stage = Stage::with_clip();
    stage.fetch().unwrap();
    let blob = stage
        .blobs(&hash(&bytes(2)))
        .pop()
        .expect("weights in the cache");
    // Whole but not renamed; and longer than it may be.
    for extra in [0, 10] {
        let mut contents = bytes(2);
        contents.extend(vec![0; extra]);
        fs::write(blob.with_extension("part"), contents).unwrap();
        fs::remove_file(&blob).unwrap();
        let fetched = stage.fetch().unwrap();
        assert_eq!(fetched.files[3].sha256, hash(&bytes(2)));
    }
}

#[test]
fn fetch_keeps_no_other_contents_than_promised() {
    let stage = Stage::with_clip();
    stage.shelf().spoil = Some(!bytes(1)[0]);
    let error = stage.fetch().unwrap_err();
    assert_eq!(error.code(), "integrity");
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
    assert!(stage.blobs(&hash(&bytes(1)[..1500])).is_empty());
    stage.shelf().spoil = None;
    stage.fetch().unwrap();
}

#[test]
fn fetch_gives_up_on_a_silent_server() {
    let stage = Stage::with_clip();
    stage.shelf().silent = true;
    let mut hub = stage.hub.clone();
    hub.stall_timeout = Duration::from_millis(500);
    let error = hub.fetch(ID, None, &mut ()).unwrap_err();
    assert_eq!(error.code(), "network");
    assert!(error.to_string().contains("stopped sending"), "{error}");
}

#[test]
fn fetch_takes_the_cache_without_a_connection() {
    let stage = Stage::with_clip();
    let first = stage.fetch().unwrap();
    let offline = client(NOBODY, stage.home.path(), None);
    assert_eq!(offline.fetch(ID, None, &mut ()).unwrap(), first);
    assert_eq!(offline.fetch(ID, Some(SHA), &mut ()).unwrap(), first);

    fs::remove_file(first.directory.join("model.safetensors")).unwrap();
    for id in [ID, "who/else"] {
        let error = offline.fetch(id, None, &mut ()).unwrap_err();
        assert_eq!(error.code(), "network", "{error}");
        assert!(error.to_string().contains("connection"), "{error}");
    }
}

/// An address at which nobody answers: none is ever given out below 1024.
const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn fetch_blames_the_caller_for_names_that_are_not_there() {
    let stage = Stage::with_clip();
    let refusal = |id: &str, revision| {
        let error = stage.hub.fetch(id, revision, &mut ()).unwrap_err();
        assert_eq!(error.code(), "input", "{error}");
        error.to_string()
    };
    assert!(refusal("who/else", None).contains("no model who/else"));
    assert!(refusal(ID, Some("v9")).contains("no revision v9"));
    let asked = stage.remote.asked();
    for id in ["", "a/b/c", "../x", "a/..", "a b/c", "a/b?x", "https://a/b"] {
        assert!(refusal(id, None).contains("no name"), "{id}");
    }
    for revision in ["", "../x", "/main", "main/", "a b", "a%2Fb"] {
        assert!(
            refusal(ID, Some(revision)).contains("no revision"),
            "{revision}"
        );
    }
    assert_eq!(stage.remote.asked(), asked);
    assert_eq!(
        Hub::new("no address", PathBuf::new(), None)
            .unwrap_err()
            .code(),
        "input"
    );
}

#[test]
fn fetch_opens_with_a_token_what_is_private() {
    let stage = Stage::with_clip();
    stage.shelf().token = Some("hf_secret".into());
    let error = stage.fetch().unwrap_err();
    assert_eq!(error.code(), "input");
    assert!(error.to_string().contains("HF_TOKEN"), "{error}");

    let wrong = client(&stage.remote.address, stage.home.path(), Some("hf_old"));
    let error = wrong.fetch(ID, None, &mut ()).unwrap_err();
    assert!(error.to_string().contains("new token"), "{error}");
    assert!(!error.to_string().contains("hf_old"), "{error}");

    let right = client(
        &stage.remote.address,
        stage.home.path(),
        Some(" hf_secret\n"),
    );
    right.fetch(ID, None, &mut ()).unwrap();

    // The file that the hub's own command line writes.
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("token"), "hf_secret\n").unwrap();
    let from_file = client(&stage.remote.address, home.path(), None);
    from_file.fetch(ID, None, &mut ()).unwrap();
}

#[test]
fn fetch_reports_refusals_while_downloading() {
    let stage = Stage::with_clip();
    stage.shelf().refuse = Some((403, "GatedRepo"));
    let error = stage.fetch().unwrap_err();
    assert_eq!(error.code(), "input");
    assert!(error.to_string().contains("terms"), "{error}");
    stage.shelf().refuse = Some((503, ""));
    assert_eq!(stage.fetch().unwrap_err().code(), "network");
}

#[test]
fn fetch_refuses_an_answer_that_is_no_hubs() {
    let stage = Stage::with_clip();
    stage.shelf().put(
        "who/strange",
        "main",
        "no commit",
        &[("config.json", b"{}")],
    );
    let error = stage.hub.fetch("who/strange", None, &mut ()).unwrap_err();
    assert_eq!(error.code(), "network");
    assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
}

#[test]
fn fetch_names_a_cache_that_cannot_be_written() {
    let stage = Stage::with_clip();
    let file = stage.home.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = client(&stage.remote.address, &file, None)
        .fetch(ID, None, &mut ())
        .unwrap_err();
    assert_eq!(error.code(), "io");
    assert!(error.to_string().contains("HF_HOME"), "{error}");
}

#[test]
fn fetch_brings_weights_in_several_files() {
    let stage = Stage::new();
    let index = json!({ "weight_map": {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors",
    }});
    stage.shelf().put(
        ID,
        "main",
        SHA,
        &[
            ("config.json", BOTH_TOWERS),
            ("vocab.json", b"{}"),
            ("merges.txt", b"#version"),
            ("model.safetensors.index.json", index.to_string().as_bytes()),
            ("model-00001-of-00002.safetensors", &bytes(1)),
            ("model-00002-of-00002.safetensors", &bytes(2)),
            ("model-00003-of-00002.safetensors", &bytes(3)),
        ],
    );
    let fetched = stage.fetch().unwrap();
    assert_eq!(
        names(&fetched),
        [
            "config.json",
            "merges.txt",
            "vocab.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors"
        ]
    );
}

#[test]
fn fetch_passes_over_a_vision_tower_in_the_place_of_a_clip() {
    let stage = Stage::with_clip();
    stage.shelf().put(
        ID,
        "vision",
        CONVERTED,
        &[
            ("config.json", br#"{"architecture": "vit_base_patch16"}"#),
            ("model.safetensors", &bytes(2)),
            ("open_clip_config.json", b"{}"),
            ("open_clip_model.safetensors", &bytes(3)),
            ("tokenizer.json", b"{}"),
        ],
    );
    let fetched = stage.hub.fetch(ID, Some("vision"), &mut ()).unwrap();
    assert_eq!(
        names(&fetched),
        [
            "open_clip_config.json",
            "tokenizer.json",
            "open_clip_model.safetensors"
        ]
    );
}

#[test]
fn fetch_borrows_the_tokenizer_for_an_open_clip() {
    let stage = Stage::new();
    let put = |config: &[u8]| {
        let files: &[(&str, &[u8])] = &[
            ("open_clip_config.json", config),
            ("open_clip_model.safetensors", &bytes(3)),
        ];
        stage.shelf().put(ID, "main", SHA, files);
    };
    put(br#"{"model_cfg": {"text_cfg": {"width": 512}}}"#);
    stage.shelf().put(
        TOKENIZER_SOURCE,
        "main",
        CONVERTED,
        &[("tokenizer.json", &bytes(5))],
    );
    let fetched = stage.fetch().unwrap();
    assert_eq!(
        names(&fetched),
        [
            "open_clip_config.json",
            "tokenizer.json",
            "open_clip_model.safetensors"
        ]
    );
    let tokenizer = fs::read(fetched.directory.join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer, bytes(5));

    let stage = Stage {
        home: tempfile::tempdir().unwrap(),
        ..stage
    };
    let hub = client(&stage.remote.address, stage.home.path(), None);
    stage.shelf().put(
        ID,
        "main",
        SHA,
        &[
            (
                "open_clip_config.json",
                br#"{"model_cfg": {"text_cfg": {"hf_tokenizer_name": "xlm-roberta"}}}"#,
            ),
            ("open_clip_model.safetensors", &bytes(3)),
        ],
    );
    let error = hub.fetch(ID, None, &mut ()).unwrap_err();
    assert_eq!(error.code(), "model");
    assert!(error.to_string().contains("tokenizer"), "{error}");
}

#[test]
fn fetch_refuses_pickles_or_takes_the_hubs_conversion() {
    let stage = Stage::new();
    let pickled: &[(&str, &[u8])] = &[
        ("config.json", BOTH_TOWERS),
        ("tokenizer.json", b"{}"),
        ("pytorch_model.bin", &bytes(4)),
    ];
    stage.shelf().put(ID, "main", SHA, pickled);
    let refused = |stage: &Stage| {
        let error = stage.fetch().unwrap_err();
        assert_eq!(error.code(), "model");
        assert!(error.to_string().contains("pytorch_model.bin"), "{error}");
    };
    refused(&stage);

    let request = |author: &str| {
        json!({ "count": 1, "start": 0, "discussions": [{
            "num": 17, "title": CONVERSION, "status": "open", "isPullRequest": true,
            "author": { "name": author }, "createdAt": "2023-01-01T00:00:00.000Z",
        }]})
    };
    let convert = |pickle: u32| {
        let files: &[(&str, &[u8])] = &[
            ("config.json", BOTH_TOWERS),
            ("tokenizer.json", b"{}"),
            ("pytorch_model.bin", &bytes(pickle)),
            ("model.safetensors", &bytes(2)),
        ];
        stage.shelf().put(ID, "refs/pr/17", CONVERTED, files);
    };
    convert(4);
    stage
        .shelf()
        .discussions
        .insert(ID.into(), request("somebody"));
    refused(&stage);

    // Of other weights than those that the repository has now.
    stage
        .shelf()
        .discussions
        .insert(ID.into(), request(CONVERTER));
    convert(5);
    refused(&stage);

    convert(4);
    let fetched = stage.fetch().unwrap();
    assert_eq!(fetched.revision, CONVERTED);
    assert!(fetched.note.unwrap().contains("17"));
    // A revision that was asked for is not exchanged.
    let error = stage.hub.fetch(ID, Some("main"), &mut ()).unwrap_err();
    assert_eq!(error.code(), "model");
}

#[test]
fn from_variables_chooses_hub_cache_and_token() {
    let from = |variables: &[(&str, &str)], home: Option<&str>| {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name);
        let variable = |name: &str| find(name).map(|(_, value)| (*value).to_owned());
        Hub::from_variables(variable, home.map(PathBuf::from))
    };
    let own = from(&[("HF_HOME", " ")], Some("/home/me")).unwrap();
    assert_eq!(own.endpoint, ENDPOINT);
    assert_eq!(
        own.cache.path(),
        Path::new("/home/me/.cache/huggingface/hub")
    );
    assert_eq!(own.token, None);
    let chosen = [
        ("HF_HOME", "/disk"),
        ("HF_ENDPOINT", "https://hub.example/"),
        ("HF_TOKEN", "hf_x\n"),
    ];
    let chosen = from(&chosen, None).unwrap();
    assert_eq!(chosen.endpoint, "https://hub.example");
    assert_eq!(chosen.cache.path(), Path::new("/disk/hub"));
    assert_eq!(chosen.token.as_deref(), Some("hf_x"));
    assert!(from(&[], None).unwrap_err().to_string().contains("HF_HOME"));
    let wrong = from(&[("HF_ENDPOINT", "hub.example")], Some("/home/me"));
    assert!(wrong.unwrap_err().to_string().contains("HF_ENDPOINT"));
}
