//! Bundles that were damaged or tampered with, each in its own manner.
//!
//! Hashes are checked before anything else, so wherever something behind them is to fail, the
//! manifest here promises the damaged file with its right hash.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use half::f16;
use pollster::block_on;
use serde_json::{Value, json};
use wordmask::bundle::{
    Bundle, BundleMetadata, BundleWriter, FileEntry, Pictures, Source, manifest_json,
};
use wordmask::device::Preference;
use wordmask::image::Picture;
use wordmask::import::{Directory, Published};
use wordmask::progress::NoProgress;
use wordmask::prompt::parse_words;
use wordmask::quant::{Scheme, WeightSource};
use wordmask::segmenter::{EncodeOptions, Options};
use wordmask::{Error, Segmenter, scene};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-clip");
const DOODLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/doodle");

const SHARD: &str = "vision-00.safetensors";
const TEXT: &str = "text-00.safetensors";
const WORDS: &str = "words-00.safetensors";
const TOKENIZER: &str = "tokenizer.json";

const VECTOR: &str = "vision_model.post_layernorm.weight";
const MATRIX: &str = "vision_model.encoder.layers.0.mlp.fc1.weight";
const TABLE: &str = "text_model.embeddings.token_embedding.weight";

// ---------------------------------------------------------------------------- a bundle to be spoilt

#[derive(Clone)]
struct Files {
    manifest: Value,
    contents: BTreeMap<String, Vec<u8>>,
}

fn published() -> Published {
    Published::open(&Directory::new(Path::new(TINY)).unwrap()).unwrap()
}

impl Files {
    /// The small model of the parity tests.
    fn tiny(scheme: Scheme) -> Self {
        let about = BundleMetadata {
            name: "tiny".into(),
            description: "It knows nothing.".into(),
            license: "MIT".into(),
            source: Source {
                origin: "a fixture".into(),
                revision: None,
                files: vec![],
            },
            picture_size: None,
            background: vec![],
            pictures: Pictures::default(),
            vocabulary: vec![],
            pipeline: None,
        };
        let mut writer = BundleWriter::new(published().into(), None, scheme, about, &[]);
        let mut contents = BTreeMap::new();
        while let Some(file) = writer.next_file().unwrap() {
            contents.insert(file.entry.file, file.contents);
        }
        let manifest = manifest_json(writer.manifest().unwrap()).unwrap();
        Self {
            manifest: serde_json::from_str(&manifest).unwrap(),
            contents,
        }
    }

    /// The built-in model, which has ready words.
    fn doodle() -> Self {
        let read = |name: &str| std::fs::read(Path::new(DOODLE).join(name)).unwrap();
        let names = [SHARD, TEXT, WORDS, TOKENIZER];
        Self {
            manifest: serde_json::from_slice(&read("wordmask.json")).unwrap(),
            contents: names.map(|name| (name.into(), read(name))).into(),
        }
    }

    fn start(&self) -> Result<Bundle, Error> {
        Bundle::new(self.manifest.to_string().as_bytes())
    }

    fn load(&self) -> Result<Bundle, Error> {
        let mut bundle = self.start()?;
        for (file, contents) in &self.contents {
            bundle.add(file, contents)?;
        }
        Ok(bundle)
    }

    /// The entry of a shard in the manifest.
    fn shard(&mut self, file: &str) -> &mut Value {
        let shards = self.manifest["shards"].as_array_mut().unwrap();
        shards.iter_mut().find(|s| s["file"] == file).unwrap()
    }

    fn entry(&mut self, file: &str) -> &mut Value {
        match file {
            TOKENIZER => &mut self.manifest["tokenizer"],
            WORDS => &mut self.manifest["words"],
            _ => self.shard(file),
        }
    }

    /// Replaces a file and makes the manifest promise the replacement.
    fn replace(&mut self, file: &str, contents: Vec<u8>) {
        let honest = FileEntry::new(file, &contents);
        let entry = self.entry(file);
        entry["bytes"] = honest.bytes.into();
        entry["sha256"] = honest.sha256.into();
        self.contents.insert(file.into(), contents);
    }

    fn tensors(&self, file: &str) -> Tensors {
        unpack(&self.contents[file])
    }

    /// With the tensors of a shard changed.
    fn with(mut self, file: &str, spoil: impl Fn(&mut Tensors)) -> Self {
        let mut tensors = self.tensors(file);
        spoil(&mut tensors);
        self.replace(file, pack(&tensors));
        self
    }

    /// With the header of a shard changed, its data left.
    fn with_header(mut self, file: &str, spoil: impl Fn(&mut Value)) -> Self {
        let (mut header, data) = halves(&self.contents[file]);
        spoil(&mut header);
        self.replace(file, joined(header.to_string().as_bytes(), &data));
        self
    }

    /// With a matrix split by its rows: the first of them stay, each other part has a shard.
    fn split(mut self, name: &str, at: &[usize]) -> Self {
        let (file, whole) = (self.file_of(name), 3);
        let mut tensors = self.tensors(&file);
        let parts = ["", ".scale"].map(|end| tensors.remove(&format!("{name}{end}")));
        let count = parts[0].as_ref().unwrap().shape[0];
        let ends = [at, &[count]].concat();
        let mut start = 0;
        for (index, end) in ends.into_iter().enumerate() {
            let piece = json!({"name": name, "rows": [start, end]});
            let mut held = if index == 0 {
                tensors.clone()
            } else {
                Tensors::new()
            };
            for (part, end_of_name) in parts.iter().zip(["", ".scale"]) {
                let rows = part.as_ref().map(|part| part.rows(start..end));
                held.extend(rows.map(|rows| (format!("{name}{end_of_name}"), rows)));
            }
            if index == 0 {
                let listed = self.shard(&file)["tensors"].as_array_mut().unwrap();
                let place = listed.iter().position(|t| t == name).unwrap();
                listed[place] = piece;
                self.replace(&file, pack(&held));
            } else {
                let other = format!("piece-{:02}.safetensors", self.contents.len() - whole + 1);
                let mut shard = self.shard(&file).clone();
                shard["file"] = other.clone().into();
                shard["tensors"] = json!([piece]);
                self.manifest["shards"].as_array_mut().unwrap().push(shard);
                self.replace(&other, pack(&held));
            }
            start = end;
        }
        self
    }

    fn file_of(&self, name: &str) -> String {
        let shards = self.manifest["shards"].as_array().unwrap();
        let holds = |shard: &&Value| shard["tensors"].as_array().unwrap().contains(&name.into());
        shards.iter().find(holds).unwrap()["file"]
            .as_str()
            .unwrap()
            .into()
    }

    /// The pieces that the manifest promises of a split tensor: their rows, to be spoilt.
    fn rows(&mut self, name: &str) -> Vec<&mut Value> {
        let shards = self.manifest["shards"].as_array_mut().unwrap();
        let listed = shards
            .iter_mut()
            .flat_map(|shard| shard["tensors"].as_array_mut().unwrap());
        let pieces = listed.filter(|piece| piece["name"] == name);
        pieces.map(|piece| &mut piece["rows"]).collect()
    }
}

#[derive(Clone)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

type Tensors = BTreeMap<String, Tensor>;

impl Tensor {
    fn new(dtype: &str, shape: &[usize], data: Vec<u8>) -> Self {
        Self {
            dtype: dtype.into(),
            shape: shape.to_vec(),
            data,
        }
    }

    fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        let bytes = self.data.len() / self.shape[0];
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        let data = self.data[rows.start * bytes..rows.end * bytes].to_vec();
        Self::new(&self.dtype, &shape, data)
    }
}

/// A safetensors file as its header and its data.
fn halves(file: &[u8]) -> (Value, Vec<u8>) {
    let (length, rest) = file.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let (header, data) = rest.split_at(length);
    (serde_json::from_slice(header).unwrap(), data.to_vec())
}

fn joined(header: &[u8], data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header, data].concat()
}

fn unpack(file: &[u8]) -> Tensors {
    let (header, data) = halves(file);
    let header = header.as_object().unwrap().clone();
    let tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__");
    tensors
        .map(|(name, entry)| {
            let number = |v: &Value| v.as_u64().unwrap() as usize;
            let shape: Vec<usize> = entry["shape"]
                .as_array()
                .unwrap()
                .iter()
                .map(number)
                .collect();
            let place = &entry["data_offsets"];
            let data = data[number(&place[0])..number(&place[1])].to_vec();
            let tensor = Tensor::new(entry["dtype"].as_str().unwrap(), &shape, data);
            (name, tensor)
        })
        .collect()
}

