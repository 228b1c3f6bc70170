//! `wordmask adapt`: a student from pictures that nobody has labelled.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pollster::block_on;
use serde_json::json;
use wordmask::adapt::{Example, Progression, TrainOptions, Trainer, text_vectors};
use wordmask::bundle::student_bundle;
use wordmask::eval::TestSet;
use wordmask::image::Picture;
use wordmask::progress::NoProgress;
use wordmask::segmenter::{Background, Options, Pipeline};
use wordmask::student::{StudentConfig, StudentKind};
use wordmask::{Error, Result, Segmenter};

use crate::args::Adapt;
use crate::commands::{background, load, make_directory, read_picture};
use crate::inputs::{BadInput, Inputs};
use crate::progress::bar;

pub(crate) fn adapt(args: &Adapt) -> Result<()> {
    let teacher = load(&args.model)?;
    let options = options(args)?;
    let config = config(args, &teacher, &options)?;
    let mut examples = Vec::new();
    let set = TestSet::scenes(args.seed, args.scenes.unwrap_or(1), 1)?;
    let shown = bar(set.len() as u64, "labelling");
    for index in 0..set.len() {
        let sample = set.read(index)?;
        let progress = &mut NoProgress;
        let example = Example::from_teacher(&teacher, sample.picture, &config, &options, progress);
        examples.push(block_on(example)?);
        shown.inc(1);
    }
    shown.finish_and_clear();
    let bytes: usize = examples.iter().map(Example::bytes).sum();
    eprintln!("{} pictures, {} MB", examples.len(), bytes >> 20);
    let vectors = block_on(text_vectors(
        &teacher,
        &config,
        &options.background,
        &mut NoProgress,
    ))?;
    let mut trainer = Trainer::new(
        config,
        &teacher.manifest().architecture,
        vectors,
        TrainOptions::default(),
    );
    let began = Instant::now();
    let limit = Duration::from_secs_f64(args.minutes * 60.0);
    let mut mean = 0.0;
    while began.elapsed() < limit {
        let progress = began.elapsed().as_secs_f32() / limit.as_secs_f32();
        let loss = trainer.step(&examples, Progression(progress))?;
        mean += (loss - mean) / 50.0;
        if trainer.steps().is_multiple_of(100) {
            eprintln!(
                "step {} loss {mean:.4} {:.0} s",
                trainer.steps(),
                began.elapsed().as_secs_f32()
            );
        }
    }
    let student = trainer.student();
    let name = format!("{}-{}", teacher.manifest().name, student.config().kind);
    let (manifest, file) =
        student_bundle(teacher.manifest(), &student, name, args.pipeline.clone())?;
    make_directory(&args.out)?;
    write_bundle(args, &manifest, &file)
}

fn write_bundle(
    args: &Adapt,
    manifest: &wordmask::bundle::Manifest,
    file: &wordmask::bundle::BundleFile,
) -> Result<()> {
    let save = |name: &str, contents: &[u8]| {
        let path = args.out.join(name);
        std::fs::write(&path, contents).map_err(|e| Error::io(&path, e))
    };
    let from = args
        .model
        .model
        .clone()
        .unwrap_or_else(|| PathBuf::from("weights/doodle"));
    for (_, entry) in manifest.files().filter(|(_, entry)| *entry != &file.entry) {
        let path = from.join(&entry.file);
        save(
            &entry.file,
            &std::fs::read(&path).map_err(|e| Error::io(&path, e))?,
        )?;
    }
    save(&file.entry.file, &file.contents)?;
    wordmask::bundle::finish(&args.out, manifest)
}

fn options(args: &Adapt) -> Result<Options> {
    Ok(Options {
        background: background(&args.background)?,
        ..match &args.teacher {
            Some(pipeline) => Options::from(pipeline.clone()),
            None => Options::default(),
        }
    })
}

fn config(args: &Adapt, teacher: &Segmenter, options: &Options) -> Result<StudentConfig> {
    let pipeline = Pipeline {
        refine: Vec::new(),
        ..teacher.pipeline_for(options)
    };
    let classes = match &args.words {
        Some(words) => wordmask::prompt::parse_line(words)?,
        None => TestSet::scenes(0, 1, 1)?.classes(),
    };
    Ok(StudentConfig {
        kind: args.student,
        size: args.model.size.unwrap_or(teacher.manifest().picture_size),
        classes,
        background: options.background != Background::None,
        features: (args.student == StudentKind::Head).then(|| pipeline.to_string()),
    })
}
