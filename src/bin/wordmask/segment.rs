//! `wordmask segment`: pictures one after the other; what fails is reported at the end.

use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use pollster::block_on;
use serde::Serialize;
use serde_json::{Value, json};
use wordmask::bundle::{FileEntry, manifest_json};
use wordmask::device::DeviceKind;
use wordmask::mask::{Object, ObjectOptions};
use wordmask::progress::NoProgress;
use wordmask::prompt::Class;
use wordmask::segmenter::{ClassShare, EncodeOptions, Options, Windows};
use wordmask::{Error, Result, Segmenter};

use crate::args::{CutoutArgs, Segment};
use crate::commands::{
    background, encode_options, json, load, make_directory, options, read_picture,
};
use crate::inputs::{BadInput, Input, Inputs};
use crate::outputs::{Output, Outputs};
use crate::progress::bar;

pub(crate) fn segment(args: &Segment) -> Result<()> {
    let classes = args.words.classes()?;
    let mut options = Options {
        method: args.method,
        refine: args.refine.as_ref().map(|steps| steps.0.clone()),
        background: background(&args.background)?,
        ..options(&args.how)
    };
    options.parameters.residual = args.residual;
    options.parameters.multi_scale = args.multi_scale;
    let encode = EncodeOptions {
        method: args.method,
        ..encode_options(&args.model)
    };
    let objects = ObjectOptions {
        instances: args.instances,
        tolerance: args.tolerance,
    };
    let outputs = Outputs::new(args, &classes, objects)?;
    check_skipping(args, &outputs)?;
    let inputs = Inputs::find(&args.pictures, &args.out, outputs.reserved())?;
    outputs.check(&inputs.pictures)?;
    let segmenter = load(&args.model)?;
    make_directory(&args.out)?;
    let total = inputs.pictures.len() + inputs.failures.len();
    let mut batch = Batch {
        settings: settings(&segmenter, &classes, &encode, &options, &objects, args)?,
        segmenter,
        objects,
        classes: &classes,
        encode,
        options,
        args,
        outputs,
        failures: inputs.failures,
        bar: bar(inputs.pictures.len() as u64, "segmenting"),
    };
    for picture in &inputs.pictures {
        batch.take(picture);
    }
    batch.finish(total)
}

/// The JSON file shows that a picture is done, and how; the masks of data sets come from labels.
fn check_skipping(args: &Segment, outputs: &Outputs<'_>) -> Result<()> {
    let lacks = |kind| args.skip_existing && !outputs.has(kind);
    if lacks(Output::Json) {
        return Err(Error::input(
            "--skip-existing needs json among the --outputs: that file tells which pictures are done, and how.",
        ));
    }
    if outputs.has_datasets() && lacks(Output::Labels) {
        return Err(Error::input(
            "--skip-existing with a data set needs labels among the --outputs: the masks of skipped pictures are read from them.",
        ));
    }
    Ok(())
}

/// Everything that an answer depends on, beside the picture.
fn settings(
    segmenter: &Segmenter,
    classes: &[Class],
    encode: &EncodeOptions,
    options: &Options,
    objects: &ObjectOptions,
    args: &Segment,
) -> Result<Value> {
    let manifest = segmenter.manifest();
    let bytes = manifest_json(manifest)?;
    let words: Vec<String> = classes.iter().map(|class| class.names.join("/")).collect();
    let windows = match encode.windows {
        Windows::Auto => "auto".to_owned(),
        Windows::Whole => "whole".to_owned(),
        Windows::Slide { size, stride } => format!("{size},{stride}"),
    };
    let pipeline = segmenter.pipeline_for(options);
    let cutouts = args.outputs.contains(&Output::Cutouts).then(|| {
        let CutoutArgs {
            feather,
            trim,
            backdrop,
            cutout_format,
        } = &args.cutouts;
        let format = cutout_format.ending();
        json!({ "feather": feather, "trim": trim, "backdrop": backdrop, "format": format })
    });
    let settings = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": { "name": manifest.name, "sha256": FileEntry::new("", bytes.as_bytes()).sha256 },
        "words": words,
        "method": pipeline.to_string(),
        "background": options.background.to_string(),
        "threshold": options.threshold,
        "crops": u32::from(options.parameters.crops),
        "guidance": options.parameters.guidance,
        "regions": options.parameters.regions,
        "size": encode.size.unwrap_or(manifest.picture_size),
        "windows": windows,
        "instances": objects.instances,
        "tolerance": objects.tolerance,
        "cutouts": cutouts,
    });
    // As it will be read again: a number has not the same digits in f32 and f64.
    let read = serde_json::from_str(&settings.to_string());
    read.map_err(|e| Error::internal(format!("settings: {e}")))
}

/// The record of a picture, on standard output and in its JSON file.
#[derive(Serialize)]
struct PictureRecord<'a> {
    /// Lossy where the path is not UTF-8, which JSON has to be.
    picture: String,
    width: u32,
    height: u32,
    device: DeviceKind,
    seconds: f64,
    classes: Vec<ClassShare>,
    /// The connected parts of classes, if they are wanted as objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<Vec<ObjectRecord>>,
    settings: &'a Value,
}