fn pack(tensors: &Tensors) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, tensor) in tensors {
        let start = data.len();
        data.extend_from_slice(&tensor.data);
        let entry = json!({
            "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, data.len()],
        });
        header.insert(name.clone(), entry);
    }
    joined(Value::Object(header).to_string().as_bytes(), &data)
}

/// The shapes of the model's tensors.
fn shape_of(name: &str) -> &'static [usize] {
    static SHAPES: OnceLock<BTreeMap<String, Vec<usize>>> = OnceLock::new();
    let shapes = SHAPES.get_or_init(|| {
        let files = Files::tiny(Scheme::F32);
        let shards = files.contents.iter().filter(|(file, _)| *file != TOKENIZER);
        let tensors = shards.flat_map(|(_, contents)| unpack(contents));
        tensors.map(|(name, tensor)| (name, tensor.shape)).collect()
    });
    &shapes[name]
}

fn values(bundle: &mut Bundle, name: &str) -> Result<Vec<f32>, Error> {
    bundle.values(name, shape_of(name))
}

// ----------------------------------------------------------------------------------- what must hold

/// A file is refused by a fault of the bundle's own that names it, nothing of it is kept, and all
/// other files are still taken.
#[track_caller]
fn refused(files: &Files, file: &str, why: &str) -> Error {
    let mut bundle = files
        .start()
        .unwrap_or_else(|e| panic!("{why}: the manifest is refused: {e}"));
    let Err(error) = bundle.add(file, &files.contents[file]) else {
        panic!("{why}: the file is taken");
    };
    assert!(
        matches!(error.code(), "model" | "integrity"),
        "{why}: {error:?}"
    );
    assert!(error.to_string().contains(file), "{why}: {error}");
    for (other, contents) in &files.contents {
        if other != file {
            let taken = bundle.add(other, contents);
            taken.unwrap_or_else(|e| panic!("{why}: {other} is refused after {file}: {e}"));
        }
    }
    let missing: Vec<&str> = bundle.missing().map(|(_, file)| file).collect();
    assert_eq!(missing, [file], "{why}");
    if file == WORDS {
        assert!(bundle.words().words.is_empty(), "{why}: words are kept");
    }
    let shards = files.manifest["shards"].as_array().unwrap();
    for shard in shards.iter().filter(|shard| shard["file"] == file) {
        for name in shard["tensors"].as_array().unwrap() {
            let name = name.as_str().or_else(|| name["name"].as_str()).unwrap();
            let kept = values(&mut bundle, name);
            assert!(
                matches!(kept, Err(Error::Model(_))),
                "{why}: {name} is kept"
            );
        }
    }
    error
}

/// A manifest is refused as such.
#[track_caller]
fn manifest_refused(manifest: &[u8], why: &str) -> String {
    match Bundle::new(manifest) {
        Err(Error::Model(message)) => message.to_string(),
        Err(other) => panic!("{why}: {other:?}"),
        Ok(_) => panic!("{why}: the manifest is taken"),
    }
}

#[track_caller]
fn spoilt_manifest_refused(files: &Files, why: &str, spoil: impl FnOnce(&mut Value)) -> String {
    let mut manifest = files.manifest.clone();
    spoil(&mut manifest);
    manifest_refused(manifest.to_string().as_bytes(), why)
}

/// The bundles that everything below spoils are sound, and so is how they are put together.
#[test]
fn bundle_loads_before_it_is_spoilt() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Q8, Scheme::Q4] {
        let files = Files::tiny(scheme);
        let whole = |name| values(&mut files.load().unwrap(), name).unwrap();
        let repacked = files.clone().with(SHARD, |_| ()).with_header(TEXT, |_| ());
        let split = files.clone().split(TABLE, &[100, 101]).split(MATRIX, &[1]);
        assert_eq!(split.contents.len(), files.contents.len() + 3);
        for name in [VECTOR, MATRIX, TABLE] {
            for other in [&repacked, &split] {
                let mut bundle = other.load().unwrap();
                assert_eq!(
                    values(&mut bundle, name).unwrap(),
                    whole(name),
                    "{scheme} {name}"
                );
            }
        }
    }
    Files::doodle().load().unwrap();
}

// -------------------------------------------------------------------------------- length and SHA-256

#[test]
fn add_refuses_changed_cut_and_swapped_files_and_takes_the_right_one_after_them() {
    let files = Files::doodle();
    for (file, good) in &files.contents {
        let mut bundle = files.start().unwrap();
        let mut bad: Vec<Vec<u8>> = vec![];
        for place in [0, 7, 8, 9, good.len() / 2, good.len() - 1] {
            let mut changed = good.clone();
            changed[place] ^= 0x40;
            bad.push(changed);
        }
        for length in [0, 1, 7, 8, 100, good.len() / 2, good.len() - 1] {
            bad.push(good[..length].to_vec());
        }
        bad.push([good.as_slice(), b"\n"].concat());
        bad.push([good.as_slice(), good].concat());
        bad.push(vec![0; good.len()]);
        bad.extend(
            files
                .contents
                .values()
                .filter(|other| *other != good)
                .cloned(),
        );
        for (index, bad) in bad.iter().enumerate() {
            let Err(Error::Integrity(message)) = bundle.add(file, bad) else {
                panic!("{file}, case {index}");
            };
            assert!(message.contains(file.as_str()), "{message}");
            assert!(bundle.missing().any(|(_, missing)| missing == file));
        }
        bundle.add(file, good).unwrap();
        assert!(bundle.missing().all(|(_, missing)| missing != file));
    }
}

#[test]
fn add_refuses_a_file_of_another_hash_or_length_than_promised() {
    for file in [SHARD, TEXT, WORDS, TOKENIZER] {
        type Spoil = fn(&mut Value);
        let cases: [Spoil; 4] = [
            |entry| entry["sha256"] = "0".repeat(64).into(),
            |entry| entry["bytes"] = (entry["bytes"].as_u64().unwrap() + 1).into(),
            |entry| entry["bytes"] = (entry["bytes"].as_u64().unwrap() - 1).into(),
            |entry| entry["bytes"] = 1.into(),
        ];
        for (index, spoil) in cases.into_iter().enumerate() {
            let mut files = Files::doodle();
            spoil(files.entry(file));
            let mut bundle = files.start().unwrap();
            let error = bundle.add(file, &files.contents[file]).unwrap_err();
            assert_eq!(error.code(), "integrity", "{file}, case {index}");
            assert!(error.to_string().contains(file), "{error}");
        }
    }
}

// -------------------------------------------------------------------------------------------- headers

#[test]
fn add_refuses_files_that_are_no_safetensors() {
    let sound = Files::tiny(Scheme::Q8);
    let good = &sound.contents[SHARD];
    let length = u64::from_le_bytes(good[..8].try_into().unwrap());
    let with_length = |length: u64| [&length.to_le_bytes(), &good[8..]].concat();
    let data = halves(good).1;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("one byte", vec![0]),
        ("a length and nothing else", 5u64.to_le_bytes().to_vec()),
        ("a header of 4 GB", with_length(u64::from(u32::MAX))),
        (
            "a header of 4 GB and a file of 8 bytes",
            u64::from(u32::MAX).to_le_bytes().to_vec(),
        ),
        ("the largest length", with_length(u64::MAX)),
        ("the largest length less 7", with_length(u64::MAX - 7)),
        ("the largest signed length", with_length(i64::MAX as u64)),
        ("a header of nothing", with_length(0)),
        ("a header too short", with_length(length - 1)),
        ("a header too long", with_length(length + 1)),
        (
            "a header that ends with the file",
            with_length(good.len() as u64 - 8),
        ),
        (
            "a web page",
            b"<!doctype html><title>404 Not Found</title>".to_vec(),
        ),
        ("only zeros", vec![0; 4096]),
        ("a header that is no JSON", joined(b"safetensors", &data)),
        (
            "a header that is not UTF-8",
            joined(b"{\"a\xff\":{}}", &data),
        ),
        ("an empty header", joined(b"{}", &data)),
        ("an empty header and no data", joined(b"{}", b"")),
        ("a list", joined(b"[]", &data)),
        ("null", joined(b"null", &data)),
        ("a number", joined(b"1", &data)),
        (
            "a list in a list in …",
            joined("[".repeat(100_000).as_bytes(), &data),
        ),
        (
            "an object in an object in …",
            joined(r#"{"a":"#.repeat(100_000).as_bytes(), &data),
        ),
        (
            "a cut header",
            joined(&good[8..8 + length as usize / 2], &data),
        ),
    ];
    for (why, contents) in cases {
        let mut files = sound.clone();
        files.replace(SHARD, contents);
        assert_eq!(refused(&files, SHARD, why).code(), "model", "{why}");
    }
}

