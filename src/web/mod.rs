//! The wasm-bindgen face: thin, no logic. `pkg/src/engine.ts` describes it to TypeScript.

mod convert;
mod import;
mod progress;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function, Promise, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::bundle::{Bundle, Manifest, Part, Pictures};
use crate::dense::Method;
use crate::error::{Error, Result};
use crate::image::{MAX_PIXELS, MAX_SIDE, Picture};
use crate::mask::{self, Export, Format, Legend, ObjectOptions, Rle};
use crate::prompt::parse_words;
use crate::quant::Scheme;
use crate::refine::Refinement;
use crate::segmenter::{self, EncodedImage, Segmenter};
use convert::{
    CutoutOptionsJs, EncodeOptionsJs, ExportOptions, MaskGiven, RegionFound, SegmentOptions,
    files_to_js, from_js, throw, to_js,
};
use progress::Checkpoint;

#[wasm_bindgen(start)]
fn start() {
    constructors();
    console_error_panic_hook::set_once();
}

/// Runs the constructors that dependencies have registered.
///
/// A module that does not do so itself gets them run by the linker before every call from outside,
/// those of the allocator included: a tenth of all time.
#[allow(unsafe_code, reason = "the linker's own function")]
fn constructors() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: once, before anything else of the module runs.
    unsafe { __wasm_call_ctors() }
}

/// A file of a bundle, as the loader lists them.
#[derive(Serialize)]
struct FileInfo<'a> {
    name: &'a str,
    bytes: u64,
    sha256: &'a str,
    part: Part,
}

/// What the page shows about a model.
#[derive(Serialize)]
struct ModelInfo<'a> {
    name: &'a str,
    license: &'a str,
    source: &'a str,
    description: &'a str,
    scheme: Scheme,
    pictures: Pictures,
    vocabulary: &'a [String],
}

impl<'a> ModelInfo<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        Self {
            name: &manifest.name,
            license: &manifest.license,
            source: &manifest.source.origin,
            description: &manifest.description,
            scheme: manifest.scheme,
            pictures: manifest.pictures,
            vocabulary: &manifest.vocabulary,
        }
    }
}

/// Where the engine runs.
#[derive(Serialize)]
struct DeviceInfo<'a> {
    kind: crate::device::DeviceKind,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// What `segment` does by default.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Methods<'a> {
    default: Method,
    multi_scale: bool,
    refine: &'a [Refinement],
}

/// The largest picture that can be encoded.
#[derive(Serialize)]
struct LargestPicture {
    pixels: u64,
    side: u32,
}

/// What a mask may show.
#[derive(Serialize)]
struct NameScore<'a> {
    name: &'a str,
    score: f32,
}

/// Gathers the files of a bundle, checking each.
#[wasm_bindgen]
pub struct BundleLoader {
    bundle: Bundle,
}

