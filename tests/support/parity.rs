//! The engine against PyTorch's answers, wherever it runs: used by the native tests and, compiled
//! to wasm, by the browser tests.

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use wordmask::bundle::HuggingFace;
use wordmask::clip::{Grid, TextTower, Tokenizer, Unpaced, VisionTower, normalise_rows, patches};
use wordmask::dense::{CellFeatures, Method, ScoreKind, ScoreMap, features};
use wordmask::device::read;
use wordmask::image::Picture;
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

/// One comparison: largest difference over largest expected value.
pub struct Compared {
    pub name: String,
    pub error: f32,
}

struct Bench<'a> {
    expected: SafeTensors<'a>,
    methods: SafeTensors<'a>,
    name: &'a str,
    device: &'a Device,
    compared: Vec<Compared>,
}

/// Runs everything that the fixture has an answer for.
pub async fn compare(fixture: &Fixture<'_>, device: &Device) -> Vec<Compared> {
    let model = HuggingFace::new(
        fixture.config,
        fixture.weights.to_vec(),
        fixture.tokenizer.to_vec(),
        Some(fixture.preprocessor),
    )
    .expect("the fixture is a model");
    let mut bench = Bench {
        expected: SafeTensors::deserialize(fixture.expected).expect("the answers can be read"),
        methods: SafeTensors::deserialize(fixture.methods).expect("the answers can be read"),
        name: fixture.name,
        device,
        compared: Vec::new(),
    };
    let index: serde_json::Value =
        serde_json::from_slice(fixture.index).expect("the index is JSON");
    bench.tokenizer(&model, &index);
    bench.text(&model).await;
    for shape in ["square", "wide", "tall"] {
        if bench.expected.tensor(&format!("{shape}.pixels")).is_ok() {
            bench.vision(&model, shape).await;
        }
    }
    for shape in ["square", "wide", "tall", "large"] {
        let answer = format!("{}.{shape}.dense.pearl", fixture.name);
        if bench.methods.tensor(&answer).is_ok() {
            bench.dense(&model, shape).await;
        }
    }
    bench.compared
}

impl Bench<'_> {
    /// From the fixture's own answers, or those of all methods.
    fn values(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let view = self
            .expected
            .tensor(name)
            .or_else(|_| self.methods.tensor(name))
            .unwrap_or_else(|_| panic!("no {name}"));
        let (numbers, _) = view.data().as_chunks::<4>();
        let values = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (values, view.shape().to_vec())
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

    fn tokenizer(&mut self, model: &HuggingFace, index: &serde_json::Value) {
        let tokenizer = Tokenizer::from_bytes(model.tokenizer(), &model.config().text)
            .expect("the tokenizer fits");
        let cases = index["tokenizer"].as_array().expect("tokenizer cases");
        assert!(!cases.is_empty());
        for case in cases {
            let text = case["text"].as_str().expect("a text");
            let mut expected: Vec<u32> =
                serde_json::from_value(case["ids"].clone()).expect("token ids");
            let context = model.config().text.context;
            if expected.len() > context {
                expected.truncate(context);
                expected[context - 1] = model.config().text.end_of_text;
            }
            assert_eq!(tokenizer.encode(text).expect("ids"), expected, "{text:?}");
        }
    }

    async fn text(&mut self, model: &HuggingFace) {
        let config = model.config();
        let tower = TextTower::load(model, &config.text, config.projection, self.device)
            .expect("the text tower builds");
        let tokenizer =
            Tokenizer::from_bytes(model.tokenizer(), &config.text).expect("the tokenizer fits");
        let index = self.expected.tensor("text.ids").expect("ids");
        let (numbers, _) = index.data().as_chunks::<4>();
        let ids: Vec<u32> = numbers.iter().map(|b| u32::from_le_bytes(*b)).collect();
        // Rows end at the first end token.
        let texts: Vec<Vec<u32>> = ids
            .chunks(index.shape()[1])
            .map(|row| {
                let end = row.iter().position(|id| *id == config.text.end_of_text);
                row[..=end.expect("an end token")].to_vec()
            })
            .collect();
        assert_eq!(tokenizer.encode("").expect("ids").len(), 2);
        let rows = tower
            .embed(&texts, &mut Unpaced)
            .await
            .expect("texts embed");
        self.check("text.embeddings", &rows.concat());
    }

    async fn vision(&mut self, model: &HuggingFace, shape: &str) {
        let config = model.config();
        let tower = VisionTower::load(model, &config.vision, config.projection, self.device)
            .expect("the vision tower builds");
        let (pixels, size) = self.values(&format!("{shape}.pixels"));
        let (cut, grid) = patches(&pixels, size[3], size[2], config.vision.patch, self.device)
            .expect("the picture fits the patches");
        let embedded = tower.embed(cut.clone(), grid).expect("patches embed");
        self.check_tensor(&format!("{shape}.hidden.0"), embedded)
            .await;
        let states = tower
            .states(cut, grid, &mut Unpaced)
            .await
            .expect("the trunk runs");
        let tokens = states.last().expect("a state").clone();
        let before_last = config.vision.layers - 1;
        self.check_tensor(&format!("{shape}.hidden.{before_last}"), tokens.clone())
            .await;
        let last = tower
            .last_block()
            .expect("a last block")
            .forward(tokens.clone(), false);
        self.check_tensor(&format!("{shape}.hidden.{}", config.vision.layers), last)
            .await;
        let pooled = tower.pool(tokens.clone()).expect("the tower pools");
        self.check_tensor(&format!("{shape}.embedding"), pooled)
            .await;
        for (name, method, residual) in [
            ("maskclip", Method::MaskClip, false),
            ("maskclip-residual", Method::MaskClip, true),
            ("clearclip", Method::ClearClip, false),
            ("sclip", Method::Sclip, false),
            ("naclip", Method::NaClip, false),
        ] {
            let cells = features(method, residual, &tower, &states, grid)
                .await
                .expect("the method runs");
            self.check_tensor(&format!("{shape}.dense.{name}"), cells.features.clone())
                .await;
            self.check_tensor(&format!("{shape}.keys"), cells.keys.clone())
                .await;
            if self
                .expected
                .tensor(&format!("{shape}.scores.{name}"))
                .is_ok()
            {
                self.refinements(shape, name, grid, &cells, config.logit_scale)
                    .await;
            }
        }
    }

    /// The methods whose answers are with all the others'.
    async fn dense(&mut self, model: &HuggingFace, shape: &str) {
        let config = model.config();
        let tower = VisionTower::load(model, &config.vision, config.projection, self.device)
            .expect("the vision tower builds");
        let pixels = [
            format!("{shape}.pixels"),
            format!("{}.{shape}.pixels", self.name),
        ]
        .into_iter()
        .find(|name| self.expected.tensor(name).is_ok() || self.methods.tensor(name).is_ok())
        .expect("the pixels");
        let (pixels, size) = self.values(&pixels);
        let (cut, grid) = patches(&pixels, size[3], size[2], config.vision.patch, self.device)
            .expect("the picture fits the patches");
        let states = tower
            .states(cut, grid, &mut Unpaced)
            .await
            .expect("the trunk runs");
        for method in [Method::Pearl, Method::ScClip] {
            let cells = features(method, false, &tower, &states, grid)
                .await
                .expect("the method runs");
            let name = format!("{}.{shape}.dense.{method}", self.name);
            self.check_tensor(&name, cells.features).await;
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