#[test]
fn add_refuses_headers_that_lie_about_their_tensors() {
    type Spoil = fn(&mut Value);
    /// Moves one end of a tensor's place.
    fn shift(header: &mut Value, name: &str, end: usize, by: i64) {
        let place = &mut header[name]["data_offsets"][end];
        *place = (place.as_i64().unwrap() + by).into();
    }
    let cases: [(&str, Spoil); 33] = [
        ("overlap with the one before", |h| shift(h, VECTOR, 0, -4)),
        ("overlap with the one behind", |h| shift(h, VECTOR, 1, 4)),
        ("a hole before", |h| shift(h, VECTOR, 0, 4)),
        ("a hole behind", |h| shift(h, VECTOR, 1, -4)),
        ("moved as a whole", |h| {
            shift(h, VECTOR, 0, 4);
            shift(h, VECTOR, 1, 4);
        }),
        ("two tensors at one place", |h| {
            h[VECTOR]["data_offsets"] =
                h["vision_model.post_layernorm.bias"]["data_offsets"].clone();
        }),
        ("backwards", |h| {
            h[VECTOR]["data_offsets"].as_array_mut().unwrap().reverse();
        }),
        ("beyond the end", |h| {
            h[VECTOR]["data_offsets"] = json!([1u64 << 40, (1u64 << 40) + 128]);
        }),
        ("at the end of all numbers", |h| {
            h[VECTOR]["data_offsets"] = json!([u64::MAX - 128, u64::MAX]);
        }),
        ("negative", |h| h[VECTOR]["data_offsets"] = json!([-128, 0])),
        ("no whole numbers", |h| {
            h[VECTOR]["data_offsets"] = json!([0.5, 128.5]);
        }),
        ("one offset", |h| h[VECTOR]["data_offsets"] = json!([0])),
        ("three offsets", |h| {
            h[VECTOR]["data_offsets"] = json!([0, 64, 128]);
        }),
        ("offsets in words", |h| {
            h[VECTOR]["data_offsets"] = json!(["0", "128"]);
        }),
        ("no offsets", |h| {
            h[VECTOR].as_object_mut().unwrap().remove("data_offsets");
        }),
        ("no shape", |h| {
            h[VECTOR].as_object_mut().unwrap().remove("shape");
        }),
        ("no dtype", |h| {
            h[VECTOR].as_object_mut().unwrap().remove("dtype");
        }),
        ("a dtype that does not exist", |h| {
            h[VECTOR]["dtype"] = "F7".into();
        }),
        ("a dtype of another size", |h| {
            h[VECTOR]["dtype"] = "F64".into();
        }),
        ("a dtype that is a number", |h| {
            h[VECTOR]["dtype"] = 16.into();
        }),
        ("a negative shape", |h| h[VECTOR]["shape"] = json!([-64])),
        ("a shape beyond usize", |h| {
            h[VECTOR]["shape"] = json!([u64::MAX, u64::MAX]);
        }),
        ("a shape whose product wraps around to the right one", |h| {
            h[VECTOR]["shape"] = json!([(1u64 << 63) + 32, 2]);
        }),
        ("a shape in 100,000 dimensions", |h| {
            h[VECTOR]["shape"] = json!(vec![1; 100_000]);
        }),
        ("a smaller shape", |h| h[VECTOR]["shape"] = json!([63])),
        ("a larger shape", |h| h[VECTOR]["shape"] = json!([65])),
        ("a shape of nothing", |h| h[VECTOR]["shape"] = json!([0])),
        ("no shape at all", |h| h[VECTOR]["shape"] = json!([])),
        ("a shape with a one too many", |h| {
            h[VECTOR]["shape"] = json!([64, 1]);
        }),
        ("another name", |h| {
            let entry = h.as_object_mut().unwrap().remove(VECTOR).unwrap();
            h["surprise"] = entry;
        }),
        ("a name with a zero", |h| {
            let entry = h.as_object_mut().unwrap().remove(VECTOR).unwrap();
            h[format!("{VECTOR}\0")] = entry;
        }),
        ("metadata that is no text", |h| {
            h["__metadata__"] = json!({"a": {"b": 1}});
        }),
        ("an entry that is null", |h| h[VECTOR] = Value::Null),
    ];
    for scheme in [Scheme::F16, Scheme::Q8] {
        let sound = Files::tiny(scheme);
        for (why, spoil) in cases {
            let files = sound.clone().with_header(SHARD, spoil);
            assert_eq!(refused(&files, SHARD, why).code(), "model", "{why}");
        }
    }
}

#[test]
fn add_refuses_data_behind_the_last_tensor_or_cut_off() {
    let sound = Files::tiny(Scheme::Q8);
    let good = &sound.contents[SHARD];
    let longer = [good.as_slice(), &[0; 16]].concat();
    let shorter = good[..good.len() - 16].to_vec();
    let none = good[..good.len() - halves(good).1.len()].to_vec();
    for (why, contents) in [("longer", longer), ("shorter", shorter), ("no data", none)] {
        let mut files = sound.clone();
        files.replace(SHARD, contents);
        refused(&files, SHARD, why);
    }
}

// -------------------------------------------------------------------------------------------- tensors

type SpoilTensors<'a> = (&'a str, &'a dyn Fn(&mut Tensors));

/// Spoils each of a shard's tensors in turn.
#[track_caller]
fn each_refused(sound: &Files, cases: &[SpoilTensors<'_>]) {
    for (why, spoil) in cases {
        let error = refused(&sound.clone().with(SHARD, spoil), SHARD, why);
        assert_eq!(error.code(), "model", "{why}");
    }
}

#[test]
fn add_refuses_tensors_other_than_those_promised() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Q8, Scheme::Q4] {
        let sound = Files::tiny(scheme);
        let every = sound.tensors(SHARD);
        for name in every.keys() {
            let why = format!("{scheme}: without {name}");
            let files = sound.clone().with(SHARD, |t| {
                t.remove(name);
            });
            let error = refused(&files, SHARD, &why);
            assert!(
                error.to_string().contains(name.trim_end_matches(".scale")),
                "{error}"
            );
        }
        let one = || Tensor::new("F32", &[1], vec![0; 4]);
        let add = |name: &'static str| move |t: &mut Tensors| drop(t.insert(name.into(), one()));
        each_refused(
            &sound,
            &[
                ("a surprise", &add("surprise")),
                ("a tensor without a name", &add("")),
                (
                    "scales of a vector",
                    &add("vision_model.post_layernorm.weight.scale"),
                ),
                (
                    "scales of scales",
                    &add("visual_projection.weight.scale.scale"),
                ),
                ("logit_scale, which the manifest holds", &add("logit_scale")),
                (
                    "a tensor of the other tower",
                    &add("text_model.final_layer_norm.weight"),
                ),
                (
                    "a block too many",
                    &add("vision_model.encoder.layers.3.layer_norm1.weight"),
                ),
            ],
        );
    }
    // Scales beside a matrix that has none.
    let scales = |t: &mut Tensors| {
        let rows = t[MATRIX].shape[0];
        let ones = 1f32.to_le_bytes().repeat(rows);
        t.insert(format!("{MATRIX}.scale"), Tensor::new("F32", &[rows], ones));
    };
    each_refused(&Files::tiny(Scheme::F32), &[("scales of floats", &scales)]);
}

