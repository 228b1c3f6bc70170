//! Every layout against the others, and what is not a model against its sentence.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};

use super::files::read_whole;
use super::tables::STATED;
use super::{Directory, Files, MemoryFiles, Published, safetensors_file, tokenizer, torch_file};
use crate::bundle::layout::expected;
use crate::error::{Error, Result};
use crate::kernel::Activation;
use crate::quant::WeightSource;

const WEIGHTS: &str = "model.safetensors";
const OPEN_CLIP: &str = "open_clip_model.safetensors";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The files of a fixture in memory, to be spoilt.
fn copy(name: &str) -> MemoryFiles {
    let directory = Directory::new(&fixture(name)).unwrap();
    let mut files = MemoryFiles::default();
    for file in directory.names() {
        if !file.starts_with("expected.") {
            files.insert(&*file, contents(&directory, &file));
        }
    }
    files
}

fn contents(files: &dyn Files, name: &str) -> Vec<u8> {
    read_whole(files, name, u64::MAX).unwrap()
}

fn open(name: &str) -> Published {
    Published::open(&Directory::new(&fixture(name)).unwrap()).unwrap()
}

fn all_values(model: &mut Published) -> Vec<(String, Vec<f32>)> {
    expected(&model.config().clone())
        .into_iter()
        .map(|tensor| {
            let values = model.values(&tensor.name, &tensor.shape).unwrap();
            assert_eq!(values.len(), tensor.shape.iter().product::<usize>());
            (tensor.name, values)
        })
        .collect()
}

fn refused(files: &MemoryFiles) -> Error {
    Published::open(files).expect_err("it was accepted")
}

/// That a model is refused with an error of this kind and a sentence that holds all the words.
#[track_caller]
fn assert_refused(files: &MemoryFiles, code: &str, words: &[&str]) {
    let error = refused(files);
    let sentence = error.to_string();
    assert_eq!(error.code(), code, "{sentence}");
    for word in words {
        assert!(sentence.contains(word), "{word:?} is not in: {sentence}");
    }
}

fn edit_json(files: &mut MemoryFiles, name: &str, edit: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&contents(files, name)).unwrap();
    edit(&mut value);
    files.insert(name, value.to_string().into_bytes());
}

type StoredTensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// Takes a safetensors file apart and puts it together again.
fn edit_tensors(files: &mut MemoryFiles, name: &str, edit: impl FnOnce(&mut Vec<StoredTensor>)) {
    let bytes = contents(files, name);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut stored: Vec<StoredTensor> = tensors
        .tensors()
        .into_iter()
        .map(|(n, t)| (n, t.dtype(), t.shape().to_vec(), t.data().to_vec()))
        .collect();
    edit(&mut stored);
    files.insert(name, safetensors_of(&stored));
}

fn safetensors_of(stored: &[StoredTensor]) -> Vec<u8> {
    let views = stored
        .iter()
        .map(|(n, dtype, shape, data)| (n, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    serialize(views, None).unwrap()
}

fn find<'a>(stored: &'a mut [StoredTensor], name: &str) -> &'a mut StoredTensor {
    stored.iter_mut().find(|(n, ..)| n == name).unwrap()
}

#[test]
fn open_finds_the_same_in_each_layout_of_a_model() {
    let mut reference = open("gelu-clip");
    assert_eq!(reference.layout(), "Hugging Face");
    let values = all_values(&mut reference);
    for (name, layout) in [
        ("layouts/sharded", "Hugging Face"),
        ("layouts/open-clip", "OpenCLIP"),
    ] {
        let mut model = open(name);
        assert_eq!(model.layout(), layout);
        assert_eq!(model.config(), reference.config(), "{name}");
        assert!(all_values(&mut model) == values, "{name}");
    }
}

/// Newer models of OpenCLIP keep the text tower in a module of its own, training checkpoints
/// everything in another.
#[test]
fn open_reads_nested_names_of_open_clip() {
    let values = all_values(&mut open("gelu-clip"));
    let vision = |name: &str| name.starts_with("visual.") || name == "logit_scale";
    let nest: [&dyn Fn(&str) -> String; 2] = [
        &|name| format!("{}{name}", if vision(name) { "" } else { "text." }),
        &|name| format!("module.{name}"),
    ];
    for rename in nest {
        let mut files = copy("layouts/open-clip");
        edit_tensors(&mut files, OPEN_CLIP, |stored| {
            for (name, ..) in stored {
                *name = rename(name);
            }
        });
        let mut model = Published::open(&files).unwrap();
        assert!(all_values(&mut model) == values);
    }
}

#[test]
fn open_tells_the_architecture_of_an_archive_by_openai() {
    let mut model = open("layouts/openai/ViT-tiny.pt");
    assert_eq!(model.layout(), "OpenAI");
    let config = model.config().clone();
    assert_eq!((config.vision.width, config.vision.heads), (64, 1));
    assert_eq!((config.vision.layers, config.text.layers), (2, 1));
    assert_eq!((config.vision.image_size, config.vision.patch), (32, 8));
    assert_eq!(config.vision.activation, Activation::QuickGelu);
    assert_eq!((config.text.context, config.projection), (12, 32));
    assert!((config.logit_scale - 100.0).abs() < 0.1);
    for (name, values) in all_values(&mut model) {
        assert!(values.iter().any(|v| *v != 0.0), "{name}");
    }
}