#[wasm_bindgen]
impl BundleLoader {
    /// Reads the text of `wordmask.json`.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &str) -> Result<Self, JsValue> {
        let bundle = Bundle::new(manifest.as_bytes()).map_err(throw)?;
        Ok(Self { bundle })
    }

    /// The files to fetch.
    pub fn files(&self) -> Result<JsValue, JsValue> {
        let files: Vec<FileInfo<'_>> = self
            .bundle
            .manifest()
            .files()
            .map(|(part, entry)| FileInfo {
                name: &entry.file,
                bytes: entry.bytes,
                sha256: &entry.sha256,
                part,
            })
            .collect();
        to_js(&files)
    }

    /// Name, description, licence and size of the model.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        to_js(&ModelInfo::new(self.bundle.manifest()))
    }

    /// Takes a file, and its SHA-256 if the browser has computed it.
    #[allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands it over")]
    pub fn add(&mut self, name: &str, bytes: &[u8], sha256: Option<String>) -> Result<(), JsValue> {
        let added = self.bundle.add_hashed(name, bytes, sha256.as_deref());
        added.map_err(throw)
    }

    /// Opens a device and has its kernels made while the files come. `finish` must wait for it,
    /// and tells what goes wrong here.
    pub fn warm(&self, device: &str) -> Result<Promise, JsValue> {
        let preference = device.parse().map_err(throw)?;
        // Of its own, because files are added meanwhile.
        let manifest = self.bundle.manifest();
        let (vision, scheme) = (manifest.architecture.vision.clone(), manifest.scheme);
        Ok(future_to_promise(async move {
            // `finish` fails in the same way and reports it.
            let _ = segmenter::warm(&vision, scheme, preference).await;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// Builds the engine on `auto`, `webgpu` or `cpu`. What belongs to the text tower may follow.
    pub async fn finish(mut self, device: String) -> Result<Engine, JsValue> {
        let load = async {
            let preference = device.parse()?;
            Segmenter::load(&mut self.bundle, preference).await
        };
        let segmenter = load.await.map_err(throw)?;
        Ok(Engine {
            segmenter,
            bundle: RefCell::new(self.bundle),
        })
    }
}

/// A model on a device.
#[wasm_bindgen]
pub struct Engine {
    segmenter: Segmenter,
    /// Gathers the files of the text tower. Borrowed only between two awaits.
    bundle: RefCell<Bundle>,
}

#[wasm_bindgen]
impl Engine {
    /// The device that the engine runs on.
    pub fn device(&self) -> Result<JsValue, JsValue> {
        let compute = self.segmenter.compute();
        to_js(&DeviceInfo {
            kind: compute.kind,
            name: &compute.name,
            note: compute.note.as_deref(),
        })
    }

    /// Name, description, licence and size of the model.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        to_js(&ModelInfo::new(self.segmenter.manifest()))
    }

    /// The largest picture that `encode` takes.
    #[wasm_bindgen(js_name = largestPicture)]
    pub fn largest_picture(&self) -> Result<JsValue, JsValue> {
        to_js(&LargestPicture {
            pixels: MAX_PIXELS,
            side: MAX_SIDE,
        })
    }

    /// The parts of the bundle that these words and options need and that have not come.
    #[wasm_bindgen(js_name = missingParts)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "what comes from JavaScript is owned"
    )]
    pub fn missing_parts(&self, words: Vec<String>, options: JsValue) -> Result<JsValue, JsValue> {
        let options: SegmentOptions = from_js(options)?;
        let options = options.try_into().map_err(throw)?;
        let classes = parse_words(&words).map_err(throw)?;
        let parts = self
            .segmenter
            .missing_parts(&classes, &options)
            .map_err(throw)?;
        to_js(&parts)
    }

    /// Takes a file of such a part.
    #[allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands it over")]
    pub fn add(&self, name: &str, bytes: &[u8], sha256: Option<String>) -> Result<(), JsValue> {
        let mut bundle = self.bundle.borrow_mut();
        let added = bundle.add_hashed(name, bytes, sha256.as_deref());
        added.map_err(throw)
    }

    /// Builds what has come whole.
    pub fn extend(&self) -> Result<(), JsValue> {
        let mut bundle = self.bundle.borrow_mut();
        self.segmenter.load_parts(&mut bundle).map_err(throw)
    }

    /// Encodes the picture in a JPEG, PNG or WebP file.
    pub async fn encode(
        &self,
        bytes: Uint8Array,
        options: JsValue,
        checkpoint: Function,
    ) -> Result<EncodedPicture, JsValue> {
        let picture = Picture::decode(&bytes.to_vec()).map_err(throw)?;
        self.encode_picture(picture, options, checkpoint).await
    }

    /// Encodes pixels, `[height, width, 4]`.
    #[wasm_bindgen(js_name = encodePixels)]
    pub async fn encode_pixels(
        &self,
        width: u32,
        height: u32,
        rgba: Uint8Array,
        options: JsValue,
        checkpoint: Function,
    ) -> Result<EncodedPicture, JsValue> {
        let picture = Picture::from_rgba(width, height, &rgba.to_vec()).map_err(throw)?;
        self.encode_picture(picture, options, checkpoint).await
    }

    /// What `segment` does by default.
    pub fn methods(&self) -> Result<JsValue, JsValue> {
        let pipeline = self.segmenter.default_pipeline();
        to_js(&Methods {
            default: pipeline.method,
            multi_scale: pipeline.multi_scale,
            refine: &pipeline.refine,
        })
    }

    /// A mask for each word. `on_partial` receives each coarser answer that comes first, and
    /// frees it.
    pub async fn segment(
        &self,
        picture: &EncodedPicture,
        words: Vec<String>,
        options: JsValue,
        checkpoint: Function,
        on_partial: Option<Function>,
    ) -> Result<Segmentation, JsValue> {
        let options: SegmentOptions = from_js(options)?;
        let image = Rc::clone(&picture.image);
        let mut partial = |result| {
            if let Some(on_partial) = &on_partial {
                // What the callback throws is its own affair; the answer is still on its way.
                let _ = on_partial.call1(&JsValue::NULL, &Segmentation { result }.into());
            }
        };
        let segment = async {
            let classes = parse_words(&words)?;
            let options = options.try_into()?;
            let mut progress = Checkpoint(checkpoint);
            self.segmenter
                .segment_progressive(&image, &classes, &options, &mut progress, &mut partial)
                .await
        };
        let result = segment.await.map_err(throw)?;
        Ok(Segmentation { result })
    }

    /// The names of each mask, most likely first.
    pub async fn classify(
        &self,
        picture: &EncodedPicture,
        masks: JsValue,
        words: Vec<String>,
        checkpoint: Function,
    ) -> Result<JsValue, JsValue> {
        let masks: Vec<MaskGiven> = from_js(masks)?;
        let image = Rc::clone(&picture.image);
        let classify = async {
            let classes = parse_words(&words)?;
            let masks = masks
                .into_iter()
                .map(Rle::try_from)
                .collect::<Result<Vec<_>>>()?;
            let scores = self
                .segmenter
                .classify(&image, &masks, &classes, &mut Checkpoint(checkpoint))
                .await?;
            Ok((classes, scores))
        };
        let (classes, scores) = classify.await.map_err(throw)?;
        let named = |scores: Vec<f32>| {
            let names = classes.iter().map(|class| class.name.as_str());
            let mut names: Vec<NameScore<'_>> = names
                .zip(scores)
                .map(|(name, score)| NameScore { name, score })
                .collect();
            names.sort_by(|a, b| b.score.total_cmp(&a.score));
            names
        };
        to_js(&scores.into_iter().map(named).collect::<Vec<_>>())
    }

    /// The region that is most likely meant by a click on a pixel.
    #[wasm_bindgen(js_name = regionAt)]
    pub fn region_at(&self, picture: &EncodedPicture, x: u32, y: u32) -> Result<JsValue, JsValue> {
        let region = self
            .segmenter
            .region_at(&picture.image, x, y)
            .map_err(throw)?;
        to_js(&RegionFound::from(&region))
    }

    async fn encode_picture(
        &self,
        picture: Picture,
        options: JsValue,
        checkpoint: Function,
    ) -> Result<EncodedPicture, JsValue> {
        let options: EncodeOptionsJs = from_js(options)?;
        let options = options.try_into().map_err(throw)?;
        let image = self
            .segmenter
            .encode(picture, &options, &mut Checkpoint(checkpoint))
            .await
            .map_err(throw)?;
        Ok(EncodedPicture {
            image: Rc::new(image),
        })
    }
}