#[test]
fn add_refuses_tensors_of_a_wrong_type() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Q8, Scheme::Q4] {
        let sound = Files::tiny(scheme);
        for name in [VECTOR, MATRIX] {
            let good = &sound.tensors(SHARD)[name];
            for (dtype, bytes) in [
                ("F64", 8),
                ("BF16", 2),
                ("I64", 8),
                ("U64", 8),
                ("I32", 4),
                ("U32", 4),
                ("I16", 2),
                ("U16", 2),
                ("BOOL", 1),
                ("F8_E5M2", 1),
                ("F8_E4M3", 1),
                ("I8", 1),
                ("U8", 1),
            ] {
                // These two are types that a matrix may have, each with its own scales.
                if name == MATRIX && dtype == good.dtype {
                    continue;
                }
                let why = format!("{scheme}: {name} as {dtype}");
                let files = sound.clone().with(SHARD, |t| {
                    let shape = shape_of(name);
                    let count: usize = shape.iter().product();
                    t.insert(
                        name.into(),
                        Tensor::new(dtype, shape, vec![0; count * bytes]),
                    );
                });
                refused(&files, SHARD, &why);
            }
        }
    }
}

#[test]
fn add_refuses_tensors_of_a_wrong_shape() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Q8, Scheme::Q4] {
        let sound = Files::tiny(scheme);
        for name in [
            VECTOR,
            MATRIX,
            "vision_model.embeddings.patch_embedding.weight",
        ] {
            let good = sound.tensors(SHARD)[name].shape.clone();
            let count: usize = good.iter().product();
            let mut turned = good.clone();
            turned.reverse();
            let mut others = vec![
                turned,
                vec![count],
                vec![1, count],
                vec![count, 1],
                [good.as_slice(), &[1]].concat(),
                [&[1], good.as_slice()].concat(),
                vec![good[0] / 2, count / good[0] * 2],
                vec![good[0] * 2, count / good[0] / 2],
            ];
            others.retain(|shape| *shape != good && shape.iter().product::<usize>() == count);
            for shape in others {
                let why = format!("{scheme}: {name} as {shape:?}");
                let files = sound.clone().with(SHARD, |t| {
                    t.get_mut(name).unwrap().shape.clone_from(&shape);
                });
                refused(&files, SHARD, &why);
            }
        }
        // A matrix of a sound shape, but of another size than the architecture's.
        let row_more = |t: &mut Tensors| {
            for name in [MATRIX.to_owned(), format!("{MATRIX}.scale")] {
                if let Some(tensor) = t.get_mut(&name) {
                    let row = tensor.data.len() / tensor.shape[0];
                    tensor.shape[0] += 1;
                    tensor.data.extend_from_within(..row);
                }
            }
        };
        each_refused(&sound, &[("a row too many", &row_more)]);
    }
}

#[test]
fn add_refuses_weights_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for place in [0, 63] {
            for (dtype, bytes) in [
                ("F32", bad.to_le_bytes().to_vec()),
                ("F16", f16::from_f32(bad).to_le_bytes().to_vec()),
            ] {
                let why = format!("{bad} at {place} as {dtype}");
                let size = bytes.len();
                for (scheme, name) in [(Scheme::Q4, VECTOR), (Scheme::F32, MATRIX)] {
                    let files = Files::tiny(scheme).with(SHARD, |t| {
                        let shape = shape_of(name);
                        let mut data = vec![0; size * shape.iter().product::<usize>()];
                        data[place * size..(place + 1) * size].copy_from_slice(&bytes);
                        t.insert(name.into(), Tensor::new(dtype, shape, data));
                    });
                    refused(&files, SHARD, &why);
                }
            }
        }
    }
}

// --------------------------------------------------------------------------------------------- scales

#[test]
fn add_refuses_scales_that_no_weight_has() {
    let scale = format!("{MATRIX}.scale");
    for (scheme, size) in [(Scheme::Q8, 4), (Scheme::Q4, 2)] {
        let sound = Files::tiny(scheme);
        for bad in [
            f32::NAN,
            -f32::NAN,
            0.0,
            -0.0,
            -1.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
        ] {
            let bytes = match size {
                4 => bad.to_le_bytes().to_vec(),
                _ => f16::from_f32(bad).to_le_bytes().to_vec(),
            };
            for last in [false, true] {
                let why = format!("{scheme}: {bad}, last: {last}");
                let files = sound.clone().with(SHARD, |t| {
                    let data = &mut t.get_mut(&scale).unwrap().data;
                    let place = if last { data.len() - size } else { 0 };
                    data[place..place + size].copy_from_slice(&bytes);
                });
                let error = refused(&files, SHARD, &why);
                assert!(error.to_string().contains(MATRIX), "{error}");
            }
        }
    }
}