#[test]
fn open_reads_old_and_new_files_of_hugging_face() {
    let mut reference = open("gelu-clip");
    let values = all_values(&mut reference);
    let mut files = copy("gelu-clip");
    edit_tensors(&mut files, WEIGHTS, |stored| {
        let ids = "text_model.embeddings.position_ids";
        stored.push((ids.into(), Dtype::I64, vec![1, 1], vec![0; 8]));
        stored.push(("classifier.weight".into(), Dtype::F32, vec![1], vec![0; 4]));
    });
    edit_json(&mut files, "config.json", |config| {
        // Where it is, it holds, defaults and all.
        config["vision_config_dict"] = config["vision_config"].clone();
        config["vision_config"]["hidden_act"] = json!("quick_gelu");
        config["text_config_dict"] = Value::Null;
        config["text_config"]["eos_token_id"] = json!(2);
    });
    let pixels: Value =
        serde_json::from_slice(&contents(&files, "preprocessor_config.json")).unwrap();
    files.remove("preprocessor_config.json");
    let processor = json!({"image_processor": pixels, "processor_class": "CLIPProcessor"});
    files.insert("processor_config.json", processor.to_string().into_bytes());
    let mut model = Published::open(&files).unwrap();
    assert_eq!(model.config(), reference.config());
    assert!(all_values(&mut model) == values);

    files.remove("processor_config.json");
    let means = Published::open(&files).unwrap().config().pixel_mean;
    assert_eq!(means, super::model::CLIP_MEAN);
}

/// Repositories often have several layouts, and files of no concern.
#[test]
fn open_takes_the_right_files_of_many() {
    let mut both = copy("gelu-clip");
    let other = copy("layouts/open-clip");
    for name in ["open_clip_config.json", OPEN_CLIP] {
        both.insert(name, contents(&other, name));
    }
    both.insert("pytorch_model.bin", b"not read".to_vec());
    both.insert("training_args.bin", b"not read".to_vec());
    both.insert("README.md", Vec::new());
    assert_eq!(Published::open(&both).unwrap().layout(), "Hugging Face");

    let mut timm = both.clone();
    timm.insert("config.json", br#"{"architecture": "vit"}"#.to_vec());
    assert_eq!(Published::open(&timm).unwrap().layout(), "OpenCLIP");

    // Its PyTorch file is the last resort.
    let mut bin = both.clone();
    bin.remove(WEIGHTS);
    assert_eq!(Published::open(&bin).unwrap().layout(), "OpenCLIP");

    let mut renamed = copy("layouts/open-clip");
    renamed.insert("mine.safetensors", contents(&renamed, OPEN_CLIP));
    renamed.remove(OPEN_CLIP);
    assert_eq!(Published::open(&renamed).unwrap().layout(), "OpenCLIP");
    let mut renamed = copy("gelu-clip");
    renamed.insert("mine.safetensors", contents(&renamed, WEIGHTS));
    renamed.remove(WEIGHTS);
    assert_eq!(Published::open(&renamed).unwrap().layout(), "Hugging Face");
}

#[test]
fn directory_of_one_file_has_what_lies_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("gelu-clip/config.json", "config.json"),
        ("gelu-clip/tokenizer.json", "tokenizer.json"),
        ("gelu-clip/model.safetensors", "model.safetensors"),
        ("gelu-clip/model.safetensors", "better.safetensors"),
        ("layouts/openai/ViT-tiny.pt", "ViT-tiny.pt"),
    ] {
        std::fs::copy(fixture(from), directory.path().join(to)).unwrap();
    }
    for (file, layout) in [
        ("better.safetensors", "Hugging Face"),
        ("model.safetensors", "Hugging Face"),
        ("ViT-tiny.pt", "OpenAI"),
        ("", "Hugging Face"),
    ] {
        let files = Directory::new(&directory.path().join(file)).unwrap();
        assert_eq!(Published::open(&files).unwrap().layout(), layout, "{file}");
    }
    let missing = Directory::new(&directory.path().join("model.pt"));
    assert_eq!(missing.err().map(|e| e.code()), Some("io"));
    let files = Directory::new(directory.path()).unwrap();
    assert!(files.open("../secret").is_err());
}

const STRINGS: [&str; 12] = [
    "a photo of a cat.",
    "It's 5 o'clock, isn't it? we'll they've I'm",
    "Cafe\u{301} CRÈME brûlée",
    "",
    "  a\u{a0}photo\u{3000}of\r\n\ta dog ",
    "日本語 и русский",
    "x² + ½ = １２ 123",
    "👩\u{200d}🚀🏽 🎉",
    "snake_case kebab-case ...!?",
    "<|startoftext|> a <|endoftext|> b",
    "<|STARTOFTEXT|>",
    "\u{0}\u{7f}\u{fffd}",
];

fn ids(json: &[u8], text: &str) -> Vec<u32> {
    let tokenizer = tokenizers::Tokenizer::from_bytes(json).unwrap();
    tokenizer.encode(text, true).unwrap().get_ids().to_vec()
}

#[test]
fn tokenizer_made_of_its_parts_is_the_same() {
    let whole = copy("gelu-clip");
    let made = open("layouts/sharded");
    let from_merges = open("layouts/openai/ViT-tiny.pt");
    for text in STRINGS.iter().take(9) {
        let wanted = ids(&contents(&whole, "tokenizer.json"), text);
        assert_eq!(ids(made.tokenizer(), text), wanted, "{text:?}");
        assert_eq!(ids(from_merges.tokenizer(), text), wanted, "{text:?}");
    }
    for text in STRINGS {
        assert_eq!(
            ids(made.tokenizer(), text),
            ids(from_merges.tokenizer(), text)
        );
    }
}

