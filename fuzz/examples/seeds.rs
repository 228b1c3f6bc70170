//! Writes the seeds: `cargo run --example seeds` in `fuzz/`.

use std::path::Path;

use safetensors::tensor::Dtype;
use wordmask_fuzz::import::Published;
use wordmask_fuzz::small;

fn main() -> std::io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let save = |target: &str, name: &str, contents: Vec<u8>| {
        let folder = seeds.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), contents)
    };
    let kind = |kind: u8, contents: Vec<u8>| [vec![kind], contents].concat();

    save(
        "manifest",
        "small.json",
        small::manifest(b"x", b"x").to_string().into_bytes(),
    )?;
    for (name, dtype) in [
        ("f32", Dtype::F32),
        ("f16", Dtype::F16),
        ("q8", Dtype::I8),
        ("q4", Dtype::U8),
    ] {
        save("shard", name, kind(0, small::shard(dtype)))?;
    }
    save("shard", "words", kind(1, small::words()))?;

    let index: serde_json::Map<_, _> = small::tensors()
        .map(|(name, _)| (name.to_owned(), "part.safetensors".into()))
        .collect();
    let open_clip = serde_json::json!({
        "model_cfg": {
            "embed_dim": 3,
            "vision_cfg": {"image_size": 1, "layers": 1, "width": 4, "patch_size": 1, "head_width": 2},
            "text_cfg": {"context_length": 16, "vocab_size": 600, "width": 4, "heads": 2, "layers": 1},
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    });
    let published = [
        ("weights", small::weights()),
        ("config", small::config()),
        ("tokenizer", small::tokenizer()),
        (
            "preprocessor",
            br#"{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}"#.to_vec(),
        ),
        (
            "index",
            serde_json::json!({"metadata": {}, "weight_map": index})
                .to_string()
                .into_bytes(),
        ),
        ("open_clip", open_clip.to_string().into_bytes()),
        (
            "vocab",
            br#"{"a":0,"a</w>":1,"b":2,"ab</w>":3,"<|startoftext|>":598,"<|endoftext|>":599}"#
                .to_vec(),
        ),
        ("merges", b"#version: 0.2\na a</w>\nb a</w>\n".to_vec()),
    ];
    for (number, (name, contents)) in (0u8..).zip(published) {
        let opened = Published::open(&small::files(number, &contents));
        opened.unwrap_or_else(|e| panic!("{name}: {e}"));
        save("published", name, kind(number, contents))?;
    }

    let torch = std::fs::read(seeds.join("published").join("torch"))?;
    let opened = Published::open(&small::files(torch[0], &torch[1..]));
    opened.unwrap_or_else(|e| panic!("torch: {e}"));

    save("tokenizer_file", "small.json", small::tokenizer())?;
    for (name, text) in [
        ("plain", "a photo of a cat."),
        ("entities", "&amp;lt;b&gt; &#x41; &eacute;"),
        ("languages", "Ünïcödé кошка 猫 १२ ½ ﬁ İ"),
        ("joined", "👩\u{200d}🚀🏽 e\u{301}"),
        ("misread", "schÃ¶n â€œquotedâ€\u{9d}"),
        ("special", "<|startoftext|> it's we'll <|endoftext|>\r\n\t"),
        ("long", &"word ".repeat(100)),
    ] {
        save("tokenizer_text", name, text.as_bytes().to_vec())?;
    }
    Ok(())
}