#[test]
fn add_refuses_scales_of_a_wrong_type_or_shape() {
    let scale = format!("{MATRIX}.scale");
    for scheme in [Scheme::Q8, Scheme::Q4] {
        let sound = Files::tiny(scheme);
        let good = sound.tensors(SHARD)[&scale].clone();
        let count: usize = good.shape.iter().product();
        let (rows, bytes) = (good.shape[0], good.data.len() / count);
        let mut cases: Vec<(String, Tensor)> = Vec::new();
        for (dtype, bytes) in [("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("U8", 1)] {
            if dtype != good.dtype {
                let data = vec![1; count * bytes];
                cases.push((dtype.into(), Tensor::new(dtype, &good.shape, data)));
            }
        }
        let blocks = count / rows;
        for shape in [
            vec![],
            vec![1],
            vec![rows],
            vec![rows, 1],
            vec![1, rows],
            vec![rows + 1],
            vec![rows - 1],
            vec![rows, blocks],
            vec![rows, blocks, 1],
            vec![rows, blocks + 1],
            vec![rows + 1, blocks],
            vec![blocks, rows],
            vec![rows * blocks],
            vec![0],
            vec![rows, 0],
        ] {
            if shape != good.shape {
                let one = &good.data[..bytes];
                let data = one.repeat(shape.iter().product());
                let tensor = Tensor::new(&good.dtype, &shape, data);
                cases.push((format!("{shape:?}"), tensor));
            }
        }
        for (what, tensor) in cases {
            let why = format!("{scheme}: scales as {what}");
            let files = sound.clone().with(SHARD, |t| {
                t.insert(scale.clone(), tensor.clone());
            });
            refused(&files, SHARD, &why);
        }
    }
}

#[test]
fn add_refuses_four_bit_tensors_of_a_wrong_width() {
    let sound = Files::tiny(Scheme::Q4);
    let &[rows, cols] = shape_of(MATRIX) else {
        panic!("a matrix");
    };
    assert_eq!(sound.tensors(SHARD)[MATRIX].shape, [rows, cols / 2]);
    for shape in [
        vec![rows, cols],
        vec![rows, cols / 2 + 1],
        vec![rows, cols / 2 - 1],
        vec![rows, cols / 4],
        vec![rows, 0],
        vec![rows / 2, cols],
        vec![rows * cols / 2],
        vec![rows, cols / 2, 1],
        vec![0],
        vec![rows + 1, cols / 2],
        vec![rows - 1, cols / 2],
        vec![cols, rows / 2],
    ] {
        let files = sound.clone().with(SHARD, |t| {
            let data = vec![0x88; shape.iter().product()];
            t.insert(MATRIX.into(), Tensor::new("U8", &shape, data));
        });
        refused(&files, SHARD, &format!("nibbles as {shape:?}"));
    }
    // What the other integer type would be, with these scales, and the reverse.
    let as_bytes = |t: &mut Tensors| t.get_mut(MATRIX).unwrap().dtype = "I8".into();
    each_refused(&sound, &[("four bits named I8", &as_bytes)]);
    let as_nibbles = |t: &mut Tensors| t.get_mut(MATRIX).unwrap().dtype = "U8".into();
    each_refused(
        &Files::tiny(Scheme::Q8),
        &[("eight bits named U8", &as_nibbles)],
    );
}

// --------------------------------------------------------------------------------- pieces of a tensor

#[test]
fn parse_refuses_pieces_that_do_not_cover_a_tensor_once() {
    type Spoil = fn(&mut Files);
    fn set(files: &mut Files, piece: usize, rows: Value) {
        *files.rows(TABLE).remove(piece) = rows;
    }
    let cases: [(&str, Spoil); 22] = [
        ("overlap", |f| set(f, 1, json!([99, 200]))),
        ("the same rows twice", |f| set(f, 1, json!([0, 100]))),
        ("one within the other", |f| set(f, 1, json!([10, 20]))),
        ("a gap", |f| set(f, 1, json!([101, 200]))),
        ("a gap at the start", |f| set(f, 0, json!([1, 100]))),
        ("a gap at the end", |f| set(f, 2, json!([200, 300]))),
        ("past the end", |f| set(f, 2, json!([200, 1_000_000]))),
        ("one row past the end", |f| {
            let count = shape_of(TABLE)[0];
            set(f, 2, json!([200, count + 1]));
        }),
        ("wholly past the end", |f| set(f, 2, json!([5000, 6000]))),
        ("to the end of all numbers", |f| {
            set(f, 2, json!([200, u64::MAX]));
        }),
        ("backwards", |f| set(f, 1, json!([200, 100]))),
        ("empty", |f| set(f, 1, json!([100, 100]))),
        ("negative", |f| set(f, 0, json!([-1, 100]))),
        ("no whole number", |f| set(f, 0, json!([0, 100.5]))),
        ("one number", |f| set(f, 0, json!([0]))),
        ("three numbers", |f| set(f, 0, json!([0, 50, 100]))),
        ("no numbers", |f| set(f, 0, json!("all"))),
        ("null", |f| set(f, 0, Value::Null)),
        ("one is not there", |f| {
            f.manifest["shards"].as_array_mut().unwrap().pop();
        }),
        ("one is a whole", |f| {
            let last = f.manifest["shards"].as_array_mut().unwrap().last_mut();
            last.unwrap()["tensors"] = json!([TABLE]);
        }),
        ("one is in the other tower", |f| {
            let last = f.manifest["shards"].as_array_mut().unwrap().last_mut();
            last.unwrap()["part"] = "vision".into();
        }),
        ("one is of another tensor", |f| {
            let last = f.manifest["shards"].as_array_mut().unwrap().last_mut();
            last.unwrap()["tensors"][0]["name"] = "text_projection.weight".into();
        }),
    ];
    for scheme in [Scheme::F16, Scheme::Q4] {
        let sound = Files::tiny(scheme).split(TABLE, &[100, 200]);
        sound.load().unwrap();
        for (why, spoil) in cases {
            let mut files = sound.clone();
            spoil(&mut files);
            manifest_refused(files.manifest.to_string().as_bytes(), why);
        }
    }
}

#[test]
fn parse_refuses_pieces_that_one_shard_cannot_hold() {
    let sound = Files::tiny(Scheme::F32);
    let list = |files: &mut Files, file: &str, name: &str, pieces: Vec<Value>| {
        let listed = files.shard(file)["tensors"].as_array_mut().unwrap();
        listed.retain(|t| t != name);
        listed.extend(pieces);
    };
    let rows = |name: &str, start: usize, end: usize| json!({"name": name, "rows": [start, end]});
    let [all, half] = [shape_of(MATRIX)[0], shape_of(MATRIX)[0] / 2];

    // A file has one tensor of a name: the second half would be the first half again.
    let mut files = sound.clone();
    let pieces = vec![rows(MATRIX, 0, half), rows(MATRIX, half, all)];
    list(&mut files, SHARD, MATRIX, pieces);
    let tensors = files.tensors(SHARD);
    let first = tensors[MATRIX].rows(0..half);
    let mut halved = tensors;
    halved.insert(MATRIX.into(), first);
    files.replace(SHARD, pack(&halved));
    match files.start() {
        Err(error) => assert_eq!(error.code(), "model", "{error}"),
        Ok(_) => drop(refused(&files, SHARD, "two pieces in a shard")),
    }

    let mut files = sound.clone();
    list(
        &mut files,
        SHARD,
        MATRIX,
        vec![json!(MATRIX), json!(MATRIX)],
    );
    manifest_refused(
        files.manifest.to_string().as_bytes(),
        "a whole, twice in a shard",
    );

    let mut files = sound.clone();
    list(
        &mut files,
        SHARD,
        VECTOR,
        vec![rows(VECTOR, 0, 32), rows(VECTOR, 32, 64)],
    );
    manifest_refused(files.manifest.to_string().as_bytes(), "pieces of a vector");

    for bad in [
        json!({"name": MATRIX}),
        json!({"rows": [0, all]}),
        json!([MATRIX, 0, all]),
        json!(7),
        Value::Null,
        json!({"name": 7, "rows": [0, all]}),
        json!({}),
        json!([]),
    ] {
        let mut files = sound.clone();
        list(&mut files, SHARD, MATRIX, vec![bad.clone()]);
        manifest_refused(files.manifest.to_string().as_bytes(), &bad.to_string());
    }
}

#[test]
fn add_refuses_a_piece_of_other_rows_than_promised() {
    for scheme in [Scheme::F32, Scheme::F16, Scheme::Q8, Scheme::Q4] {
        let sound = Files::tiny(scheme).split(TABLE, &[100, 200]);
        let piece = "piece-01.safetensors";
        let shorten = |end: &str| {
            let name = format!("{TABLE}{end}");
            let files = sound.clone().with(piece, |t| {
                if let Some(tensor) = t.get_mut(&name) {
                    *tensor = tensor.rows(0..99);
                }
            });
            refused(&files, piece, &format!("{scheme}: {name} of 99 rows"));
        };
        shorten("");
        if matches!(scheme, Scheme::Q8 | Scheme::Q4) {
            shorten(".scale");
        }
        let whole = Files::tiny(scheme).tensors(TEXT);
        let files = sound.clone().with(piece, |t| {
            for (name, tensor) in t.iter_mut() {
                tensor.clone_from(&whole[name]);
            }
        });
        refused(
            &files,
            piece,
            &format!("{scheme}: the whole in place of a piece"),
        );
    }
}

#[test]
fn bundle_returns_a_split_tensor_only_when_all_of_it_is_there() {
    let files = Files::tiny(Scheme::Q4).split(TABLE, &[100, 200]);
    let piece = "piece-01.safetensors";
    let mut bundle = files.start().unwrap();
    for (file, contents) in files.contents.iter().filter(|(file, _)| *file != piece) {
        bundle.add(file, contents).unwrap();
    }
    assert_eq!(values(&mut bundle, TABLE).unwrap_err().code(), "model");
    bundle.add(piece, &files.contents[piece]).unwrap();
    let whole = values(&mut Files::tiny(Scheme::Q4).load().unwrap(), TABLE);
    assert_eq!(values(&mut bundle, TABLE), whole);
}

// ------------------------------------------------------------------------------------------ manifests

#[test]
fn parse_names_the_version_of_another_format() {
    let files = Files::tiny(Scheme::F32);
    for format in [json!(2), json!(0), json!(4_000_000_000u32)] {
        let why = format.to_string();
        let message = spoilt_manifest_refused(&files, &why, |m| m["format"] = format);
        assert!(message.contains("format"), "{message}");
    }
    // A newer one may look like anything else.
    let message = manifest_refused(br#"{"format": 2, "everything": "is new"}"#, "a newer one");
    assert!(
        message.contains("format 2") && message.contains("Update"),
        "{message}"
    );
    for format in [
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(null),
        json!([1]),
        json!(1u64 << 32),
    ] {
        let why = format.to_string();
        spoilt_manifest_refused(&files, &why, |m| m["format"] = format);
    }
}

#[test]
fn parse_refuses_what_is_no_manifest() {
    let sound = Files::tiny(Scheme::F32).manifest.to_string();
    let deep = format!("{}1", "[".repeat(1_000_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("a web page", b"<html>not found</html>".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("only a version", br#"{"format": 1}"#.to_vec()),
        (
            "UTF-16",
            sound.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "not UTF-8",
            sound
                .replace("tiny", "\u{1}")
                .into_bytes()
                .iter()
                .map(|b| if *b == 1 { 0xff } else { *b })
                .collect(),
        ),
        ("cut", sound.as_bytes()[..sound.len() / 2].to_vec()),
        (
            "something behind it",
            format!("{sound}{sound}").into_bytes(),
        ),
        ("deep", deep.into_bytes()),
        (
            "deep within",
            sound
                .replace("\"tiny\"", &format!("{}1", "[".repeat(100_000)))
                .into_bytes(),
        ),
    ];
    for (why, bytes) in cases {
        manifest_refused(&bytes, why);
    }
    // Every field but those that may be left out.
    for field in [
        "format",
        "name",
        "description",
        "license",
        "source",
        "architecture",
        "scheme",
        "picture_size",
        "tokenizer",
        "shards",
    ] {
        let files = Files::tiny(Scheme::F32);
        spoilt_manifest_refused(&files, field, |m| {
            m.as_object_mut().unwrap().remove(field);
        });
        spoilt_manifest_refused(&files, field, |m| m[field] = json!({"a": [null]}));
        spoilt_manifest_refused(&files, field, |m| m[field] = Value::Null);
    }
}

#[test]
fn parse_refuses_keys_given_twice() {
    let files = Files::doodle();
    let text = files.manifest.to_string();
    manifest_refused(
        format!("{{\"format\":1,{}", &text[1..]).as_bytes(),
        "the version",
    );
    manifest_refused(
        format!("{{\"shards\":[],{}", &text[1..]).as_bytes(),
        "the shards",
    );
    for (key, other) in [
        ("file", "\"elsewhere\""),
        ("sha256", "\"00\""),
        ("bytes", "1"),
        ("part", "\"text\""),
        ("tensors", "[]"),
        ("width", "1"),
        ("layers", "1"),
        ("projection", "1"),
    ] {
        let place = text.find(&format!("\"{key}\":")).unwrap();
        let (before, behind) = text.split_at(place);
        let twice = format!("{before}\"{key}\":{other},{behind}");
        manifest_refused(twice.as_bytes(), key);
    }
    // In each kind of entry of the list of shards.
    let shards = text.find("\"shards\"").unwrap();
    for (key, other) in [
        ("file", "\"elsewhere\""),
        ("sha256", "\"00\""),
        ("bytes", "1"),
        ("part", "\"text\""),
        ("tensors", "[]"),
    ] {
        let place = shards + text[shards..].find(&format!("\"{key}\":")).unwrap();
        let (before, behind) = text.split_at(place);
        let twice = format!("{before}\"{key}\":{other},{behind}");
        manifest_refused(twice.as_bytes(), &format!("{key} of a shard"));
    }
}

#[test]
fn parse_refuses_names_that_lead_elsewhere() {
    let mut names: Vec<String> = [
        "",
        ".",
        "..",
        "../secret",
        "..\\secret",
        "a/../../b",
        "/etc/passwd",
        "//host/share",
        "\\\\host\\share",
        "\\\\?\\C:\\x",
        "C:",
        "C:\\x",
        "C:x",
        "c:/x",
        "a/b",
        "a\\b",
        "./a",
        "a/",
        "a\\",
        "%2e%2e",
        "%2e%2e%2fsecret",
        "..%2fsecret",
        "%2E%2E/secret",
        "%00",
        "a%00b",
        "a\0b",
        "\0",
        "a\nb",
        "a\rb",
        "a\tb",
        "a b",
        " a",
        "a ",
        "a\u{7f}",
        "\u{1b}[2J",
        "https://example.org/x",
        "file:///etc/passwd",
        "data:,x",
        "blob:x",
        "javascript:0",
        "x?y",
        "x#y",
        "a:b",
        "vision-00.safetensors:stream",
        "~",
        "~/x",
        "$HOME",
        "`x`",
        "a*",
        "a|b",
        "a;b",
        "a&b",
        "a<b",
        "\"a\"",
        "'a'",
        "*",
        ".hidden",
        ".git",
        "...",
        "\u{feff}a",
        // What looks like a dot, a slash or a letter, and what turns the direction of writing.
        "\u{2024}\u{2024}/x",
        "\u{ff0e}\u{ff0e}",
        "\u{2025}",
        "a\u{2215}b",
        "a\u{2044}b",
        "a\u{ff0f}b",
        "a\u{29f5}b",
        "a\u{ff3c}b",
        "visi\u{043e}n-00.safetensors",
        "vision\u{2010}00.safetensors",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\u{0301}",
        "ﬁle",
        "１",
        // Devices of Windows, whatever follows the first dot, and endings that it drops.
        "CON",
        "con",
        "NUL",
        "nul.safetensors",
        "AUX.json",
        "PRN",
        "COM1",
        "com9.safetensors",
        "LPT1.tar.gz",
        "CONIN$",
        "CONOUT$",
        "a.",
        "vision-00.safetensors.",
        "a..",
        "a. ",
    ]
    .map(String::from)
    .to_vec();
    names.extend([129, 255, 256, 4096, 100_000].map(|length| "a".repeat(length)));
    let sound = Files::doodle();
    let mut taken = Vec::new();
    for name in &names {
        for place in ["/shards/0/file", "/tokenizer/file", "/words/file"] {
            let mut manifest = sound.manifest.clone();
            *manifest.pointer_mut(place).unwrap() = name.as_str().into();
            match Bundle::new(manifest.to_string().as_bytes()) {
                Err(error) => assert_eq!(error.code(), "model", "{name:.60?}"),
                Ok(_) => taken.push(name),
            }
        }
    }
    assert!(taken.is_empty(), "taken: {taken:?}");
    // JSON spells some of them in other ways.
    let text = sound.manifest.to_string();
    for name in [
        r"\u002e\u002e\u002fsecret",
        r"..\/secret",
        r"\u0000",
        r"\ud800",
        r"a\u0000b",
    ] {
        manifest_refused(text.replacen(SHARD, name, 1).as_bytes(), name);
    }
    // These are names like any other.
    for name in [
        "a",
        "vision-00.safetensors",
        "A_b-c.1",
        &"a".repeat(128),
        "console",
        "nullable.bin",
        "com10",
    ] {
        let mut manifest = sound.manifest.clone();
        manifest["shards"][0]["file"] = name.into();
        Bundle::new(manifest.to_string().as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn parse_refuses_entries_that_cannot_be() {
    type Spoil = fn(&mut Value);
    let cases: [(&str, Spoil); 29] = [
        ("one file for two shards", |m| {
            m["shards"][1]["file"] = m["shards"][0]["file"].clone();
        }),
        ("one file for shard and tokenizer", |m| {
            m["tokenizer"]["file"] = m["shards"][0]["file"].clone();
        }),
        ("one file for words and tokenizer", |m| {
            m["words"]["file"] = m["tokenizer"]["file"].clone();
        }),
        ("a length of nothing", |m| {
            m["shards"][0]["bytes"] = 0.into();
        }),
        ("a negative length", |m| m["shards"][0]["bytes"] = json!(-1)),
        ("a length of all memory", |m| {
            m["shards"][0]["bytes"] = u64::MAX.into();
        }),
        ("a tokenizer of 4 GB", |m| {
            m["tokenizer"]["bytes"] = (1u64 << 32).into();
        }),
        ("words of 4 GB", |m| {
            m["words"]["bytes"] = (1u64 << 32).into();
        }),
        ("half a byte", |m| m["shards"][0]["bytes"] = json!(1000.5)),
        ("a length in words", |m| {
            m["shards"][0]["bytes"] = "1000".into();
        }),
        ("no hash", |m| m["shards"][0]["sha256"] = "".into()),
        ("half a hash", |m| {
            m["shards"][0]["sha256"] = "0".repeat(32).into();
        }),
        ("a hash of 65 digits", |m| {
            m["shards"][0]["sha256"] = "0".repeat(65).into();
        }),
        ("a hash of other letters", |m| {
            m["shards"][0]["sha256"] = "g".repeat(64).into();
        }),
        ("a hash of 32 letters of two bytes", |m| {
            m["tokenizer"]["sha256"] = "é".repeat(32).into();
        }),
        ("an unknown part", |m| {
            m["shards"][0]["part"] = "audio".into();
        }),
        ("a shard that is a tokenizer", |m| {
            m["shards"][0]["part"] = "tokenizer".into();
        }),
        ("a shard that is words", |m| {
            m["shards"][0]["part"] = "words".into();
        }),
        ("a shard of the other tower", |m| {
            m["shards"][0]["part"] = "text".into();
        }),
        ("no shards", |m| m["shards"] = json!([])),
        ("a shard too few", |m| {
            drop(m["shards"].as_array_mut().unwrap().pop());
        }),
        ("100,000 shards", |m| {
            let shard = m["shards"][0].clone();
            m["shards"] = json!(vec![shard; 100_000]);
        }),
        ("a scheme that is not known", |m| m["scheme"] = "q2".into()),
        ("a field that is not known", |m| m["surprise"] = 1.into()),
        ("pictures of no size", |m| m["picture_size"] = 0.into()),
        ("pictures without end", |m| {
            m["picture_size"] = u32::MAX.into();
        }),
        ("a background that is no list", |m| {
            m["background"] = "sky".into();
        }),
        ("a source that is no object", |m| {
            m["source"] = "here".into();
        }),
        ("a source whose files are none", |m| {
            m["source"]["files"] = json!(["a"]);
        }),
    ];
    let sound = Files::doodle();
    for (why, spoil) in cases {
        spoilt_manifest_refused(&sound, why, spoil);
    }
}

#[test]
fn parse_refuses_architectures_that_cannot_be() {
    let sound = Files::doodle();
    let set = |path: &[&str], value: &Value| {
        let why = format!("{path:?} = {value}");
        spoilt_manifest_refused(&sound, &why, |m| {
            let mut place = &mut m["architecture"];
            for step in path {
                place = &mut place[*step];
            }
            *place = value.clone();
        });
    };
    let impossible = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1u64 << 40),
        json!("8"),
        json!(null),
    ];
    for value in &impossible {
        for field in ["image_size", "patch", "width", "layers", "heads", "mlp"] {
            set(&["vision", field], value);
        }
        for field in ["vocabulary", "context", "width", "layers", "heads", "mlp"] {
            set(&["text", field], value);
        }
        set(&["projection"], value);
    }
    // A list of what so many blocks hold would fill the memory before it could be compared.
    for tower in ["vision", "text"] {
        for layers in [1 << 20, 100_000] {
            let message = spoilt_manifest_refused(&sound, "layers without end", |m| {
                m["architecture"][tower]["layers"] = layers.into();
            });
            assert!(message.contains(&format!("{tower}.layers")), "{message}");
        }
    }
    // Possible, but not what the shards say that they hold: fewer and more blocks.
    for layers in [3, 5, 1_000] {
        set(&["vision", "layers"], &json!(layers));
        set(&["text", "layers"], &json!(layers + 1));
    }
    for value in [json!(0.0), json!(-1e-5), json!("NaN"), json!(null)] {
        set(&["vision", "norm_eps"], &value);
        set(&["text", "norm_eps"], &value);
        set(&["logit_scale"], &value);
    }
    // Beyond f32, where infinity begins.
    set(&["logit_scale"], &json!(1e39));
    set(&["pixel_mean"], &json!([0.5, 0.5]));
    set(&["pixel_mean"], &json!([0.5, 0.5, 1e39]));
    set(&["pixel_std"], &json!([0.5, 0.0, 0.5]));
    set(&["pixel_std"], &json!([0.5, -0.5, 0.5]));
    set(&["text", "end_of_text"], &json!(976));
    set(&["vision", "activation"], &json!("relu"));
    set(&["vision", "surprise"], &json!(1));
}

/// Sizes that the manifest alone cannot refute are refuted by the shards.
#[test]
fn add_refuses_shards_of_another_architecture() {
    let sound = Files::tiny(Scheme::Q4);
    for (tower, field, value, file) in [
        ("vision", "mlp", 512, SHARD),
        ("vision", "width", 128, SHARD),
        ("vision", "image_size", 80, SHARD),
        ("vision", "patch", 8, SHARD),
        ("text", "context", 17, TEXT),
        ("text", "mlp", 97, TEXT),
        ("text", "vocabulary", 1_000, TEXT),
        ("text", "vocabulary", 1 << 20, TEXT),
    ] {
        let mut files = sound.clone();
        files.manifest["architecture"][tower][field] = value.into();
        let mut bundle = files.start().unwrap_or_else(|e| panic!("{field}: {e}"));
        let error = bundle.add(file, &files.contents[file]).unwrap_err();
        assert_eq!(error.code(), "model", "{field}");
        assert!(error.to_string().contains(file), "{error}");
    }
}

// ---------------------------------------------------------------------------------------- ready words

#[test]
fn add_refuses_damaged_ready_words() {
    let sound = Files::doodle();
    let (header, data) = halves(&sound.contents[WORDS]);
    let count = header["embeddings"]["shape"][0].as_u64().unwrap() as usize;
    let projection = header["embeddings"]["shape"][1].as_u64().unwrap() as usize;
    assert_eq!(header["embeddings"]["dtype"], "F16");
    let names: Vec<String> =
        serde_json::from_str(header["__metadata__"]["names"].as_str().unwrap()).unwrap();
    assert_eq!(names.len(), count);

    let said = |key: &'static str, value: Value| {
        move |header: &mut Value| header["__metadata__"][key] = value.clone()
    };
    let shaped =
        |shape: Value| move |header: &mut Value| header["embeddings"]["shape"] = shape.clone();
    let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
    {
        let mut case = |why, spoil: &dyn Fn(&mut Value)| {
            let mut header = header.clone();
            spoil(&mut header);
            cases.push((why, joined(header.to_string().as_bytes(), &data)));
        };
        case(
            "names that are no JSON",
            &said("names", "sky, grass".into()),
        );
        case("names that are no list", &said("names", "{}".into()));
        case(
            "names that are numbers",
            &said("names", format!("{:?}", vec![1; count]).into()),
        );
        case(
            "half a letter",
            &said(
                "names",
                names_json(&names).replacen('"', "\"\\ud800", 1).into(),
            ),
        );
        case(
            "a name too few",
            &said("names", names_json(&names[1..]).into()),
        );
        case(
            "a name too many",
            &said(
                "names",
                names_json(&[&names[..], &names[..1]].concat()).into(),
            ),
        );
        case("no names", &said("names", "[]".into()));
        case(
            "names deep within lists",
            &said("names", "[".repeat(100_000).into()),
        );
        case("names that are no text", &said("names", json!(names)));
        case("templates that are no text", &said("templates", json!(1)));
        case("no names at all", &|h| {
            drop(h["__metadata__"].as_object_mut().unwrap().remove("names"));
        });
        case("no templates", &|h| {
            drop(
                h["__metadata__"]
                    .as_object_mut()
                    .unwrap()
                    .remove("templates"),
            );
        });
        case("no metadata", &|h| {
            drop(h.as_object_mut().unwrap().remove("__metadata__"));
        });
        case(
            "another projection",
            &shaped(json!([count / 2, projection * 2])),
        );
        case("turned", &shaped(json!([projection, count])));
        case("one row", &shaped(json!([count * projection])));
        case("a one too many", &shaped(json!([count, projection, 1])));
        case("as BF16", &|h| h["embeddings"]["dtype"] = "BF16".into());
        case("under another name", &|h| {
            let entry = h.as_object_mut().unwrap().remove("embeddings").unwrap();
            h["vectors"] = entry;
        });
        case("with another tensor", &|h| {
            h["more"] = json!({"dtype": "F16", "shape": [0], "data_offsets": [0, 0]});
        });
    }
    // Not UTF-8, in a name and in what names it.
    let text = header.to_string();
    for place in [
        text.find(names[0].as_str()).unwrap(),
        text.find("names").unwrap(),
    ] {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = 0xff;
        cases.push(("a letter that is not UTF-8", joined(&bytes, &data)));
    }
    let row = projection * 2;
    for (why, bad) in [
        ("a row of zeros", vec![0; row]),
        ("a NaN", f16::NAN.to_le_bytes().repeat(projection)),
        (
            "an infinity",
            [f16::INFINITY.to_le_bytes().to_vec(), data[2..row].to_vec()].concat(),
        ),
    ] {
        for place in [0, count - 1] {
            let mut data = data.clone();
            data[place * row..(place + 1) * row].copy_from_slice(&bad);
            cases.push((why, joined(text.as_bytes(), &data)));
        }
    }
    cases.push(("a shard in its place", sound.contents[SHARD].clone()));
    cases.push(("a web page", b"<html>not found</html>".to_vec()));
    cases.push((
        "a header of 4 GB",
        u64::from(u32::MAX).to_le_bytes().to_vec(),
    ));
    for (why, contents) in cases {
        let mut files = sound.clone();
        files.replace(WORDS, contents);
        let mut bundle = files.start().unwrap();
        let Err(error) = bundle.add(WORDS, &files.contents[WORDS]) else {
            panic!("{why}: the words are taken");
        };
        assert_eq!(error.code(), "model", "{why}: {error}");
        assert!(error.to_string().contains(WORDS), "{why}: {error}");
        assert!(bundle.words().words.is_empty(), "{why}: words are kept");
        assert!(bundle.missing().any(|(_, file)| file == WORDS), "{why}");
        bundle.add(SHARD, &files.contents[SHARD]).unwrap();
    }
}

fn names_json(names: &[String]) -> String {
    serde_json::to_string(names).unwrap()
}

// ------------------------------------------------------------------------------------------ tokenizer

#[test]
fn load_refuses_a_tokenizer_of_another_kind() {
    let sound = Files::doodle();
    let good: Value = serde_json::from_slice(&sound.contents[TOKENIZER]).unwrap();
    let spoilt = |spoil: &dyn Fn(&mut Value)| {
        let mut tokenizer = good.clone();
        spoil(&mut tokenizer);
        tokenizer.to_string().into_bytes()
    };
    let bert = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 2]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {"[UNK]": 0, "[SEP]": 1, "[CLS]": 2, "cat": 3}},
    });
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an empty object", b"{}".to_vec()),
        ("null", b"null".to_vec()),
        ("a web page", b"<html>not found</html>".to_vec()),
        ("not UTF-8", vec![0xff; 100]),
        ("deep", "[".repeat(100_000).into_bytes()),
        ("a shard in its place", sound.contents[TEXT].clone()),
        ("WordPiece", bert.to_string().into_bytes()),
        (
            "no start and end",
            spoilt(&|t| t["post_processor"] = Value::Null),
        ),
        (
            "another end",
            spoilt(&|t| t["post_processor"]["sep"] = json!(["<|startoftext|>", 974])),
        ),
        (
            "an end that the model does not know",
            spoilt(&|t| t["post_processor"]["sep"][1] = json!(1 << 30)),
        ),
        (
            "an unknown model",
            spoilt(&|t| t["model"]["type"] = "Neural".into()),
        ),
        (
            "merges of tokens that are not there",
            spoilt(&|t| t["model"]["merges"] = json!(["qq zz"])),
        ),
        (
            "merges that are numbers",
            spoilt(&|t| t["model"]["merges"] = json!([1, 2])),
        ),
    ];
    for (why, contents) in cases {
        let mut files = sound.clone();
        files.replace(TOKENIZER, contents);
        let mut bundle = files.start().unwrap();
        // Refused when it comes, or when it is made use of.
        let taken = bundle.add(TOKENIZER, &files.contents[TOKENIZER]);
        let error = match taken.and_then(|()| bundle.tokenizer()) {
            Err(error) => error,
            Ok(tokenizer) => panic!("{why}: {tokenizer:?}"),
        };
        assert_eq!(error.code(), "model", "{why}: {error}");
        assert!(error.to_string().contains("tokenizer"), "{why}: {error}");
        bundle.add(SHARD, &files.contents[SHARD]).unwrap();
    }
}