#[test]
fn open_refuses_a_tokenizer_that_does_not_fit() {
    let mut files = copy("gelu-clip");
    files.remove("tokenizer.json");
    assert_refused(&files, "model", &["tokenizer", "vocab.json and merges.txt"]);
    files.insert("tokenizer.json", b"{}".to_vec());
    assert_refused(&files, "model", &["tokenizer"]);

    let mut files = copy("layouts/sharded");
    files.insert("merges.txt", b"#version: 0.2\na b c\n".to_vec());
    assert_refused(&files, "model", &["merges.txt", "a b c"]);
    files.insert("merges.txt", vec![0xff; 8]);
    assert_refused(&files, "model", &["merges.txt"]);
    files.insert("vocab.json", br#"{"a": 0}"#.to_vec());
    files.insert("merges.txt", Vec::new());
    assert_refused(&files, "unsupported", &["startoftext"]);

    let mut files = copy("layouts/openai");
    files.remove("bpe_simple_vocab_16e6.txt.gz");
    files.insert(
        "bpe_simple_vocab_16e6.txt",
        b"\"#version: 0.2\na b\n".to_vec(),
    );
    assert_refused(&files, "model", &["1 merges", "594"]);
    files.remove("bpe_simple_vocab_16e6.txt");
    files.insert("bpe_simple_vocab_16e6.txt.gz", vec![0x1f, 0x8b, 8, 0]);
    assert_refused(&files, "model", &["bpe_simple_vocab"]);
}

#[test]
fn end_of_text_must_be_the_highest_id_where_a_model_looks_for_it() {
    let mut files = copy("layouts/open-clip");
    edit_json(&mut files, "tokenizer.json", |tokenizer| {
        tokenizer["model"]["vocab"]["above"] = json!(5000);
    });
    assert_refused(&files, "unsupported", &["ids above"]);
    let tokenizer = contents(&files, "tokenizer.json");
    assert_eq!(tokenizer::end_of_text(&tokenizer, false), Ok(593));
}

#[test]
fn open_names_another_kind_of_model() {
    let config = |edit: &dyn Fn(&mut Value)| {
        let mut files = copy("gelu-clip");
        edit_json(&mut files, "config.json", |config| edit(config));
        files
    };
    let siglip = config(&|c| c["model_type"] = json!("siglip"));
    assert_refused(&siglip, "unsupported", &["config.json", "siglip"]);
    let half = config(&|c| *c = json!({"model_type": "clip_vision_model"}));
    assert_refused(&half, "unsupported", &["Both towers"]);
    let bert = config(&|c| *c = json!({"hidden_size": 3}));
    assert_refused(&bert, "unsupported", &["does not describe a CLIP"]);
    let odd = config(&|c| c["text_config"]["hidden_act"] = json!("gelu_new"));
    assert_refused(&odd, "unsupported", &["gelu_new"]);
    let heads = config(&|c| c["vision_config"]["num_attention_heads"] = json!(7));
    assert_refused(&heads, "model", &["vision.heads"]);
    let wrong = config(&|c| c["vision_config"] = json!("large"));
    assert_refused(&wrong, "model", &["config.json"]);

    for (tower, setting, value) in [
        (
            "vision",
            "timm_model_name",
            json!("vit_base_patch16_siglip_224"),
        ),
        ("vision", "layers", json!([3, 4, 6, 3])),
        ("vision", "no_ln_pre", json!(true)),
        ("vision", "pool_type", json!("avg")),
        ("vision", "attentional_pool", json!("parallel")),
        ("vision", "ls_init_value", json!(1e-5)),
        ("vision", "act_kwargs", json!({"approximate": "tanh"})),
        // The last tokens' mean instead of the class token: as large, and something else.
        ("vision", "global_average_pool", json!(true)),
        ("vision", "input_patchnorm", json!(true)),
        (
            "vision",
            "norm_kwargs",
            json!({"elementwise_affine": false}),
        ),
        ("vision", "setting_of_2027", json!(1)),
        ("text", "tokenizer_kwargs", json!({"clean": "canonicalize"})),
        ("text", "hf_model_name", json!("roberta-base")),
        ("text", "no_causal_mask", json!(true)),
        ("text", "pool_type", json!("last")),
        ("text", "embed_cls", json!(true)),
    ] {
        let mut files = copy("layouts/open-clip");
        edit_json(&mut files, "open_clip_config.json", |config| {
            config["model_cfg"][format!("{tower}_cfg")][setting] = value;
        });
        let named = match setting {
            "layers" => "ResNet",
            "norm_kwargs" => "elementwise_affine",
            setting => setting,
        };
        assert_refused(
            &files,
            "unsupported",
            &["open_clip_config.json", tower, named],
        );
    }
    let mut coca = copy("layouts/open-clip");
    edit_json(&mut coca, "open_clip_config.json", |config| {
        config["model_cfg"]["multimodal_cfg"] = json!({"width": 512});
    });
    assert_refused(&coca, "unsupported", &["CoCa"]);
    let mut tame = copy("layouts/open-clip");
    edit_json(&mut tame, "open_clip_config.json", |config| {
        let vision = &mut config["model_cfg"]["vision_cfg"];
        vision["timm_model_name"] = Value::Null;
        vision["no_ln_pre"] = json!(false);
        vision["pool_type"] = json!("tok");
        vision["timm_drop"] = json!(0.1);
        vision["patch_dropout"] = json!(0.5);
        vision["output_tokens"] = json!(true);
        config["model_cfg"]["init_logit_scale"] = json!(2.3);
        config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = json!("");
        config["model_cfg"]["quick_gelu"] = json!(true);
    });
    let tame = Published::open(&tame).unwrap();
    assert_eq!(tame.config().vision.activation, Activation::QuickGelu);
}

/// What `CLIPConfig` of transformers makes of a description that lacks parts.
#[test]
fn open_fills_in_defaults_of_a_description() {
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut files = copy("gelu-clip");
        edit_json(&mut files, "config.json", |config| edit(config));
        files
    };
    let reference = open("gelu-clip");
    // Old files have a `_dict` in place of the other.
    let dicts = with(&|config| {
        let config = config.as_object_mut().unwrap();
        for tower in ["vision_config", "text_config"] {
            let described = config.remove(tower).unwrap();
            config.insert(format!("{tower}_dict"), described);
        }
        config.remove("model_type");
    });
    assert_eq!(
        Published::open(&dicts).unwrap().config(),
        reference.config()
    );
    // What a `_dict` does not say has its default, whatever stands in the other.
    let short = with(&|config| {
        config["text_config_dict"] = json!({"num_attention_heads": 4});
        config["text_config"]["layer_norm_eps"] = json!(0.5);
    });
    let text = Published::open(&short).unwrap().config().text.clone();
    assert_eq!((text.heads, text.norm_eps), (4, 1e-5));
    assert_eq!(text.activation, Activation::QuickGelu);
    // A tower of which nothing is said is that of `CLIPTextConfig`: eight heads, quick GELU.
    let silent = with(&|config| {
        config.as_object_mut().unwrap().remove("text_config");
        config["vision_config_dict"] = Value::Null;
    });
    let config = Published::open(&silent).unwrap().config().clone();
    assert_eq!((config.text.heads, config.text.norm_eps), (8, 1e-5));
    assert_eq!(config.vision, reference.config().vision);
}