/// A picture that the engine has read.
#[wasm_bindgen]
pub struct EncodedPicture {
    image: Rc<EncodedImage>,
}

#[wasm_bindgen]
impl EncodedPicture {
    /// Pixels across.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.image.picture().width()
    }

    /// Pixels down.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.image.picture().height()
    }

    /// The decoded pixels, `[height, width, 4]`.
    pub fn rgba(&self) -> Result<Vec<u8>, JsValue> {
        self.image.picture().to_rgba().map_err(throw)
    }
}

/// The answer.
#[wasm_bindgen]
pub struct Segmentation {
    result: segmenter::Segmentation,
}

#[wasm_bindgen]
impl Segmentation {
    /// Pixels across.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.result.labels().width()
    }

    /// Pixels down.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.result.labels().height()
    }

    /// One class index a pixel, 255 for none.
    pub fn labels(&self) -> Vec<u8> {
        self.result.labels().labels().to_vec()
    }

    /// A row for each class.
    pub fn classes(&self) -> Result<JsValue, JsValue> {
        to_js(self.result.classes())
    }

    /// The same answer under other labels.
    #[wasm_bindgen(js_name = withLabels)]
    pub fn with_labels(&self, labels: Vec<u8>) -> Result<Self, JsValue> {
        let result = self.result.with_labels(labels).map_err(throw)?;
        Ok(Self { result })
    }

    /// The probability of a class at each pixel.
    pub fn scores(&self, index: usize) -> Result<Vec<f32>, JsValue> {
        self.result.scores(index).map_err(throw)
    }

    /// The label map as an indexed PNG.
    #[wasm_bindgen(js_name = toPng)]
    pub fn to_png(&self) -> Result<Vec<u8>, JsValue> {
        self.result.label_png().map_err(throw)
    }

    /// The picture with the classes painted over it.
    #[wasm_bindgen(js_name = overlayPng)]
    pub fn overlay_png(&self, opacity: f32) -> Result<Vec<u8>, JsValue> {
        self.result.overlay_png(opacity).map_err(throw)
    }

    /// The alpha of classes together, a byte for each pixel.
    #[allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands it over")]
    pub fn matte(&self, classes: Vec<usize>, feather: Option<u32>) -> Result<Vec<u8>, JsValue> {
        let matte = self.result.matte(&classes, feather).map_err(throw)?;
        Ok(matte.into_alpha())
    }

    /// Classes cut out of the picture together; `backdrop` is a picture that goes behind them.
    #[allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands it over")]
    pub fn cutout(
        &self,
        classes: Vec<usize>,
        options: JsValue,
        backdrop: Option<Uint8Array>,
    ) -> Result<Cutout, JsValue> {
        let options: CutoutOptionsJs = from_js(options)?;
        let made = || {
            let backdrop = backdrop.map(|bytes| bytes.to_vec());
            let options = options.with_backdrop(backdrop.as_deref())?;
            self.result.cutout(&classes, &options)
        };
        let made = made().map_err(throw)?;
        Ok(Cutout { made })
    }

    /// COCO's JSON, the picture under this name.
    #[wasm_bindgen(js_name = toCoco)]
    pub fn to_coco(&self, file_name: &str, options: JsValue) -> Result<String, JsValue> {
        let options: ExportOptions = from_js(options)?;
        let coco = self
            .result
            .to_coco(file_name, options.coco_masks(), &options.objects());
        coco.map_err(throw)
    }

    /// GeoJSON in pixels.
    #[wasm_bindgen(js_name = toGeoJson)]
    pub fn to_geo_json(&self, options: JsValue) -> Result<String, JsValue> {
        let options: ExportOptions = from_js(options)?;
        self.result.to_geojson(&options.objects()).map_err(throw)
    }

    /// One path an object.
    #[wasm_bindgen(js_name = toSvg)]
    pub fn to_svg(&self, options: JsValue) -> Result<String, JsValue> {
        let options: ExportOptions = from_js(options)?;
        self.result.to_svg(&options.objects()).map_err(throw)
    }
}

