//! The engine against PyTorch's answers, wherever it runs: used by the native tests and, compiled
//! to wasm, by the browser tests.

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use serde_json::Value;
use wordmask::clip::{
    ClipConfig, Grid, TextTower, Tokenizer, VisionTower, normalise_rows, patches,
};
use wordmask::dense::{CellFeatures, Method, ScoreKind, ScoreMap, features};
use wordmask::image::Picture;
use wordmask::import::{MemoryFiles, Published};
use wordmask::progress::NoProgress;
use wordmask::quant::WeightSource;
use wordmask::readback::read;
use wordmask::refine::{Context, Refinement};

/// The files of a fixture directory.
pub struct Fixture<'a> {
    pub config: &'a [u8],
    pub weights: &'a [u8],
    pub tokenizer: &'a [u8],
    pub preprocessor: &'a [u8],
    pub expected: &'a [u8],
    /// `expected.json`
    pub index: &'a [u8],
    /// The fixture's name, by which `methods` calls its answers.
    pub name: &'a str,
    /// `methods/expected.safetensors`: answers for the methods beyond the plain ones.
    pub methods: &'a [u8],
}

impl Fixture<'_> {
    fn model(&self) -> Published {
        let mut files = MemoryFiles::default();
        files.insert("config.json", self.config.to_vec());
        files.insert("model.safetensors", self.weights.to_vec());
        files.insert("tokenizer.json", self.tokenizer.to_vec());
        files.insert("preprocessor_config.json", self.preprocessor.to_vec());
        Published::open(&files).expect("the fixture is a model")
    }
}

/// One comparison: largest difference over largest expected value.
pub struct Compared {
    pub name: String,
    pub error: f32,
}

/// A model, built.
pub struct Network {
    config: ClipConfig,
    tokenizer: Tokenizer,
    vision: VisionTower,
    text: TextTower,
}

impl Network {
    pub fn build(
        config: &ClipConfig,
        tokenizer: Tokenizer,
        weights: &mut impl WeightSource,
        device: &Device,
    ) -> Self {
        Self {
            vision: VisionTower::load(weights, &config.vision, config.projection, device)
                .expect("the vision tower builds"),
            text: TextTower::load(weights, &config.text, config.projection, device)
                .expect("the text tower builds"),
            tokenizer,
            config: config.clone(),
        }
    }

    pub fn new(mut model: Published, device: &Device) -> Self {
        let config = model.config().clone();
        let tokenizer = Tokenizer::from_bytes(model.tokenizer(), &config.text);
        let tokenizer = tokenizer.expect("the tokenizer fits");
        Self::build(&config, tokenizer, &mut model, device)
    }
}

/// What PyTorch computed with a model.
pub struct Answers<'a> {
    expected: SafeTensors<'a>,
    index: Value,
    methods: Option<(&'a str, SafeTensors<'a>)>,
}

impl<'a> Answers<'a> {
    /// Takes the contents of `expected.safetensors` and `expected.json`.
    pub fn new(expected: &'a [u8], index: &[u8]) -> Self {
        Self {
            expected: SafeTensors::deserialize(expected).expect("the answers can be read"),
            index: serde_json::from_slice(index).expect("the index is JSON"),
            methods: None,
        }
    }

    /// With the answers that `methods` has for the model of this name.
    fn with_methods(mut self, name: &'a str, methods: &'a [u8]) -> Self {
        let methods = SafeTensors::deserialize(methods).expect("the answers can be read");
        self.methods = Some((name, methods));
        self
    }

    fn values(&self, name: &str) -> Option<(Vec<f32>, Vec<usize>)> {
        let methods = self.methods.as_ref().map(|(_, methods)| methods);
        let view = [Some(&self.expected), methods]
            .into_iter()
            .flatten()
            .find_map(|tensors| tensors.tensor(name).ok())?;
        let (numbers, _) = view.data().as_chunks::<4>();
        let values = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Some((values, view.shape().to_vec()))
    }
}