#[test]
fn open_reads_a_missing_logit_scale_or_one_of_another_type() {
    let with = |edit: &dyn Fn(&mut Vec<StoredTensor>)| {
        let mut files = copy("gelu-clip");
        edit_tensors(&mut files, WEIGHTS, edit);
        files
    };
    let scale = |files: &MemoryFiles| Published::open(files).unwrap().config().logit_scale;
    let double = with(&|stored| {
        let scale = find(stored, "logit_scale");
        scale.1 = Dtype::F64;
        scale.3 = 4.6052f64.to_le_bytes().to_vec();
    });
    assert!((scale(&double) - 100.0).abs() < 0.01);
    // As in transformers, a model has what its configuration says then, or the default.
    let mut missing = with(&|stored| stored.retain(|(name, ..)| name != "logit_scale"));
    assert!((scale(&missing) - 3.0f32.exp()).abs() < 1e-4);
    edit_json(&mut missing, "config.json", |config| {
        config
            .as_object_mut()
            .unwrap()
            .remove("logit_scale_init_value");
    });
    assert!((scale(&missing) - 2.6592f32.exp()).abs() < 1e-4);
    let mut open_clip = copy("layouts/open-clip");
    edit_tensors(&mut open_clip, OPEN_CLIP, |stored| {
        stored.retain(|(name, ..)| name != "logit_scale");
    });
    assert_refused(&open_clip, "model", &["logit_scale"]);
}

#[test]
fn open_refuses_pictures_that_are_prepared_otherwise() {
    const FILE: &str = "preprocessor_config.json";
    let with = |setting: &str, value: Value| {
        let mut files = copy("gelu-clip");
        edit_json(&mut files, FILE, |config| config[setting] = value);
        files
    };
    for (setting, value) in [
        ("do_normalize", json!(false)),
        ("do_rescale", json!(false)),
        ("rescale_factor", json!(1.0)),
        ("do_flip_channel_order", json!(true)),
        ("resample", json!(2)),
        ("resample", json!("bilinear")),
    ] {
        assert_refused(&with(setting, value), "unsupported", &[FILE, setting]);
    }
    for value in [json!(16), json!({"height": 32, "width": 16})] {
        assert_refused(
            &with("crop_size", value),
            "model",
            &[FILE, "crop_size", "16", "32"],
        );
    }
    let mut files = with("image_processor_type", json!("ViTImageProcessor"));
    assert!(Published::open(&files).is_ok());
    edit_json(&mut files, FILE, |config| {
        config["image_mean"] = Value::Null;
    });
    assert_refused(
        &files,
        "unsupported",
        &[FILE, "ViTImageProcessor", "image_mean"],
    );
    for (setting, value) in [
        ("rescale_factor", json!(0.003_921_568_627_450_98)),
        ("crop_size", json!({"height": 32, "width": 32})),
        ("resample", Value::Null),
        ("do_convert_rgb", json!(true)),
    ] {
        assert!(Published::open(&with(setting, value)).is_ok(), "{setting}");
    }
    // Nothing is cropped, and a shortest edge is no whole size.
    let mut files = with("do_center_crop", json!(false));
    edit_json(&mut files, FILE, |config| {
        config["crop_size"] = json!(16);
        config["size"] = json!({"shortest_edge": 16});
    });
    assert!(Published::open(&files).is_ok());
    edit_json(&mut files, FILE, |config| {
        config["size"] = json!({"height": 16, "width": 16});
    });
    assert_refused(&files, "model", &[FILE, "size = 16"]);
    let grey = Published::open(&with("image_mean", json!(0.25))).unwrap();
    assert_eq!(grey.config().pixel_mean, [0.25; 3]);

    const CONFIG: &str = "open_clip_config.json";
    for (setting, value, code) in [
        ("mode", json!("L"), "unsupported"),
        ("interpolation", json!("bilinear"), "unsupported"),
        ("size", json!([16, 32]), "model"),
    ] {
        let mut files = copy("layouts/open-clip");
        edit_json(&mut files, CONFIG, |config| {
            config["preprocess_cfg"][setting] = value;
        });
        assert_refused(&files, code, &[CONFIG, setting]);
    }
}