#[derive(Serialize)]
struct ObjectRecord {
    class: u8,
    pixels: u64,
    /// Left, top, width, height.
    bbox: [u32; 4],
    score: Option<f32>,
}

impl From<&Object> for ObjectRecord {
    fn from(object: &Object) -> Self {
        Self {
            class: object.class,
            pixels: object.area(),
            bbox: object.bounding_box(),
            score: object.score,
        }
    }
}

impl std::fmt::Display for PictureRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.picture)?;
        for class in &self.classes {
            write!(f, " {} {:.1} %", class.name, 100.0 * class.fraction)?;
        }
        write!(f, " ({:.2} s)", self.seconds)
    }
}

struct Batch<'a> {
    segmenter: Segmenter,
    classes: &'a [Class],
    encode: EncodeOptions,
    options: Options,
    objects: ObjectOptions,
    settings: Value,
    args: &'a Segment,
    outputs: Outputs<'a>,
    failures: Vec<BadInput>,
    bar: ProgressBar,
}

impl Batch<'_> {
    fn take(&mut self, picture: &Input) {
        let mut taken = self.skip_or_segment(picture);
        if let Err(Error::Device(_)) = taken {
            // A device that was lost does not come back; another can be opened, once for a picture.
            taken = self.reload().and_then(|()| self.skip_or_segment(picture));
        }
        if let Err(error) = taken {
            self.failures.push(BadInput {
                path: picture.path.clone(),
                error,
            });
        }
        self.bar.inc(1);
    }

    fn reload(&mut self) -> Result<()> {
        self.segmenter = load(&self.args.model)?;
        Ok(())
    }

    fn skip_or_segment(&mut self, picture: &Input) -> Result<()> {
        if self.args.skip_existing && self.is_done(picture)? {
            return Ok(());
        }
        self.segment(picture)
    }

    /// Whether an earlier run has done this picture with the same settings; its masks are taken then.
    fn is_done(&mut self, picture: &Input) -> Result<bool> {
        let Some(record) = self.outputs.record(picture) else {
            return Ok(false);
        };
        let pixels = |class: usize| record["classes"][class]["pixels"].as_u64();
        let same = record["settings"] == self.settings
            && record["picture"] == picture.path.to_string_lossy().as_ref()
            && self
                .outputs
                .exist(picture, |class| pixels(class) != Some(0));
        if !same || !self.outputs.annotate_again(picture, &record)? {
            return Ok(false);
        }
        self.tell(
            &record.to_string(),
            format_args!("{}: done before", picture.path.display()),
        );
        Ok(true)
    }

    fn segment(&mut self, picture: &Input) -> Result<()> {
        let start = Instant::now();
        let pixels = read_picture(&picture.path)?;
        let segmenter = &self.segmenter;
        let image = block_on(segmenter.encode(pixels, &self.encode, &mut NoProgress))?;
        let result =
            block_on(segmenter.segment(&image, self.classes, &self.options, &mut NoProgress))?;
        let objects = if self.objects.instances || self.outputs.has_datasets() {
            result.objects(&self.objects)?
        } else {
            Vec::new()
        };
        let instances = self.objects.instances.then_some(&objects);
        let answer = PictureRecord {
            picture: picture.path.to_string_lossy().into_owned(),
            width: result.labels().width(),
            height: result.labels().height(),
            device: segmenter.compute().kind,
            seconds: start.elapsed().as_secs_f64(),
            classes: result.classes().to_vec(),
            objects: instances.map(|objects| objects.iter().map(ObjectRecord::from).collect()),
            settings: &self.settings,
        };
        let record = json(&answer)?;
        let line = answer.to_string();
        self.outputs.save(picture, &result)?;
        self.outputs.annotate(picture, &result, &objects)?;
        self.outputs.save_record(picture, &record)?;
        self.tell(&record, format_args!("{line}"));
        Ok(())
    }

    /// Prints the record of a picture: an object for machines, a line for people.
    fn tell(&self, record: &str, line: std::fmt::Arguments<'_>) {
        if self.args.json {
            println!("{record}");
        } else {
            self.bar.suspend(|| println!("{line}"));
        }
    }

    /// Writes what belongs to all pictures together, and fails if any of them did.
    fn finish(self, total: usize) -> Result<()> {
        self.bar.finish_and_clear();
        self.outputs.finish()?;
        for failure in &self.failures {
            report(failure, self.args.json);
        }
        match self.failures.len() {
            0 => Ok(()),
            failed => Err(Error::input(format!(
                "{failed} of {total} pictures failed."
            ))),
        }
    }
}

/// Prints a failure: a sentence for people, an object for machines.
fn report(failure: &BadInput, as_json: bool) {
    let BadInput { path, error } = failure;
    let message = about(path, error);
    if as_json {
        let picture = path.to_string_lossy();
        let error = json!({ "code": error.code(), "message": message });
        eprintln!("{}", json!({ "error": error, "picture": picture }));
    } else {
        eprintln!("wordmask: {message}");
    }
}

/// What went wrong, with the file that it is about, once.
fn about(path: &Path, error: &Error) -> String {
    let (path, message) = (path.display().to_string(), error.to_string());
    if message.starts_with(&path) {
        return message;
    }
    format!("{path}: {message}")
}
