//! The commands, each a few calls into the library.

use std::path::Path;
use std::time::Instant;

use pollster::block_on;
use serde::Serialize;
use wordmask::bundle::{Bundle, HuggingFace, Imported, Source, write};
use wordmask::clip::Unpaced;
use wordmask::device::Kind;
use wordmask::eval::{Report, evaluate_scenes};
use wordmask::image::Picture;
use wordmask::prompt::{Class, parse_line};
use wordmask::scene::write_dataset;
use wordmask::segmenter::{Background, ClassShare, Options};
use wordmask::{Error, Result, Segmentation, Segmenter};

use crate::args::{Eval, Import, Info, Model, Scenes, Segment};
use crate::progress::bar;
use crate::report;

pub(crate) fn segment(args: &Segment) -> Result<()> {
    let classes = parse_line(&args.words)?;
    let options = options(&args.model)?;
    let segmenter = load(&args.model)?;
    make_directory(&args.out)?;
    let bar = bar(args.pictures.len() as u64, "segmenting");
    let mut failures = 0;
    for path in &args.pictures {
        match segment_one(&segmenter, path, &classes, &options, args) {
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
    options: &Options,
    args: &Segment,
) -> Result<Answer<'a>> {
    let start = Instant::now();
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, &e))?;
    let picture = Picture::decode(&bytes)?;
    let image = block_on(segmenter.encode(picture, args.model.size, &mut Unpaced))?;
    let result = block_on(segmenter.segment(&image, classes, options, &mut Unpaced))?;
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
        std::fs::write(&path, contents).map_err(|e| Error::io(&path, &e))
    };
    write("labels.png", &result.label_png()?)?;
    write("overlay.png", &result.overlay_png(0.55)?)?;
    write("json", format!("{}\n", json(answer)?).as_bytes())
}

pub(crate) fn eval(args: &Eval) -> Result<()> {
    let options = options(&args.model)?;
    let segmenter = load(&args.model)?;
    let bar = bar(u64::from(args.scenes), "measuring");
    let report = block_on(evaluate_scenes(
        &segmenter,
        args.seed,
        args.scenes,
        &options,
        args.model.size,
        |done| bar.set_position(u64::from(done)),
    ))?;
    bar.finish_and_clear();
    if args.json {
        println!("{}", json(&report)?);
    } else {
        print_report(&report);
    }
    Ok(())
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

pub(crate) fn scenes(args: &Scenes) -> Result<()> {
    let bar = bar(u64::from(args.count), "drawing");
    write_dataset(&args.out, args.seed, args.count, args.views, &mut |done| {
        bar.set_position(u64::from(done));
    })?;
    bar.finish_and_clear();
    println!("{} scenes in {}", args.count, args.out.display());
    Ok(())
}

pub(crate) fn import(args: &Import) -> Result<()> {
    let model = HuggingFace::read(&args.source)?;
    let directory_name = || {
        args.source
            .file_name()
            .map_or("clip".into(), |n| n.to_string_lossy().into_owned())
    };
    let about = Imported {
        name: args.name.clone().unwrap_or_else(directory_name),
        knows: args.knows.clone(),
        license: args.license.clone(),
        source: Source {
            from: args
                .from
                .clone()
                .unwrap_or_else(|| args.source.display().to_string()),
            revision: None,
        },
        picture_size: args.picture_size,
        background: args.background.clone(),
    };
    let manifest = write(&args.out, &model, args.quant, about)?;
    let bytes: u64 = manifest.files().map(|(_, entry)| entry.bytes).sum();
    println!(
        "{}: {} in {}, {:.2} MB",
        args.out.display(),
        manifest.name,
        manifest.scheme,
        bytes as f64 / 1e6
    );
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
    let segmenter = block_on(Segmenter::load(
        bundle(model.model.as_deref())?,
        model.device,
    ))?;
    if let Some(note) = &segmenter.compute().note {
        eprintln!("{note}");
    }
    Ok(segmenter)
}

fn options(model: &Model) -> Result<Options> {
    let background = match model.background.as_str() {
        "auto" => Background::Auto,
        "none" => Background::None,
        words => Background::Words(
            parse_line(words)?
                .into_iter()
                .flat_map(|c| c.names)
                .collect(),
        ),
    };
    Ok(Options {
        residual: model.residual,
        background,
        refine: model.refine.clone(),
        threshold: model.threshold,
    })
}

fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, &e))
}

/// The same kind of error, with the file that it is about.
fn at(path: &Path, error: &Error) -> Error {
    match error {
        Error::Input(message) => Error::input(format!("{}: {message}", path.display())),
        other => other.clone(),
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal(format!("no JSON for a result: {e}")))
}
