//! Bundles that were damaged on the way, each in its own manner.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;

use pollster::block_on;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use wordmask::bundle::{Bundle, FileEntry, HuggingFace, Imported, Scheme, Source, write};
use wordmask::clip::{Unpaced, WeightSource};
use wordmask::device::Preference;
use wordmask::{Error, Segmenter};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-clip");

/// A bundle's files, to be spoilt.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new(scheme: Scheme) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let model = HuggingFace::read(Path::new(FIXTURE)).unwrap();
        let about = Imported {
            name: "tiny".into(),
            knows: "It knows nothing.".into(),
            license: "MIT".into(),
            source: Source {
                from: "a fixture".into(),
                revision: None,
            },
            picture_size: None,
            background: vec![],
            setting: None,
        };
        write(directory.path(), &model, scheme, about).unwrap();
        Self { directory }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, contents: &[u8]) {
        std::fs::write(self.directory.path().join(name), contents).unwrap();
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&self.read("wordmask.json")).unwrap()
    }

    /// Replaces a shard and makes the manifest promise the replacement.
    fn replace_honestly(&self, name: &str, contents: &[u8]) {
        self.write(name, contents);
        let entry = FileEntry::of(name, contents);
        let mut manifest = self.manifest();
        for shard in manifest["shards"].as_array_mut().unwrap() {
            if shard["file"] == name {
                shard["bytes"] = entry.bytes.into();
                shard["sha256"] = entry.sha256.clone().into();
            }
        }
        self.write("wordmask.json", manifest.to_string().as_bytes());
    }

    fn error(&self) -> Error {
        Bundle::read(self.directory.path()).unwrap_err()
    }
}

const SHARD: &str = "vision-00.safetensors";

/// The shard with one tensor changed by `spoil`, which may also drop it (`None`).
fn spoil_tensor(
    shard: &[u8],
    name: &str,
    spoil: impl Fn(Dtype, Vec<usize>, Vec<u8>) -> Option<(Dtype, Vec<usize>, Vec<u8>)>,
) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(shard).unwrap();
    let mut parts = Vec::new();
    for (found, view) in tensors.tensors() {
        let part = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        let part = if found == name {
            spoil(part.0, part.1, part.2)
        } else {
            Some(part)
        };
        parts.extend(part.map(|p| (found, p)));
    }
    let views = parts.iter().map(|(name, (dtype, shape, data))| {
        (
            name.as_str(),
            TensorView::new(*dtype, shape.clone(), data).unwrap(),
        )
    });
    safetensors::serialize(views, None).unwrap()
}

const NORM: &str = "vision_model.post_layernorm.weight";
const MATRIX: &str = "visual_projection.weight";

#[test]
fn a_sound_bundle_gives_back_its_weights() {
    for (scheme, tolerance) in [(Scheme::F32, 0.0), (Scheme::F16, 1e-3), (Scheme::Q8, 1e-2)] {
        let files = Files::new(scheme);
        let bundle = Bundle::read(files.directory.path()).unwrap();
        assert_eq!(bundle.missing().count(), 0);
        bundle.tokenizer().unwrap();
        let model = HuggingFace::read(Path::new(FIXTURE)).unwrap();
        let expected = model.values(MATRIX, &[32, 64]).unwrap();
        let actual = bundle.values(MATRIX, &[32, 64]).unwrap();
        let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        for (a, e) in actual.iter().zip(&expected) {
            assert!(
                (a - e).abs() <= tolerance * largest,
                "{scheme}: {e} became {a}"
            );
        }
    }
}

#[test]
fn a_changed_or_cut_file_is_an_integrity_error_that_names_it() {
    type Spoil = fn(&mut Vec<u8>);
    let cases: [(&str, Spoil); 3] = [
        (SHARD, |c| c[5000] ^= 1),
        (SHARD, |c| c.truncate(1000)),
        ("tokenizer.json", |c| c.push(b' ')),
    ];
    for (file, spoil) in cases {
        let files = Files::new(Scheme::Q8);
        let mut contents = files.read(file);
        spoil(&mut contents);
        files.write(file, &contents);
        let Error::Integrity(message) = files.error() else {
            panic!("{file}: {}", files.error());
        };
        assert!(message.contains(file), "{message}");
    }
}

#[test]
fn wrong_tensors_are_a_model_error_that_names_shard_and_tensor() {
    type Spoil = fn(Dtype, Vec<usize>, Vec<u8>) -> Option<(Dtype, Vec<usize>, Vec<u8>)>;
    let scale = format!("{MATRIX}.scale");
    let cases: [(&str, Spoil); 8] = [
        (NORM, |_, _, _| None),
        (NORM, |dtype, shape, data| {
            Some((dtype, vec![shape[0] / 2, 2], data))
        }),
        (NORM, |_, shape, data| Some((Dtype::BF16, shape, data))),
        (NORM, |_, shape, _| {
            let nan: Vec<u8> = f32::NAN.to_le_bytes().repeat(shape[0]);
            Some((Dtype::F32, shape, nan))
        }),
        (MATRIX, |_, shape, data| Some((Dtype::U8, shape, data))),
        (&scale, |_, _, _| None),
        (&scale, |dtype, shape, data| {
            Some((dtype, shape, vec![0; data.len()]))
        }),
        (&scale, |dtype, _, data| {
            Some((dtype, vec![1, data.len() / 4], data))
        }),
    ];
    for (index, (name, spoil)) in cases.into_iter().enumerate() {
        let files = Files::new(Scheme::Q8);
        files.replace_honestly(SHARD, &spoil_tensor(&files.read(SHARD), name, spoil));
        let Error::Model(message) = files.error() else {
            panic!("case {index}: {}", files.error());
        };
        let tensor = name.trim_end_matches(".scale");
        assert!(message.contains(tensor), "case {index}: {message}");
    }
}