/// A description of another model than the weights', which would be read at half its depth or with
/// another number of heads.
#[test]
fn open_refuses_a_description_of_another_model() {
    // Where the descriptions have the sections of the table, in its order.
    const HF: [&str; 3] = ["/vision_config", "/text_config", ""];
    const OPEN: [&str; 3] = ["/model_cfg/vision_cfg", "/model_cfg/text_cfg", "/model_cfg"];
    for &(section, hugging_face, open_clip, _) in &STATED {
        for (model, file, sections, setting) in [
            ("gelu-clip", "config.json", HF, hugging_face),
            (
                "layouts/open-clip",
                "open_clip_config.json",
                OPEN,
                open_clip,
            ),
        ] {
            if setting.is_empty() {
                continue;
            }
            for value in [json!(1000), json!("large")] {
                let mut files = copy(model);
                edit_json(&mut files, file, |config| {
                    let section = config.pointer_mut(sections[section as usize]);
                    section.unwrap()[setting] = value.clone();
                });
                assert_refused(&files, "model", &[file, setting, &value.to_string()]);
            }
        }
    }
    // Side by side, the two descriptions are of one model.
    let mut both = copy("gelu-clip");
    let mut other = copy("layouts/open-clip");
    edit_json(&mut other, "open_clip_config.json", |config| {
        config["model_cfg"]["quick_gelu"] = json!(true);
    });
    both.insert(
        "open_clip_config.json",
        contents(&other, "open_clip_config.json"),
    );
    assert_refused(&both, "model", &["quick_gelu", "open_clip_config.json"]);
}

#[test]
fn open_asks_for_missing_files() {
    assert_refused(&MemoryFiles::default(), "input", &["no model is there"]);
    let mut files = copy("gelu-clip");
    files.remove(WEIGHTS);
    assert_refused(&files, "input", &["which file holds the weights"]);
    files.insert("flax_model.msgpack", Vec::new());
    assert_refused(&files, "unsupported", &["Flax"]);

    let mut files = copy("gelu-clip");
    files.remove("config.json");
    assert_refused(&files, "model", &[WEIGHTS, "config.json"]);
    let mut files = copy("layouts/open-clip");
    files.remove("open_clip_config.json");
    assert_refused(&files, "model", &[OPEN_CLIP, "open_clip_config.json"]);

    let mut files = copy("gelu-clip");
    files.remove(WEIGHTS);
    files.insert("pytorch_model.bin", b"\x80\x02\x8a\x0al\xfc\x9cF".to_vec());
    assert_refused(
        &files,
        "unsupported",
        &["pytorch_model.bin", "1.6", "refs/pr"],
    );
}

#[test]
fn open_names_towers_that_are_missing_or_more_than_clips() {
    for (tower, file, fixture) in [
        ("vision_model.", WEIGHTS, "gelu-clip"),
        ("text_model.", WEIGHTS, "gelu-clip"),
        ("visual.", OPEN_CLIP, "layouts/open-clip"),
        ("transformer.", OPEN_CLIP, "layouts/open-clip"),
    ] {
        let mut files = copy(fixture);
        edit_tensors(&mut files, file, |stored| {
            stored.retain(|(name, ..)| !name.starts_with(tower));
        });
        assert_refused(&files, "unsupported", &[file, "Both are needed"]);
    }
    for (extra, file, fixture) in [
        ("vision_model.encoder.layers.0.gate", WEIGHTS, "gelu-clip"),
        (
            "visual.transformer.resblocks.0.ls_1.gamma",
            OPEN_CLIP,
            "layouts/open-clip",
        ),
    ] {
        let mut files = copy(fixture);
        edit_tensors(&mut files, file, |stored| {
            stored.push((extra.into(), Dtype::F32, vec![1], vec![0; 4]));
        });
        assert_refused(&files, "unsupported", &[file, extra]);
    }
}