/// Ids outside the vocabulary come to light only with the word that has them.
#[test]
fn encode_returns_no_id_outside_the_model() {
    let mut files = Files::doodle();
    let mut tokenizer: Value = serde_json::from_slice(&files.contents[TOKENIZER]).unwrap();
    assert!(tokenizer["model"]["vocab"]["cat</w>"].is_number());
    tokenizer["model"]["vocab"]["cat</w>"] = 5000.into();
    files.replace(TOKENIZER, tokenizer.to_string().into_bytes());
    let Ok(mut bundle) = files.load() else {
        return; // Refused at once: better still.
    };
    let Ok(segmenter) = block_on(Segmenter::load(&mut bundle, Preference::Cpu)) else {
        return;
    };
    let error = block_on(segmenter.embed_names(&["black cat"], &mut NoProgress)).unwrap_err();
    assert_eq!(error.code(), "model", "{error}");
    assert!(block_on(segmenter.embed_names(&["black dog"], &mut NoProgress)).is_ok());
}

// --------------------------------------------------------------------------------------- the engine

fn answer(segmenter: &Segmenter) -> Vec<u16> {
    let scene = scene::generate(3);
    let (width, height) = (scene.width as u32, scene.height as u32);
    let picture = Picture::from_rgb(width, height, scene.rgb).unwrap();
    let encode = EncodeOptions::default();
    let image = block_on(segmenter.encode(picture, &encode, &mut NoProgress)).unwrap();
    // The second is no ready word, so that the text tower is asked as well.
    let classes = parse_words(&["cat", "blue fish", "tree"]).unwrap();
    let options = Options::default();
    let result = block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress)).unwrap();
    result
        .labels()
        .labels()
        .iter()
        .map(|&l| u16::from(l))
        .collect()
}