/// Classes cut out of their picture.
#[wasm_bindgen]
pub struct Cutout {
    made: mask::Cutout,
}

#[wasm_bindgen]
impl Cutout {
    /// Left, top, width and height in the picture, in pixels.
    pub fn bbox(&self) -> Vec<u32> {
        let made = &self.made;
        vec![made.x, made.y, made.width, made.height]
    }

    /// The pixels, `[height, width, 4]`.
    pub fn rgba(&self) -> Vec<u8> {
        self.made.rgba.clone()
    }

    /// A PNG file.
    #[wasm_bindgen(js_name = toPng)]
    pub fn to_png(&self) -> Result<Vec<u8>, JsValue> {
        self.made.to_png().map_err(throw)
    }
}

/// A data set of answers to the same words.
#[wasm_bindgen]
pub struct Dataset {
    export: Box<dyn Export>,
    legend: Legend,
    options: ObjectOptions,
}

#[wasm_bindgen]
impl Dataset {
    /// A data set in a format without pictures, its classes those of an answer.
    #[wasm_bindgen(constructor)]
    pub fn new(format: &str, like: &Segmentation, options: JsValue) -> Result<Self, JsValue> {
        let format = Format::find(format).map_err(throw)?;
        let options: ExportOptions = from_js(options)?;
        let legend = like.result.legend().clone();
        Ok(Self {
            export: format.dataset(legend.clone()),
            legend,
            options: options.objects(),
        })
    }

    /// Adds an answer, its picture under this name. Returns the files that are of it alone.
    pub fn add(&mut self, answer: &Segmentation, file_name: &str) -> Result<Array, JsValue> {
        if *answer.result.legend() != self.legend {
            return Err(throw(Error::input(
                "A data set has one list of classes. Segment all of its pictures by the same words.",
            )));
        }
        let objects = answer.result.objects(&self.options).map_err(throw)?;
        let picture = answer.result.annotated(file_name, &objects, &self.options);
        files_to_js(self.export.add(&picture).map_err(throw)?)
    }

    /// The files that belong to all pictures together.
    pub fn finish(&self) -> Result<Array, JsValue> {
        files_to_js(self.export.finish().map_err(throw)?)
    }
}
