//! Models with the true dimensions of published CLIPs, in the layouts in which they are published,
//! against PyTorch. `npm run parity` makes the models and runs this.

#![cfg(feature = "cli")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code)] // The small fixtures use the rest.
#[path = "support/parity.rs"]
mod parity;

use std::path::PathBuf;

use burn::tensor::Device;
use parity::{Answers, Compared, Network, compare_network};
use pollster::block_on;
use wordmask::bundle::{Bundle, BundleMetadata, BundleWriter, Pictures, Source, manifest_json};
use wordmask::import::{Directory, Published};
use wordmask::quant::Scheme;

/// In f32, with the order of the sums as the only difference.
const TOLERANCE: f32 = 1e-3;

/// A model that `tests/published/make_published.py` made.
struct Made {
    name: &'static str,
    directory: PathBuf,
}

impl Made {
    fn new(name: &'static str) -> Self {
        let all = std::env::var_os("WORDMASK_PARITY");
        let all = all.expect("WORDMASK_PARITY names the directory of the models");
        let directory = PathBuf::from(all).join(name);
        Self { name, directory }
    }

    fn read(&self, file: &str) -> Vec<u8> {
        let path = self.directory.join(file);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    fn model(&self) -> Published {
        let model = Published::open(&Directory::new(&self.directory).unwrap()).unwrap();
        println!("{} is in the layout {}", self.name, model.layout());
        model
    }

    /// Compares with PyTorch's answers and leaves the errors beside them for the table that
    /// `scripts/parity.mjs` prints.
    fn check(&self, network: &Network, device: &Device, report: &str) {
        let (expected, index) = (
            self.read("expected.safetensors"),
            self.read("expected.json"),
        );
        let compared = block_on(compare_network(
            network,
            &Answers::new(&expected, &index),
            device,
        ));
        let errors: Vec<(&str, f32)> = compared.iter().map(|c| (&*c.name, c.error)).collect();
        let errors = serde_json::to_vec(&errors).unwrap();
        std::fs::write(self.directory.join(report), errors).unwrap();
        for Compared { name, error } in &compared {
            println!("{name:34} {error:.1e}");
        }
        // Texts, and for each of three pictures: hidden states, embedding, features and keys.
        assert!(compared.len() > 3 * 14, "{} comparisons", compared.len());
        for Compared { name, error } in &compared {
            assert!(*error <= TOLERANCE, "{name} is off by {error:.2e}");
        }
    }
}

fn check(name: &'static str) {
    let made = Made::new(name);
    let device = Device::flex();
    let network = Network::new(made.model(), &device);
    made.check(&network, &device, "errors.json");
}

#[test]
#[ignore = "needs the models that npm run parity makes"]
fn hf_b16() {
    check("hf-b16");
}

#[test]
#[ignore = "needs the models that npm run parity makes"]
fn hf_b32() {
    check("hf-b32");
}

#[test]
#[ignore = "needs the models that npm run parity makes"]
fn openclip_b32() {
    check("openclip-b32");
}

/// The whole way that a user's model goes, its large tensors split between shards.
#[test]
#[ignore = "needs the models that npm run parity makes"]
fn hf_b32_as_a_bundle() {
    let made = Made::new("hf-b32");
    let mut bundle = bundled(made.model());
    let config = bundle.manifest().architecture.clone();
    let tokenizer = bundle.tokenizer().unwrap();
    let device = Device::flex();
    let network = Network::build(&config, tokenizer, &mut bundle, &device);
    made.check(&network, &device, "errors-as-a-bundle.json");
}

fn bundled(model: Published) -> Bundle {
    let about = BundleMetadata {
        name: "b32".into(),
        description: "It knows nothing.".into(),
        license: "MIT".into(),
        source: Source {
            origin: "drawn weights".into(),
            revision: None,
            files: vec![],
        },
        picture_size: None,
        background: vec![],
        pictures: Pictures::default(),
        vocabulary: vec![],
        pipeline: None,
    };
    let mut writer = BundleWriter::new(model.into(), None, Scheme::F32, about, &[]);
    let mut files = Vec::new();
    while let Some(file) = writer.next_file().unwrap() {
        files.push(file);
    }
    let manifest = manifest_json(writer.manifest().unwrap()).unwrap();
    let mut bundle = Bundle::new(manifest.as_bytes()).unwrap();
    for file in files {
        bundle.add(&file.entry.file, &file.contents).unwrap();
    }
    assert_eq!(bundle.missing().count(), 0);
    bundle
}
