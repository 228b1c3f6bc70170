//! The commands, each a few calls into the library.

use std::path::Path;
use std::time::Instant;

use pollster::block_on;
use serde::Serialize;
use wordmask::bundle::Bundle;
use wordmask::device::Kind;
use wordmask::eval::datasets::{Dataset, DatasetKind, parse_classes};
use wordmask::eval::{Evaluation, Report, TestSet};
use wordmask::image::Picture;
use wordmask::mask::{LabelMap, Rle, read_label_png};
use wordmask::progress::NoProgress;
use wordmask::prompt::{Class, parse_line};
use wordmask::scene::write_dataset;
use wordmask::segmenter::{Background, ClassShare, EncodeOptions, Options};
use wordmask::{Error, Result, Segmentation, Segmenter};

use crate::args::{Classify, Eval, How, Info, Model, Scenes, Segment};
use crate::progress::bar;
use crate::report;

pub(crate) fn segment(args: &Segment) -> Result<()> {
    let classes = parse_line(&args.words)?;
    let options = Options {
        method: args.method,
        residual: args.residual,
        refine: args.refine.as_ref().map(|steps| steps.0.clone()),
        background: background(&args.background)?,
        ..options(&args.how)
    };
    let encode = EncodeOptions {
        method: args.method,
        ..encode_options(&args.model)
    };
    let segmenter = load(&args.model)?;
    make_directory(&args.out)?;
    let bar = bar(args.pictures.len() as u64, "segmenting");
    let mut failures = 0;
    for path in &args.pictures {
        match segment_one(&segmenter, path, &classes, (&encode, &options), args) {
            Ok(answer) if args.json => println!("{}", json(&answer)?),
            Ok(answer) => bar.suspend(|| println!("{answer}")),
            Err(error) => {
                failures += 1;
                bar.suspend(|| report(&at(path, &error), args.json));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if failures > 0 {
        return Err(Error::input(format!(
            "{failures} of {} pictures failed.",
            args.pictures.len()
        )));
    }
    Ok(())
}

/// What is told of a picture.
#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    width: u32,
    height: u32,
    device: Kind,
    seconds: f64,
    classes: Vec<ClassShare>,
}

impl std::fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.picture.display())?;
        for class in &self.classes {
            write!(f, " {} {:.1} %", class.name, 100.0 * class.fraction)?;
        }
        write!(f, " ({:.2} s)", self.seconds)
    }
}

fn segment_one<'a>(
    segmenter: &Segmenter,
    path: &'a Path,
    classes: &[Class],
    (encode, options): (&EncodeOptions, &Options),
    args: &Segment,
) -> Result<Answer<'a>> {
    let start = Instant::now();
    let image = block_on(segmenter.encode(read_picture(path)?, encode, &mut NoProgress))?;
    let result = block_on(segmenter.segment(&image, classes, options, &mut NoProgress))?;
    let answer = Answer {
        picture: path,
        width: result.labels().width(),
        height: result.labels().height(),
        device: segmenter.compute().kind,
        seconds: start.elapsed().as_secs_f64(),
        classes: result.classes().to_vec(),
    };
    save(&result, &answer, path, &args.out)?;
    Ok(answer)
}

fn save(result: &Segmentation, answer: &Answer<'_>, path: &Path, out: &Path) -> Result<()> {
    let stem = path
        .file_stem()
        .map_or("picture".into(), |s| s.to_string_lossy().into_owned());
    let write = |suffix: &str, contents: &[u8]| {
        let path = out.join(format!("{stem}.{suffix}"));
        std::fs::write(&path, contents).map_err(|e| Error::io(&path, e))
    };
    write("labels.png", &result.label_png()?)?;
    write("overlay.png", &result.overlay_png(0.55)?)?;
    write("json", format!("{}\n", json(answer)?).as_bytes())
}

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
    let classes = parse_line(&args.words)?;
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

pub(crate) fn eval(args: &Eval) -> Result<()> {
    let set = test_set(args)?;
    let backgrounds = args
        .background
        .iter()
        .map(|text| background(text))
        .collect::<Result<Vec<_>>>()?;
    if let Some(folder) = &args.save {
        make_directory(folder)?;
    }
    let segmenter = load(&args.model)?;
    let bar = bar(set.len() as u64, "measuring");
    let evaluation = Evaluation {
        segmenter: &segmenter,
        set: &set,
        settings: match &args.method {
            Some(settings) => settings.0.clone(),
            None => vec![segmenter.default_pipeline().clone()],
        },
        backgrounds,
        options: options(&args.how),
        encode: encode_options(&args.model),
        state: args.resume.clone(),
        save: args.save.clone(),
    };
    let reports = block_on(evaluation.run(|done| bar.set_position(done as u64)))?;
    bar.finish_and_clear();
    match reports.as_slice() {
        _ if args.json => {
            for report in &reports {
                println!("{}", json(report)?);
            }
        }
        [report] => print_report(report),
        reports => print_table(reports),
    }
    Ok(())
}

