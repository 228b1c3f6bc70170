//! Measuring a model, and putting measurements together.

mod args;
mod steps;
mod table;

pub(crate) use args::{Eval, Merge};

use std::path::Path;

use pollster::block_on;
use wordmask::eval::datasets::{ClassNames, Dataset, parse_classes};
use wordmask::eval::{Evaluation, Own, Protocol, Report, Save, Sclip, TestSet};
use wordmask::segmenter::{Options, Parameters, Pipeline, Windows};
use wordmask::{Error, Result, Segmenter};

use crate::commands::{background, encode_options, json, load};
use args::{ProtocolName, Saved, Settings};
use steps::Steps;

pub(crate) fn eval(args: &Eval) -> Result<()> {
    let set = test_set(args)?;
    let protocol = protocol(args, &set)?;
    let segmenter = load(&args.model)?;
    let settings = settings(args, &protocol, &segmenter);
    refuse_unused(args, &settings)?;
    let evaluation = Evaluation {
        segmenter: &segmenter,
        set: &set,
        settings,
        protocol,
        shard: args.shard,
        state: args.resume.clone(),
        save: args.save.as_ref().map(|folder| Save {
            folder: folder.clone(),
            overlays: args.save_what.is_empty() || args.save_what.contains(&Saved::Overlays),
            labels: args.save_what.contains(&Saved::Labels),
        }),
        class_file: args.classes.clone(),
    };
    let mut steps = Steps::new(args.shard.indices(set.len()).count());
    let reports = block_on(evaluation.run(|done| steps.tell(done)))?;
    steps.finish();
    print(&reports, args.json)?;
    tell_failures(&reports)
}

pub(crate) fn merge(args: &Merge) -> Result<()> {
    let files = args.reports.iter().map(|path| read_reports(path));
    let files: Vec<Vec<Report>> = files.collect::<Result<_>>()?;
    let rows = files.first().map_or(0, Vec::len);
    for (path, reports) in args.reports.iter().zip(&files) {
        if reports.len() != rows || rows == 0 {
            return Err(Error::input(format!(
                "{} has {} reports, but {} has {rows}. Give what eval --json printed for each shard.",
                path.display(),
                reports.len(),
                args.reports[0].display(),
            )));
        }
    }
    let merged = (0..rows)
        .map(|row| Report::merge(files.iter().map(|reports| reports[row].clone()).collect()))
        .collect::<Result<Vec<_>>>()?;
    print(&merged, args.json)?;
    tell_failures(&merged)
}

/// The reports in a file, one on each line.
fn read_reports(path: &Path) -> Result<Vec<Report>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            serde_json::from_str(line).map_err(|e| {
                Error::input(format!(
                    "{} is not what eval --json prints ({e}). Measure the shard again.",
                    path.display()
                ))
            })
        })
        .collect()
}

fn test_set(args: &Eval) -> Result<TestSet> {
    if let Some(count) = args.set.scenes {
        return TestSet::scenes(
            args.seed.unwrap_or(0),
            count,
            args.scale.unwrap_or(1) as usize,
        );
    }
    let of_scenes = [
        ("--seed", args.seed.is_some()),
        ("--scale", args.scale.is_some()),
    ];
    if let Some((option, _)) = of_scenes.into_iter().find(|(_, given)| *given) {
        return Err(Error::input(format!(
            "{option} is about scenes and has no effect on a data set. Leave it out, or measure --scenes."
        )));
    }
    let (kind, folder) = args
        .set
        .dataset()
        .ok_or_else(|| Error::input("Name something to measure with, such as --scenes 100."))?;
    let dataset = Dataset::open(kind, folder)?;
    let names = match &args.classes {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
            let lines = parse_classes(&text).map_err(|e| e.context(path.display()))?;
            Some(ClassNames::from_lines(kind, lines).map_err(|e| e.context(path.display()))?)
        }
        None if args.protocol_name() == ProtocolName::Sclip => ClassNames::sclip(kind)?,
        None => None,
    };
    Ok(TestSet::Dataset(match names {
        Some(names) => dataset.with_names(names),
        None => dataset,
    }))
}