fn engine(files: &Files) -> Result<Segmenter, Error> {
    block_on(Segmenter::load(&mut files.load()?, Preference::Cpu))
}

#[test]
fn load_works_after_damaged_bundles() {
    let sound = Files::doodle();
    let segmenter = engine(&sound).unwrap();
    let before = answer(&segmenter);

    type Spoil = fn(&mut Files);
    let cases: [(&str, Spoil); 8] = [
        ("a changed byte", |f| {
            f.contents.get_mut(SHARD).unwrap()[9000] ^= 1;
        }),
        ("a cut file", |f| {
            f.contents.get_mut(TEXT).unwrap().truncate(1000);
        }),
        ("a header of 4 GB", |f| {
            f.replace(SHARD, u64::from(u32::MAX).to_le_bytes().to_vec());
        }),
        ("a NaN", |f| {
            *f = f
                .clone()
                .with(SHARD, |t| t.get_mut(VECTOR).unwrap().data.fill(0xff));
        }),
        ("no tensors", |f| *f = f.clone().with(TEXT, Tensors::clear)),
        ("words of nothing", |f| f.replace(WORDS, joined(b"{}", b""))),
        ("a tokenizer of nothing", |f| {
            f.replace(TOKENIZER, b"{}".to_vec());
        }),
        ("a newer manifest", |f| f.manifest["format"] = 2.into()),
    ];
    for (why, spoil) in cases {
        let mut files = sound.clone();
        spoil(&mut files);
        let Err(error) = engine(&files) else {
            panic!("{why}: it loads");
        };
        assert!(
            matches!(error.code(), "model" | "integrity"),
            "{why}: {error:?}"
        );
        assert_eq!(answer(&segmenter), before, "after {why}");
    }

    // Damaged files, then the right ones, in one bundle: no trace is left.
    let mut bundle = sound.start().unwrap();
    for (file, contents) in &sound.contents {
        let mut bad = contents.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        assert_eq!(bundle.add(file, &bad).unwrap_err().code(), "integrity");
        bundle.add(file, contents).unwrap();
        assert_eq!(bundle.add(file, &bad).unwrap_err().code(), "integrity");
    }
    let mended = block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap();
    assert_eq!(answer(&mended), before);
}