#[test]
fn open_names_tensors_that_do_not_fit() {
    let name = "vision_model.encoder.layers.1.mlp.fc2.weight";
    let spoilt = |spoil: &dyn Fn(&mut Vec<StoredTensor>)| {
        let mut files = copy("gelu-clip");
        edit_tensors(&mut files, WEIGHTS, spoil);
        files
    };
    let missing = spoilt(&|stored| stored.retain(|(n, ..)| n != name));
    assert_refused(&missing, "model", &[WEIGHTS, name]);
    let turned = spoilt(&|stored| find(stored, name).2.reverse());
    assert_refused(&turned, "model", &[WEIGHTS, name, "[128, 48]"]);
    let whole_numbers = spoilt(&|stored| find(stored, name).1 = Dtype::I16);
    assert_refused(&whole_numbers, "unsupported", &[WEIGHTS, name, "I16"]);
    let no_scale = spoilt(&|stored| {
        let scale = find(stored, "logit_scale");
        (scale.2, scale.3) = (vec![2], vec![0; 8]);
    });
    assert_refused(&no_scale, "model", &["logit_scale"]);

    let broken = spoilt(&|stored| find(stored, name).3[..2].copy_from_slice(&[0, 0x7e]));
    let mut broken = Published::open(&broken).unwrap();
    let error = broken.values(name, &[48, 128]).unwrap_err();
    assert!(
        matches!(&error, Error::Model(m) if m.contains(name)),
        "{error}"
    );
    assert!(broken.values(name, &[128, 48]).is_err());
}

fn open_bytes(bytes: Vec<u8>) -> Result<super::Tensors> {
    let mut files = MemoryFiles::default();
    files.insert(WEIGHTS, bytes);
    safetensors_file::open(WEIGHTS, files.open(WEIGHTS).unwrap())
}

fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(vec![0; data]);
    bytes
}

#[test]
fn safetensors_file_refuses_damaged_headers() {
    let f32s = |name: &str, shape: &str, from: usize, to: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let join = |tensors: &[String]| format!("{{{}}}", tensors.join(","));
    assert!(open_bytes(with_header(&join(&[f32s("a", "[2]", 0, 8)]), 8)).is_ok());
    for (what, bytes) in [
        ("empty", Vec::new()),
        (
            "four gigabytes",
            [(4u64 << 30).to_le_bytes().to_vec(), vec![b'{'; 64]].concat(),
        ),
        ("all bits set", vec![0xff; 64]),
        ("no JSON", with_header("{", 0)),
        (
            "a web page",
            b"<!DOCTYPE html><html><head><title>404</title>".to_vec(),
        ),
        (
            "overlap",
            with_header(
                &join(&[f32s("a", "[2]", 0, 8), f32s("b", "[2]", 4, 12)]),
                12,
            ),
        ),
        (
            "a hole",
            with_header(
                &join(&[f32s("a", "[2]", 0, 8), f32s("b", "[2]", 12, 20)]),
                20,
            ),
        ),
        (
            "too short",
            with_header(&join(&[f32s("a", "[2]", 0, 8)]), 7),
        ),
        ("too long", with_header(&join(&[f32s("a", "[2]", 0, 8)]), 9)),
        (
            "another shape",
            with_header(&join(&[f32s("a", "[3]", 0, 8)]), 8),
        ),
        (
            "endless",
            with_header(&join(&[f32s("a", "[4294967296,4294967296,4]", 0, 8)]), 8),
        ),
        (
            "backwards",
            with_header(&join(&[f32s("a", "[2]", 8, 0)]), 8),
        ),
    ] {
        match open_bytes(bytes) {
            Err(Error::Model(message)) => assert!(message.contains(WEIGHTS), "{message}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn values_reads_the_four_kinds_of_numbers() {
    let numbers = [1.5f32, -2.0, 0.0, 65504.0, 0.25, 3.0];
    let bytes = |dtype: Dtype| -> Vec<u8> {
        let of = |n: &f32| match dtype {
            Dtype::F16 => half::f16::from_f32(*n).to_le_bytes().to_vec(),
            Dtype::BF16 => half::bf16::from_f32(*n).to_le_bytes().to_vec(),
            Dtype::F64 => f64::from(*n).to_le_bytes().to_vec(),
            _ => n.to_le_bytes().to_vec(),
        };
        numbers.iter().flat_map(of).collect()
    };
    let stored = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F64]
        .map(|dtype| (format!("{dtype:?}"), dtype, vec![3, 2], bytes(dtype)));
    let tensors = open_bytes(safetensors_of(&stored)).unwrap();
    assert_eq!(tensors.values("F32").unwrap(), numbers);
    assert_eq!(tensors.values("F16").unwrap(), numbers);
    assert_eq!(tensors.values("BF16").unwrap()[..3], numbers[..3]);
    assert_eq!(tensors.rows("F16", 1..2).unwrap(), numbers[2..4]);
    assert!(tensors.rows("F16", 1..4).is_err());
    assert_eq!(tensors.values("F64").unwrap(), numbers);
    assert_eq!(tensors.rows("F64", 1..2).unwrap(), numbers[2..4]);
    assert!(tensors.values("F8").is_err());
}

#[test]
fn open_sharded_refuses_an_index_that_lies() {
    let index = "model.safetensors.index.json";
    let point = |file: &str| {
        let mut files = copy("layouts/sharded");
        edit_json(&mut files, index, |json| {
            json["weight_map"]["logit_scale"] = json!(file);
        });
        files
    };
    assert_refused(&point("../secret"), "model", &[index, "../secret"]);
    assert_refused(&point(index), "model", &[index]);
    assert_refused(
        &point("model-00003-of-00003.safetensors"),
        "model",
        &["model-00003-of-00003.safetensors", "logit_scale"],
    );
    let mut files = copy("layouts/sharded");
    files.remove("model-00002-of-00003.safetensors");
    assert_refused(&files, "model", &["model-00002-of-00003.safetensors"]);
    files.insert(index, b"[]".to_vec());
    assert_refused(&files, "model", &[index]);
}

/// An archive as PyTorch writes it, in the least form.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, contents) in files {
        let sizes = [(contents.len() as u32).to_le_bytes(); 2].concat();
        let name_len = (name.len() as u16).to_le_bytes();
        let at = (bytes.len() as u32).to_le_bytes();
        let local = [&b"PK\x03\x04"[..], &[0; 14], &sizes, &name_len, &[0; 2]];
        bytes.extend(local.concat());
        bytes.extend(name.bytes());
        bytes.extend(*contents);
        let entry = [
            &b"PK\x01\x02"[..],
            &[0; 16],
            &sizes,
            &name_len,
            &[0; 12],
            &at,
        ];
        directory.extend(entry.concat());
        directory.extend(name.bytes());
    }
    let at = (bytes.len() as u32).to_le_bytes();
    let len = (directory.len() as u32).to_le_bytes();
    bytes.extend(&directory);
    bytes.extend([&b"PK\x05\x06"[..], &[0; 8], &len, &at, &[0; 2]].concat());
    bytes
}