fn protocol(args: &Eval, set: &TestSet) -> Result<Protocol> {
    match (args.protocol_name(), set) {
        (ProtocolName::Wordmask, _) => own(args, set).map(Protocol::Own),
        (ProtocolName::Sclip, TestSet::Dataset(dataset)) => {
            sclip(args, dataset).map(Protocol::Sclip)
        }
        (ProtocolName::Sclip, TestSet::Scenes { .. }) => Err(Error::input(
            "The protocol of SCLIP measures data sets, not scenes. Leave --protocol out, or name a data set.",
        )),
    }
}

/// As `segment` answers.
fn own(args: &Eval, set: &TestSet) -> Result<Own> {
    let of_sclip = [
        ("--logit-scale", args.logit_scale.is_some()),
        ("--area-threshold", args.area_threshold.is_some()),
    ];
    if let Some((option, _)) = of_sclip.into_iter().find(|(_, given)| *given) {
        return Err(Error::input(format!(
            "{option} belongs to the protocol of SCLIP. Leave it out, or give --protocol sclip."
        )));
    }
    let default = Options::default();
    Ok(Own {
        backgrounds: if args.background.is_empty() {
            vec![set.background()]
        } else {
            let texts = args.background.iter();
            texts.map(|text| background(text)).collect::<Result<_>>()?
        },
        options: Options {
            threshold: args.threshold.unwrap_or(default.threshold),
            parameters: Parameters {
                crops: args.crops.unwrap_or(default.parameters.crops),
                guidance: args.guidance.unwrap_or(default.parameters.guidance),
                regions: args.regions.unwrap_or(default.parameters.regions),
                ..default.parameters
            },
            ..default
        },
        encode: encode_options(&args.model),
    })
}

/// What SCLIP publishes for the data set, with what was given otherwise.
fn sclip(args: &Eval, dataset: &Dataset) -> Result<Sclip> {
    if !args.background.is_empty() {
        return Err(Error::input(
            "The protocol of SCLIP has its own background. Give other names for it in the first line of --classes, or --protocol wordmask.",
        ));
    }
    let published = Sclip::published(dataset.kind(), dataset.names().clone())?;
    Ok(Sclip {
        short_side: args.model.size.unwrap_or(published.short_side),
        windows: match args.model.windows {
            Windows::Auto => published.windows,
            given => given,
        },
        logit_scale: args.logit_scale.unwrap_or(published.logit_scale),
        prob_threshold: args.threshold.unwrap_or(published.prob_threshold),
        area_threshold: args.area_threshold.unwrap_or(published.area_threshold),
        ..published
    })
}

fn settings(args: &Eval, protocol: &Protocol, segmenter: &Segmenter) -> Vec<Pipeline> {
    let measurable = |setting: &Pipeline| match protocol {
        Protocol::Own(_) => true,
        Protocol::Sclip(_) => Sclip::supports(setting).is_ok(),
    };
    match &args.method {
        Some(Settings::All) => Pipeline::all().into_iter().filter(measurable).collect(),
        Some(Settings::Some(settings)) => settings.clone(),
        None => vec![segmenter.default_pipeline().clone()],
    }
}

/// An option that none of the methods looks at would be measured as if it had an effect.
fn refuse_unused(args: &Eval, settings: &[Pipeline]) -> Result<()> {
    use wordmask::dense::Method::{ClipDiy, TwoStage};
    let options = [
        ("--crops", ClipDiy, args.crops.is_some()),
        ("--guidance", ClipDiy, args.guidance.is_some()),
        ("--regions", TwoStage, args.regions.is_some()),
    ];
    for (option, method, given) in options {
        if given && settings.iter().all(|setting| setting.method != method) {
            return Err(Error::input(format!(
                "{option} is for {method}, which is not measured. Leave it out, or name {method} in --method."
            )));
        }
    }
    Ok(())
}

fn print(reports: &[Report], as_json: bool) -> Result<()> {
    match reports {
        _ if as_json => {
            for report in reports {
                println!("{}", json(report)?);
            }
        }
        [report] => table::print_report(report),
        reports => table::print_table(reports),
    }
    Ok(())
}

/// All reports of an evaluation are of the same pictures.
fn tell_failures(reports: &[Report]) -> Result<()> {
    let Some(report) = reports.first().filter(|report| !report.failures.is_empty()) else {
        return Ok(());
    };
    for failure in &report.failures {
        eprintln!("{}: {}", failure.picture, failure.message);
    }
    let failed = report.failures.len();
    Err(Error::input(format!(
        "{failed} of {} pictures could not be used; the numbers are of the others.",
        report.pictures + failed
    )))
}