#[test]
fn load_refuses_a_bundle_while_a_file_is_missing() {
    let sound = Files::doodle();
    for missing in [SHARD, WORDS] {
        let mut bundle = sound.start().unwrap();
        for (file, contents) in sound.contents.iter().filter(|(file, _)| *file != missing) {
            bundle.add(file, contents).unwrap();
        }
        let error = block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap_err();
        assert_eq!(error.code(), "model");
        assert!(error.to_string().contains(missing), "{error}");
        bundle.add(missing, &sound.contents[missing]).unwrap();
        block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap();
    }
}

/// The text tower follows when a word needs it: its files may be damaged then, too.
#[test]
fn load_parts_takes_a_text_tower_again_after_a_damaged_one() {
    let sound = Files::doodle();
    let expected = answer(&engine(&sound).unwrap());
    let mut bundle = sound.start().unwrap();
    for file in [SHARD, WORDS] {
        bundle.add(file, &sound.contents[file]).unwrap();
    }
    let segmenter = block_on(Segmenter::load(&mut bundle, Preference::Cpu)).unwrap();
    for file in [TOKENIZER, TEXT] {
        let mut bad = sound.contents[file].clone();
        bad[500] ^= 1;
        assert_eq!(bundle.add(file, &bad).unwrap_err().code(), "integrity");
        segmenter.load_parts(&mut bundle).unwrap();
        let ready = block_on(segmenter.embed_names(&["cat"], &mut NoProgress));
        assert!(ready.is_ok(), "ready words are still there");
        let other = block_on(segmenter.embed_names(&["blue fish"], &mut NoProgress));
        assert_eq!(other.unwrap_err().code(), "model");
        bundle.add(file, &sound.contents[file]).unwrap();
    }
    segmenter.load_parts(&mut bundle).unwrap();
    assert_eq!(answer(&segmenter), expected);
}