fn open_torch(bytes: Vec<u8>) -> Result<super::Tensors> {
    let mut files = MemoryFiles::default();
    files.insert("head.pt", bytes);
    torch_file::open("head.pt", files.open("head.pt").unwrap())
}

fn open_pickle(pickle: &[u8]) -> Result<super::Tensors> {
    let numbers: Vec<u8> = (0..6u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
    open_torch(archive(&[("x/data.pkl", pickle), ("x/data/0", &numbers)]))
}

/// The pickle of a tensor of storage 0, which holds six f32.
fn pickled(offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let ints = |ints: &[u8]| -> Vec<u8> {
        let pushed = ints.iter().flat_map(|n| [b'K', *n]);
        [vec![b'('], pushed.collect(), vec![b't']].concat()
    };
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".as_slice(),
        b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ",
        &[b'K', offset],
        &ints(shape),
        &ints(strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

fn dict_of(name: &str, value: &[u8]) -> Vec<u8> {
    let key = [
        b"X".as_slice(),
        &(name.len() as u32).to_le_bytes(),
        name.as_bytes(),
    ]
    .concat();
    [b"}(".as_slice(), &key, value, b"u"].concat()
}

fn program(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02".as_slice(), value, b"."].concat()
}

#[test]
fn torch_file_reads_tensors_by_their_strides() {
    for (shape, strides, offset, wanted) in [
        (
            &[2, 3][..],
            &[3, 1][..],
            0,
            vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        ),
        (&[3, 2], &[1, 3], 0, vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
        (&[2, 2], &[3, 1], 1, vec![1.0, 2.0, 4.0, 5.0]),
        (&[], &[], 5, vec![5.0]),
        (&[1, 3], &[77, 1], 3, vec![3.0, 4.0, 5.0]),
    ] {
        let pickle = program(&dict_of(
            "a",
            &dict_of("b", &pickled(offset, shape, strides)),
        ));
        let tensors = open_pickle(&pickle).unwrap();
        assert_eq!(
            tensors.values("a.b").unwrap(),
            wanted,
            "{shape:?} {strides:?}"
        );
        if let (&[rows, _], true) = (shape, wanted.len() == 6) {
            let last = usize::from(rows) - 1;
            let values = tensors.rows("a.b", last..last + 1).unwrap();
            assert_eq!(values[..], wanted[6 - values.len()..]);
        }
    }
}

#[test]
fn torch_file_refuses_a_pickle_that_is_no_state_dict() {
    let past = |offset, shape: &[u8], strides: &[u8]| {
        program(&dict_of("a", &pickled(offset, shape, strides)))
    };
    let twice = [
        dict_of("a", &pickled(0, &[1], &[1])),
        dict_of("a", &pickled(0, &[1], &[1])),
    ];
    let long = dict_of(&"n".repeat(600), &pickled(0, &[1], &[1]));
    for (what, pickle) in [
        (
            "os.system",
            b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.".to_vec(),
        ),
        ("builtins.eval", b"\x80\x02cbuiltins\neval\n)\x81.".to_vec()),
        ("0x8c", b"\x80\x04\x8c\x01a.".to_vec()),
        ("empty", b"\x80\x02.".to_vec()),
        ("ends too early", b"\x80\x02}".to_vec()),
        ("ends too early", b"\x80\x02X\xff\xff\xff\xff".to_vec()),
        ("ends too early", b"\x80\x02cos".to_vec()),
        ("mark", b"\x80\x02t.".to_vec()),
        ("stack", b"\x80\x02K\x01(K\x01\x86.".to_vec()),
        ("memory", b"\x80\x02h\x05.".to_vec()),
        ("no state dict", program(b"}")),
        ("no state dict", program(b"N")),
        ("no state dict", program(&pickled(0, &[1], &[1]))),
        ("a storage", program(b"NQ")),
        ("past its storage", past(0, &[7], &[1])),
        ("past its storage", past(1, &[6], &[1])),
        ("past its storage", past(7, &[0], &[1])),
        ("past its storage", past(0, &[2, 3], &[4, 1])),
        ("past its storage", past(0, &[100], &[0])),
        ("past its storage", past(0, &[2, 3], &[3])),
        ("past its storage", past(0, &[255; 9], &[1; 9])),
        (
            "one name",
            program(&[&twice[0][..], &twice[1][1..]].concat()),
        ),
        ("too long", program(&long)),
    ] {
        match open_pickle(&pickle) {
            Err(Error::Model(message)) => {
                assert!(message.contains("head.pt"), "{message}");
                assert!(message.contains(what), "{what:?} is not in: {message}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// What would nest without end, were it kept.
#[test]
fn torch_file_bounds_what_a_pickle_makes() {
    // Tuples of tuples, a dict that holds itself, a tuple that holds the last one twice.
    let deep = [b"\x80\x02)".as_slice(), &b"\x85".repeat(1 << 20), b"."].concat();
    let own = b"\x80\x02}q\0X\x01\0\0\0ah\0s.".to_vec();
    let doubled = [
        b"\x80\x02N".as_slice(),
        &b"q\0h\0\x86".repeat(1 << 16),
        b".",
    ]
    .concat();
    let dicts = [b"\x80\x02".as_slice(), &b"}".repeat(1 << 20), b"."].concat();
    for pickle in [deep, own, doubled, dicts] {
        assert!(open_pickle(&pickle).is_err());
    }
}

#[test]
fn torch_file_refuses_a_damaged_archive() {
    let pickle = program(&dict_of("a", &pickled(0, &[6], &[1])));
    let numbers = [0; 24];
    let whole = archive(&[("x/data.pkl", &pickle), ("x/data/0", &numbers)]);
    assert!(open_torch(whole.clone()).is_ok());
    for len in 0..whole.len() {
        assert!(open_torch(whole[..len].to_vec()).is_err(), "{len}");
    }
    for (files, what) in [
        (vec![("x/data.pkl", &pickle[..])], "x/data/0 is missing"),
        (vec![("x/data/0", &numbers[..])], "no data.pkl"),
        (
            vec![
                ("x/data.pkl", &pickle[..]),
                ("x/data/0", &numbers),
                ("x/byteorder", b"big"),
            ],
            "big-endian",
        ),
    ] {
        let error = open_torch(archive(&files)).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

/// A checkpoint of a training run has its weights deeper down.
#[test]
fn rooted_at_finds_weights_behind_a_prefix() {
    let file = fixture("layouts/openai/ViT-tiny.pt");
    let tensors = open_torch(std::fs::read(file).unwrap()).unwrap();
    let count = tensors.names().count();
    assert!(tensors.is_scripted());
    let stored: Vec<StoredTensor> = tensors
        .names()
        .map(|name| {
            let shape = tensors.shape(name).unwrap().to_vec();
            let bytes = vec![0; 4 * shape.iter().product::<usize>()];
            (
                format!("state_dict.module.{name}"),
                Dtype::F32,
                shape,
                bytes,
            )
        })
        .chain([(
            "state_dict.epoch".to_owned(),
            Dtype::F32,
            vec![1],
            vec![0; 4],
        )])
        .collect();
    let rooted = open_bytes(safetensors_of(&stored)).unwrap();
    let rooted = rooted.rooted_at("visual.class_embedding");
    assert_eq!(rooted.names().count(), count);
    assert!(rooted.names().eq(tensors.names()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever a header says, it is an error or tensors that can be read.
    #[test]
    fn safetensors_file_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let stored = [("a", 2), ("b", 3)].map(|(name, rows)| {
            (name.to_owned(), Dtype::F16, vec![rows, 2], vec![0; 4 * rows])
        });
        let mut bytes = safetensors_of(&stored);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for len in [bytes.len(), cut.index(bytes.len())] {
            if let Ok(tensors) = open_bytes(bytes[..len].to_vec()) {
                for name in tensors.names() {
                    let _ = tensors.values(name);
                }
            }
        }
    }

    #[test]
    fn torch_file_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        random in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = open_pickle(&random);
        let mut pickle = program(&dict_of("a", &dict_of("b", &pickled(1, &[2, 2], &[3, 1]))));
        for (place, byte) in &changes {
            let place = place.index(pickle.len());
            pickle[place] = *byte;
        }
        let numbers = [0; 24];
        let mut whole = archive(&[("x/data.pkl", &pickle), ("x/data/0", &numbers)]);
        for (place, byte) in &changes {
            let place = place.index(whole.len());
            whole[place] ^= byte;
        }
        for tensors in [open_pickle(&pickle), open_torch(whole)].into_iter().flatten() {
            for name in tensors.names() {
                let _ = tensors.values(name);
            }
        }
    }

    #[test]
    fn open_never_panics(
        file in prop::sample::select(vec![
            ("gelu-clip", "config.json"),
            ("gelu-clip", "preprocessor_config.json"),
            ("layouts/open-clip", "open_clip_config.json"),
            ("layouts/sharded", "model.safetensors.index.json"),
            ("layouts/sharded", "merges.txt"),
        ]),
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..4),
    ) {
        let (fixture, file) = file;
        let mut files = copy(fixture);
        let mut changed = contents(&files, file);
        let at = place.index(changed.len());
        changed.splice(at..(at + bytes.len()).min(changed.len()), bytes);
        files.insert(file, changed);
        let _ = Published::open(&files);
    }
}