fn test_set(args: &Eval) -> Result<TestSet> {
    let set = &args.set;
    if let Some(count) = set.scenes {
        return TestSet::scenes(args.seed, count);
    }
    let folders = [
        (DatasetKind::Voc21, &set.voc),
        (DatasetKind::Voc20, &set.voc20),
        (DatasetKind::Context59, &set.context),
        (DatasetKind::Context60, &set.context60),
        (DatasetKind::CocoObject, &set.coco),
        (DatasetKind::CocoStuff, &set.coco_stuff),
        (DatasetKind::Ade20k, &set.ade),
        (DatasetKind::Cityscapes, &set.cityscapes),
        (DatasetKind::Camvid, &set.camvid),
    ];
    let (kind, folder) = folders
        .into_iter()
        .find_map(|(kind, folder)| folder.as_deref().map(|folder| (kind, folder)))
        .ok_or_else(|| Error::input("Name something to measure with, such as --scenes 100."))?;
    let dataset = Dataset::open(kind, folder)?;
    let Some(path) = &args.classes else {
        return Ok(TestSet::Dataset(dataset));
    };
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let classes = parse_classes(&text).map_err(|e| at(path, &e))?;
    Ok(TestSet::Dataset(dataset.with_classes(classes)?))
}

fn print_report(report: &Report) {
    for class in &report.iou {
        match class.iou {
            Some(iou) => println!("{:>16}  {iou:.3}", class.name),
            None => println!("{:>16}  absent", class.name),
        }
    }
    println!("{:>16}  {:.3}", "mIoU", report.miou);
    println!("{:>16}  {:.3}", "pixel accuracy", report.pixel_accuracy);
    println!("{:>16}  {:.3} s", "a picture", report.seconds_per_picture);
}

/// Several settings side by side, as a table in Markdown.
fn print_table(reports: &[Report]) {
    println!("| setting | background | mIoU | pixel accuracy | s a picture |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for report in reports {
        println!(
            "| {} | {} | {:.3} | {:.3} | {:.3} |",
            report.setting,
            report.background,
            report.miou,
            report.pixel_accuracy,
            report.seconds_per_picture
        );
    }
}

pub(crate) fn scenes(args: &Scenes) -> Result<()> {
    let bar = bar(u64::from(args.count), "drawing");
    write_dataset(&args.out, args.seed, args.count, args.views, &mut |done| {
        bar.set_position(u64::from(done));
    })?;
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
    println!("knows     {}", manifest.knows);
    println!("licence   {}", manifest.license);
    println!("source    {}", manifest.source.from);
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

fn load(model: &Model) -> Result<Segmenter> {
    let mut bundle = bundle(model.model.as_deref())?;
    let segmenter = block_on(Segmenter::load(&mut bundle, model.device))?;
    if let Some(note) = &segmenter.compute().note {
        eprintln!("{note}");
    }
    Ok(segmenter)
}

fn options(how: &How) -> Options {
    Options {
        threshold: how.threshold,
        crops: how.crops,
        guidance: how.guidance,
        regions: how.regions,
        ..Options::default()
    }
}

fn encode_options(model: &Model) -> EncodeOptions {
    EncodeOptions {
        size: model.size,
        method: None,
        windows: model.windows,
    }
}

fn background(text: &str) -> Result<Background> {
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

fn read_picture(path: &Path) -> Result<Picture> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    Picture::decode(&bytes)
}

fn read_labels(path: &Path) -> Result<LabelMap> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    read_label_png(&bytes).map_err(|e| at(path, &e))
}

fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))
}

/// The same kind of error, with the file that it is about.
fn at(path: &Path, error: &Error) -> Error {
    match error {
        Error::Input(message) => Error::input(format!("{}: {message}", path.display())),
        Error::Unsupported(message) => Error::unsupported(format!("{}: {message}", path.display())),
        other => other.clone(),
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal(format!("no JSON for a result: {e}")))
}