#[test]
fn an_extra_tensor_is_refused() {
    let files = Files::new(Scheme::F32);
    let shard = files.read(SHARD);
    let tensors = SafeTensors::deserialize(&shard).unwrap();
    let extra = TensorView::new(Dtype::F32, vec![1], &[0, 0, 0, 0]).unwrap();
    let mut views = tensors.tensors();
    views.push(("surprise".into(), extra));
    files.replace_honestly(SHARD, &safetensors::serialize(views, None).unwrap());
    assert!(files.error().to_string().contains("surprise"));
}

#[test]
fn headers_that_lie_are_refused() {
    let giant = (u64::from(u32::MAX)).to_le_bytes();
    let overlap = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    let mut overlapping = (overlap.len() as u64).to_le_bytes().to_vec();
    overlapping.extend_from_slice(overlap);
    overlapping.extend_from_slice(&[0; 12]);
    for contents in [
        giant.to_vec(),
        overlapping,
        b"<html>not found</html>".to_vec(),
    ] {
        let files = Files::new(Scheme::F32);
        files.replace_honestly(SHARD, &contents);
        let Error::Model(message) = files.error() else {
            panic!("{}", files.error());
        };
        assert!(message.contains(SHARD), "{message}");
    }
}

#[test]
fn manifests_that_do_not_fit_their_architecture_are_refused() {
    type Spoil = fn(&mut Value);
    let cases: [(&str, Spoil); 5] = [
        ("format", |m| m["format"] = 2.into()),
        ("heads", |m| m["architecture"]["vision"]["heads"] = 7.into()),
        ("shard holds", |m| {
            m["shards"][0]["tensors"].as_array_mut().unwrap().pop();
        }),
        ("which such a model does not have", |m| {
            m["architecture"]["vision"]["layers"] = 2.into();
        }),
        ("twice", |m| {
            let first = m["shards"][0]["tensors"][0].clone();
            m["shards"][0]["tensors"]
                .as_array_mut()
                .unwrap()
                .push(first);
        }),
    ];
    for (word, spoil) in cases {
        let files = Files::new(Scheme::F32);
        let mut manifest = files.manifest();
        spoil(&mut manifest);
        files.write("wordmask.json", manifest.to_string().as_bytes());
        let Error::Model(message) = files.error() else {
            panic!("{word}: {}", files.error());
        };
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn a_refused_file_leaves_nothing_behind() {
    let files = Files::new(Scheme::Q8);
    let mut bundle = Bundle::new(&files.read("wordmask.json")).unwrap();
    let good = files.read(SHARD);
    let mut bad = good.clone();
    bad[9000] ^= 0x40;
    assert!(bundle.add(SHARD, &bad).is_err());
    assert!(bundle.values(NORM, &[64]).is_err());
    assert!(bundle.missing().any(|m| m == SHARD));
    assert!(bundle.add("elsewhere.safetensors", &good).is_err());
    bundle.add(SHARD, &good).unwrap();
    assert!(bundle.values(NORM, &[64]).is_ok());
}

#[test]
fn ready_words_are_those_of_the_text_tower() {
    let bundle = Bundle::built_in().unwrap();
    assert!(bundle.words().words.len() >= 37, "things and grounds");
    let segmenter = block_on(Segmenter::load(bundle, Preference::Cpu)).unwrap();
    // The same tokens, but no name that is ready.
    let vectors = block_on(segmenter.embed_names(&["cat", "cat "], &mut Unpaced)).unwrap();
    let cosine: f32 = vectors[0].iter().zip(&vectors[1]).map(|(a, b)| a * b).sum();
    assert!(cosine > 0.99999, "{cosine}");
    assert_ne!(vectors[0], vectors[1], "both came from the same place");
}

#[test]
fn damaged_ready_words_are_refused() {
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/doodle");
    let read = |name: &str| std::fs::read(Path::new(built_in).join(name)).unwrap();
    let mut bundle = Bundle::new(&read("wordmask.json")).unwrap();
    let mut words = read("words-00.safetensors");
    let last = words.len() - 1;
    words[last] ^= 1;
    let error = bundle.add("words-00.safetensors", &words).unwrap_err();
    assert_eq!(error.code(), "integrity");
    assert!(error.to_string().contains("words-00"), "{error}");
    words[last] ^= 1;
    bundle.add("words-00.safetensors", &words).unwrap();
}