struct Bench<'a> {
    network: &'a Network,
    answers: &'a Answers<'a>,
    device: &'a Device,
    compared: Vec<Compared>,
}

/// Runs everything that the fixture has an answer for.
pub async fn compare(fixture: &Fixture<'_>, device: &Device) -> Vec<Compared> {
    let network = Network::new(fixture.model(), device);
    let answers =
        Answers::new(fixture.expected, fixture.index).with_methods(fixture.name, fixture.methods);
    compare_network(&network, &answers, device).await
}

/// Runs everything that there is an answer for.
pub async fn compare_network(
    network: &Network,
    answers: &Answers<'_>,
    device: &Device,
) -> Vec<Compared> {
    let mut bench = Bench {
        network,
        answers,
        device,
        compared: Vec::new(),
    };
    bench.tokenizer();
    bench.text().await;
    for shape in ["square", "wide", "tall", "large"] {
        bench.vision(shape).await;
    }
    if let Some((name, _)) = &answers.methods {
        for shape in ["square", "wide", "tall", "large"] {
            bench.dense(name, shape).await;
        }
    }
    bench.compared
}

impl Bench<'_> {
    fn values(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let values = self.answers.values(name);
        values.unwrap_or_else(|| panic!("no {name}"))
    }

    fn check(&mut self, name: &str, actual: &[f32]) {
        let (expected, _) = self.values(name);
        assert_eq!(actual.len(), expected.len(), "{name} has another length");
        let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        // A NaN makes the error infinite instead of vanishing in `max`.
        let error = actual
            .iter()
            .zip(&expected)
            .map(|(a, e)| {
                if a.is_finite() {
                    (a - e).abs() / largest
                } else {
                    f32::INFINITY
                }
            })
            .fold(0.0, f32::max);
        self.compared.push(Compared {
            name: name.into(),
            error,
        });
    }

    async fn check_tensor<const D: usize>(&mut self, name: &str, actual: Tensor<D>) {
        let actual = read(actual).await.expect("the device can be read");
        self.check(name, &actual);
    }

    fn tokenizer(&self) {
        let config = &self.network.config.text;
        let cases = self.answers.index["tokenizer"].as_array();
        let cases = cases.expect("tokenizer cases");
        assert!(!cases.is_empty());
        for case in cases {
            let text = case["text"].as_str().expect("a text");
            let mut expected: Vec<u32> =
                serde_json::from_value(case["ids"].clone()).expect("token ids");
            if expected.len() > config.context {
                expected.truncate(config.context);
                expected[config.context - 1] = config.end_of_text;
            }
            let ids = self.network.tokenizer.encode(text).expect("ids");
            assert_eq!(ids, expected, "{text:?}");
        }
    }

    async fn text(&mut self) {
        let network = self.network;
        let index = self.answers.expected.tensor("text.ids").expect("ids");
        let (numbers, _) = index.data().as_chunks::<4>();
        let ids: Vec<u32> = numbers.iter().map(|b| u32::from_le_bytes(*b)).collect();
        // Rows end at the first end token.
        let texts: Vec<Vec<u32>> = ids
            .chunks(index.shape()[1])
            .map(|row| {
                let is_end = |id: &u32| *id == network.config.text.end_of_text;
                let end = row.iter().position(is_end);
                row[..=end.expect("an end token")].to_vec()
            })
            .collect();
        assert_eq!(network.tokenizer.encode("").expect("ids").len(), 2);
        let rows = network.text.embed(&texts, &mut NoProgress).await;
        let rows = rows.expect("texts embed");
        self.check("text.embeddings", &rows.concat());
    }

    async fn vision(&mut self, shape: &str) {
        let Some((pixels, size)) = self.answers.values(&format!("{shape}.pixels")) else {
            return;
        };
        let Network { config, vision, .. } = self.network;
        let (cut, grid) = patches(&pixels, size[3], size[2], config.vision.patch, self.device)
            .expect("the picture fits the patches");
        let embedded = vision.embed(cut.clone(), grid).expect("patches embed");
        self.check_tensor(&format!("{shape}.hidden.0"), embedded)
            .await;
        let states = vision
            .hidden_states(cut, grid, &mut NoProgress)
            .await
            .expect("the trunk runs");
        let tokens = states.last().expect("a state").clone();
        let before_last = config.vision.layers - 1;
        self.check_tensor(&format!("{shape}.hidden.{before_last}"), tokens.clone())
            .await;
        let last = vision
            .last_block()
            .expect("a last block")
            .forward(tokens.clone(), false);
        self.check_tensor(&format!("{shape}.hidden.{}", config.vision.layers), last)
            .await;
        let pooled = vision.pool(tokens.clone()).expect("the tower pools");
        self.check_tensor(&format!("{shape}.embedding"), pooled)
            .await;
        for (name, method, residual) in [
            ("maskclip", Method::MaskClip, false),
            ("maskclip-residual", Method::MaskClip, true),
            ("clearclip", Method::ClearClip, false),
            ("sclip", Method::Sclip, false),
            ("naclip", Method::NaClip, false),
        ] {
            let cells = features(method, residual, vision, &states, grid)
                .await
                .expect("the method runs");
            self.check_tensor(&format!("{shape}.dense.{name}"), cells.features.clone())
                .await;
            self.check_tensor(&format!("{shape}.keys"), normalise_rows(cells.keys.clone()))
                .await;
            let scores = format!("{shape}.scores.{name}");
            if self.answers.values(&scores).is_some() {
                self.refinements(shape, name, grid, &cells, config.logit_scale)
                    .await;
            }
        }
    }

    /// The methods whose answers are with all the others'.
    async fn dense(&mut self, model: &str, shape: &str) {
        let answer = |method: Method| format!("{model}.{shape}.dense.{method}");
        if self.answers.values(&answer(Method::Pearl)).is_none() {
            return;
        }
        let Network { config, vision, .. } = self.network;
        let (pixels, size) = [format!("{shape}.pixels"), format!("{model}.{shape}.pixels")]
            .iter()
            .find_map(|name| self.answers.values(name))
            .expect("the pixels");
        let (cut, grid) = patches(&pixels, size[3], size[2], config.vision.patch, self.device)
            .expect("the picture fits the patches");
        let states = vision
            .hidden_states(cut, grid, &mut NoProgress)
            .await
            .expect("the trunk runs");
        for method in [Method::Pearl, Method::ScClip] {
            let cells = features(method, false, vision, &states, grid)
                .await
                .expect("the method runs");
            self.check_tensor(&answer(method), cells.features).await;
        }
    }

    async fn refinements(
        &mut self,
        shape: &str,
        method: &str,
        grid: Grid,
        cells: &CellFeatures,
        scale: f32,
    ) {
        let (classes, size) = self.values("classes");
        let classes: Tensor<2> =
            Tensor::from_data(TensorData::new(classes, [size[0], size[1]]), self.device);
        let scores = normalise_rows(classes).matmul(cells.features.clone().transpose());
        let scores = read(scores).await.expect("the device can be read");
        self.check(&format!("{shape}.scores.{method}"), &scores);
        let kind = ScoreKind::Cosine { scale };
        let scores = ScoreMap::new(size[0], grid, scores, kind).expect("a score map");
        self.check(
            &format!("{shape}.probabilities.{method}"),
            scores.probabilities().values(),
        );
        let picture = Picture::from_rgb(1, 1, vec![0; 3]).expect("a picture");
        let context = Context {
            cells: Some(cells),
            picture: &picture,
        };
        let denoised = Refinement::PromptDenoising
            .apply(scores.clone(), &context)
            .await
            .expect("denoising runs");
        self.check(&format!("{shape}.denoised.{method}"), denoised.values());
        for (name, scores) in [("smoothed", scores), ("denoised-smoothed", denoised)] {
            let smoothed = Refinement::KeySmoothing
                .apply(scores, &context)
                .await
                .expect("smoothing runs");
            self.check(&format!("{shape}.{name}.{method}"), smoothed.values());
        }
    }
}
