//! `wordmask import`: the arguments, the progress and the report of [`wordmask::convert`].

use pollster::block_on;
use wordmask::Result;
use wordmask::bundle::TensorError;
use wordmask::convert::{
    ConversionReport, ConvertOptions, ConvertProgress, GuidePaths, Origin, Stage, store,
};
use wordmask::prompt::parse_line;

use crate::args::Import;
use crate::commands::json;
use crate::progress::{Bar, Download};

/// How many of the tensors that lost most are listed.
const WORST: usize = 5;

pub(crate) fn import(args: &Import) -> Result<()> {
    let options = options(args)?;
    let revision = args.revision.as_deref();
    let origin = Origin::find(&args.source, revision, &mut Download::default())?;
    if let Some(note) = origin.note() {
        eprintln!("{note}");
    }
    let stored = block_on(store(&origin, &options, &args.out, &mut Bars::default()))?;
    let report = stored.report();
    if args.json {
        println!("{}", json(&report)?);
    } else {
        print(&report);
    }
    block_on(stored.finish(&args.words, &mut Bars::default()))
}

fn options(args: &Import) -> Result<ConvertOptions> {
    let guide = args.found.clone().zip(args.found_head.clone());
    Ok(ConvertOptions {
        scheme: args.quant,
        name: args.name.clone(),
        description: args.description.clone(),
        license: args.license.clone(),
        origin: args.origin.clone(),
        picture_size: args.picture_size,
        background: names(&args.background)?,
        pictures: args.pictures,
        vocabulary: names(&args.vocabulary)?,
        pipeline: args.pipeline.clone(),
        guide: guide.map(|(encoder, head)| GuidePaths { encoder, head }),
        accept_loss: args.accept_loss,
    })
}

fn names(given: &[String]) -> Result<Vec<String>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let classes = parse_line(&given.join(","))?;
    Ok(classes.into_iter().flat_map(|class| class.names).collect())
}

/// One bar for each stage, gone when the next begins.
#[derive(Default)]
struct Bars(Option<(Stage, Bar)>);

impl ConvertProgress for Bars {
    fn step(&mut self, stage: Stage, done: usize, total: usize) {
        match &self.0 {
            Some((shown, bar)) if *shown == stage => bar.show(done, total),
            _ => {
                // The bar before leaves the terminal first.
                self.0 = None;
                let bar = Bar::new(title(stage));
                bar.show(done, total);
                self.0 = Some((stage, bar));
            }
        }
    }
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Storing => "storing",
        Stage::Comparing => "comparing with the original",
        Stage::Calibrating => "finding what to keep",
        Stage::Embedding => "embedding words",
    }
}

fn print(report: &ConversionReport<'_>) {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "{}: {}, vision tower {:.2} MB, text tower {:.2} MB",
        report.name,
        report.scheme,
        megabytes(report.vision_bytes),
        megabytes(report.text_bytes)
    );
    if !report.kept.is_empty() {
        let kept: Vec<String> = report.kept.iter().map(ToString::to_string).collect();
        println!(
            "blocks of the vision tower that lose too much and stay in f16: {}",
            kept.join(", ")
        );
    }
    println!("cosines with the original: {}", report.fidelity);
    let mut worst: Vec<&TensorError> = report.tensors.iter().collect();
    worst.sort_by(|a, b| b.relative.total_cmp(&a.relative));
    println!("largest relative errors of a tensor:");
    for tensor in worst.into_iter().take(WORST) {
        println!("  {:.5}  {}", tensor.relative, tensor.name);
    }
}
