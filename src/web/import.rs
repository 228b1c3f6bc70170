//! Importing a published model in the browser: its files are read by slices, its tensors stored one
//! after the other.

use js_sys::{Function, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::convert::{from_js, throw, to_js};
use crate::bundle::{BundleMetadata, BundleWriter, Pictures, Source, manifest_json};
use crate::error::{Error, Result};
use crate::import::{Files, Published, ReadAt};
use crate::quant::Scheme;

/// Options of an import.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct ImportOptions {
    scheme: Option<Scheme>,
    name: Option<String>,
    description: Option<String>,
    license: Option<String>,
    picture_size: Option<u32>,
    /// Where the files were fetched from. The disk if `None`.
    source: Option<Source>,
}

impl ImportOptions {
    /// What the bundle says of itself; what is not told comes from the model.
    fn metadata(self, layout: &str) -> BundleMetadata {
        let text =
            |given: Option<String>, otherwise: &str| given.unwrap_or_else(|| otherwise.into());
        BundleMetadata {
            name: text(self.name, "Imported model"),
            description: text(self.description, "It knows what the published model knows."),
            license: text(self.license, "as published"),
            source: self.source.unwrap_or_else(|| Source {
                origin: format!("files in the {layout} layout"),
                revision: None,
                files: Vec::new(),
            }),
            picture_size: self.picture_size,
            background: Vec::new(),
            pictures: Pictures::default(),
            vocabulary: Vec::new(),
            pipeline: None,
        }
    }
}

/// A finished file of the bundle.
#[derive(Serialize)]
struct FileMade {
    sha256: String,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    bytes: Uint8Array,
}

/// Makes a bundle of a published model, file by file.
#[wasm_bindgen]
pub struct ModelImport {
    writer: BundleWriter,
}

#[wasm_bindgen]
impl ModelImport {
    /// Opens the model in these files. `read(name, offset, length)` gives the bytes of a slice at
    /// once, without a promise.
    #[wasm_bindgen(constructor)]
    pub fn new(
        names: Vec<String>,
        sizes: Vec<f64>,
        read: Function,
        options: JsValue,
    ) -> Result<Self, JsValue> {
        let options: ImportOptions = from_js(options)?;
        let files = Slices { names, sizes, read };
        let model = Published::open(&files).map_err(throw)?;
        let scheme = options.scheme.unwrap_or(Scheme::Q8);
        let about = options.metadata(model.layout());
        let writer = BundleWriter::new(model.into(), None, scheme, about, &[]);
        Ok(Self { writer })
    }

    /// How many files there will be, the manifest not counted.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.writer.files()
    }

    /// The next finished file; `undefined` when all are made.
    #[wasm_bindgen(js_name = next)]
    pub fn next_file(&mut self) -> Result<JsValue, JsValue> {
        match self.writer.next_file().map_err(throw)? {
            None => Ok(JsValue::UNDEFINED),
            Some(file) => to_js(&FileMade {
                sha256: file.entry.sha256,
                bytes: Uint8Array::from(file.contents.as_slice()),
            }),
        }
    }

    /// The text of `wordmask.json`, when all files are made.
    pub fn manifest(&self) -> Result<String, JsValue> {
        self.writer
            .manifest()
            .and_then(manifest_json)
            .map_err(throw)
    }
}

/// Files that a JavaScript function reads.
struct Slices {
    names: Vec<String>,
    sizes: Vec<f64>,
    read: Function,
}

impl Files for Slices {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn open(&self, name: &str) -> Result<Box<dyn ReadAt>> {
        let index = self.names.iter().position(|n| n == name);
        let size = index.and_then(|index| self.sizes.get(index));
        let size = size.ok_or_else(|| Error::input(format!("There is no file {name}.")))?;
        Ok(Box::new(Slice {
            name: name.into(),
            size: *size as u64,
            read: self.read.clone(),
        }))
    }
}

/// One of them.
struct Slice {
    name: String,
    size: u64,
    read: Function,
}

impl ReadAt for Slice {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let failed = |why: &str| Error::input(format!("{}: {why}", self.name));
        let bytes = self
            .read
            .call3(
                &JsValue::NULL,
                &JsValue::from_str(&self.name),
                &JsValue::from_f64(offset as f64),
                &JsValue::from_f64(out.len() as f64),
            )
            .map_err(|_| failed("the browser could not read it; choose it again."))?;
        let bytes: Uint8Array = bytes
            .dyn_into()
            .map_err(|_| Error::internal("a reader of slices gave something else"))?;
        if bytes.length() as usize != out.len() {
            return Err(failed("it is shorter than it was; choose it again."));
        }
        bytes.copy_to(out);
        Ok(())
    }
}
