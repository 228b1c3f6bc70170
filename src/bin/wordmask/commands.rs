//! The commands, each a few calls into the library.

use std::path::Path;

use pollster::block_on;
use serde::Serialize;
use wordmask::bundle::Bundle;
use wordmask::image::Picture;
use wordmask::mask::{LabelMap, Rle, read_label_png};
use wordmask::progress::NoProgress;
use wordmask::prompt::parse_line;
use wordmask::scene::write_dataset;
use wordmask::segmenter::{Background, EncodeOptions, Options};
use wordmask::{Error, Result, Segmenter};

use crate::args::{Classify, How, Info, Model, Scenes};
use crate::progress::bar;

/// The names of one mask, most likely first.
#[derive(Serialize)]
struct Named<'a> {
    mask: u8,
    pixels: u64,
    names: Vec<Name<'a>>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
    score: f32,
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mask {} ({} pixels):", self.mask, self.pixels)?;
        self.names
            .iter()
            .take(3)
            .try_for_each(|n| write!(f, " {} {:.0} %", n.name, 100.0 * n.score))
    }
}

pub(crate) fn classify(args: &Classify) -> Result<()> {
    let classes = args.words.classes()?;
    let map = read_labels(&args.masks)?;
    let present: Vec<(u8, u64)> = map.present().collect();
    let masks = present
        .iter()
        .map(|(label, _)| Rle::of_class(&map, *label))
        .collect::<Result<Vec<_>>>()?;
    let picture = read_picture(&args.picture)?;
    let segmenter = load(&args.model)?;
    let image = block_on(segmenter.encode(picture, &encode_options(&args.model), &mut NoProgress))?;
    let scores = block_on(segmenter.classify(&image, &masks, &classes, &mut NoProgress))?;
    for ((mask, pixels), scores) in present.into_iter().zip(scores) {
        let mut names: Vec<Name<'_>> = classes
            .iter()
            .zip(scores)
            .map(|(class, score)| Name {
                name: &class.name,
                score,
            })
            .collect();
        names.sort_by(|a, b| b.score.total_cmp(&a.score));
        let named = Named {
            mask,
            pixels,
            names,
        };
        if args.json {
            println!("{}", json(&named)?);
        } else {
            println!("{named}");
        }
    }
    Ok(())
}

pub(crate) fn scenes(args: &Scenes) -> Result<()> {
    let bar = bar(u64::from(args.count), "drawing");
    let (views, scale) = (args.views, args.scale as usize);
    write_dataset(
        &args.out,
        args.seed,
        args.count,
        views,
        scale,
        &mut |done| {
            bar.set_position(u64::from(done));
        },
    )?;
    bar.finish_and_clear();
    println!("{} scenes in {}", args.count, args.out.display());
    Ok(())
}

pub(crate) fn info(args: &Info) -> Result<()> {
    let bundle = bundle(args.model.as_deref())?;
    let manifest = bundle.manifest();
    if args.json {
        println!("{}", json(manifest)?);
        return Ok(());
    }
    let bytes: u64 = manifest.files().map(|(_, entry)| entry.bytes).sum();
    let vision = &manifest.architecture.vision;
    let text = &manifest.architecture.text;
    println!("name      {}", manifest.name);
    println!("about     {}", manifest.description);
    println!("licence   {}", manifest.license);
    println!("source    {}", manifest.source.origin);
    println!(
        "weights   {}, {:.2} MB",
        manifest.scheme,
        bytes as f64 / 1e6
    );
    println!(
        "vision    {} layers of width {}, patches of {} pixels, trained at {} pixels, dense at {}",
        vision.layers, vision.width, vision.patch, vision.image_size, manifest.picture_size
    );
    println!(
        "text      {} layers of width {}, {} tokens known, {} a text",
        text.layers, text.width, text.vocabulary, text.context
    );
    Ok(())
}

fn bundle(directory: Option<&Path>) -> Result<Bundle> {
    match directory {
        Some(directory) => Bundle::read(directory),
        None => Bundle::built_in(),
    }
}

pub(crate) fn load(model: &Model) -> Result<Segmenter> {
    let mut bundle = bundle(model.model.as_deref())?;
    let segmenter = block_on(Segmenter::load(&mut bundle, model.device))?;
    if let Some(note) = &segmenter.compute().note {
        eprintln!("{note}");
    }
    Ok(segmenter)
}

pub(crate) fn options(how: &How) -> Options {
    Options {
        threshold: how.threshold,
        crops: how.crops,
        guidance: how.guidance,
        regions: how.regions,
        ..Options::default()
    }
}

pub(crate) fn encode_options(model: &Model) -> EncodeOptions {
    EncodeOptions {
        size: model.size,
        method: None,
        windows: model.windows,
    }
}

pub(crate) fn background(text: &str) -> Result<Background> {
    Ok(match text {
        "auto" => Background::Auto,
        "none" => Background::None,
        words => Background::Words(
            parse_line(words)?
                .into_iter()
                .flat_map(|c| c.names)
                .collect(),
        ),
    })
}

pub(crate) fn read_picture(path: &Path) -> Result<Picture> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    Picture::decode(&bytes)
}

fn read_labels(path: &Path) -> Result<LabelMap> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    read_label_png(&bytes).map_err(|e| e.context(path.display()))
}

pub(crate) fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))
}

pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal(format!("no JSON for a result: {e}")))
}
