//! Measuring on the command line: what it takes, prints, keeps and refuses.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use image::{GrayImage, RgbImage};
use serde_json::Value;
use tempfile::TempDir;
use wordmask::scene;

/// Pictures of the data set that is made here.
const PICTURES: u64 = 5;

/// One name for each class of `CamVid`, of things that the built-in model was trained on.
const NAMES: &str = "sky\nhouse\nlamp\nroad\nsand\ntree\nflag\nfence\ncar\ncat\nball\n";

fn wordmask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wordmask"))
        .args(args)
        .output()
        .unwrap()
}

/// Runs a command that must fail with this exit code and a sentence that contains all `words`.
fn fails(args: &[&str], code: i32, words: &[&str]) -> Output {
    let output = wordmask(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?} said {said}");
    for word in words {
        assert!(said.contains(word), "{args:?} said {said}, not {word}");
    }
    assert!(!said.contains("panicked"), "{args:?} said {said}");
    output
}

fn reports(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn succeeds(args: &[&str]) -> Vec<Value> {
    let output = wordmask(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    reports(&output)
}

/// `CamVid` in the layout of `SegNet`, its pictures being scenes.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["test", "testannot"] {
            fs::create_dir_all(folder.path(name)).unwrap();
        }
        for seed in 0..PICTURES {
            let scene = scene::generate(seed);
            let (width, height) = (scene.width as u32, scene.height as u32);
            // 11 is not counted.
            let truth = scene.truth.iter().map(|class| class % 12).collect();
            RgbImage::from_raw(width, height, scene.rgb)
                .unwrap()
                .save(folder.picture(seed))
                .unwrap();
            GrayImage::from_raw(width, height, truth)
                .unwrap()
                .save(folder.path(&format!("testannot/{seed}.png")))
                .unwrap();
        }
        fs::write(folder.path("names.txt"), NAMES).unwrap();
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    fn picture(&self, seed: u64) -> String {
        self.path(&format!("test/{seed}.png"))
    }

    /// The arguments of an evaluation of it by this project's own protocol, and `more`.
    fn eval(&self, more: &[&str]) -> Vec<String> {
        let own = ["--protocol", "wordmask", "--method", "maskclip"];
        self.args(&[&own, more].concat())
    }

    fn args(&self, more: &[&str]) -> Vec<String> {
        let (dir, names) = (self.path(""), self.path("names.txt"));
        let set = [
            "eval",
            "--camvid",
            &dir,
            "--classes",
            &names,
            "--device",
            "cpu",
            "--json",
        ];
        set.iter().chain(more).map(ToString::to_string).collect()
    }
}

fn str_args(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap()
}

#[test]
fn eval_reports_what_was_measured_and_holds_seeds_out() {
    let output = wordmask(&[
        "eval", "--scenes", "2", "--seed", "7", "--device", "cpu", "--json",
    ]);
    assert!(output.status.success(), "{output:?}");
    let report = reports(&output).remove(0);
    for key in ["miou", "macc", "pixel_accuracy", "seconds_per_picture"] {
        assert!(number(&report, key) >= 0.0, "{report}");
    }
    assert_eq!(report["setting"], "maskclip+multi-scale+pamr+edges");
    assert_eq!(report["pictures"], 2);
    let classes = 1 + scene::THINGS.len();
    assert_eq!(report["iou"].as_array().unwrap().len(), classes);
    assert_eq!(
        report["confusion"]["counts"].as_array().unwrap().len(),
        classes
    );
    let conditions = &report["conditions"];
    assert_eq!(conditions["protocol"], "wordmask");
    assert_eq!(conditions["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(conditions["options"]["windows"], "auto");
    assert_eq!(conditions["options"]["crops"], 59);
    // Lines instead of a bar, since nobody's terminal is there.
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("measuring 2/2"), "{said}");
    fails(
        &["eval", "--scenes", "2", "--seed", "999999"],
        1,
        &["training"],
    );
    fails(&["eval", "--scenes", "0"], 1, &["at least one"]);
}

#[test]
fn eval_prints_percent_with_four_decimals() {
    let output = wordmask(&[
        "eval", "--scenes", "1", "--device", "cpu", "--method", "maskclip",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| -> String {
        let row = text
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        row.unwrap().split_whitespace().last().unwrap().to_owned()
    };
    for name in ["mIoU", "mAcc", "pixel accuracy"] {
        let (_, decimals) = row(name)
            .split_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert_eq!(decimals.len(), 4, "{text}");
    }
}

#[test]
fn eval_compares_pipelines_and_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let (state, saved) = (path("state.json"), path("saved"));
    let eval = |settings: &str| {
        wordmask(&[
            "eval",
            "--scenes",
            "2",
            "--seed",
            "7",
            "--device",
            "cpu",
            "--json",
            "--method",
            settings,
            "--background",
            "auto",
            "--background",
            "none",
            "--crops",
            "10",
            "--regions",
            "4",
            "--resume",
            &state,
            "--save",
            &saved,
        ])
    };
    let settings = "naclip+tlp,clip-diy,two-stage+pamr";
    let first = eval(settings);
    assert!(first.status.success(), "{first:?}");
    let found = reports(&first);
    let named: Vec<_> = found
        .iter()
        .map(|r| {
            (
                r["setting"].as_str().unwrap(),
                r["background"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        named[..3],
        [
            ("naclip+tlp", "auto"),
            ("naclip+tlp", "none"),
            ("clip-diy", "auto")
        ]
    );
    assert_eq!(found.len(), 6);
    // Without a background class it is not counted.
    let classes = |report: &Value| report["iou"].as_array().unwrap().len();
    assert_eq!(classes(&found[0]), 1 + scene::THINGS.len());
    assert_eq!(classes(&found[1]), scene::THINGS.len());
    // A folder a setting, an overlay a picture.
    assert_eq!(fs::read_dir(&saved).unwrap().count(), 6);
    let overlay = Path::new(&saved).join("naclip+tlp.background-none/scene-7.overlay.png");
    assert!(overlay.is_file());
    // All is done already, so the state alone gives the same answer. Numbers read from JSON may
    // differ in the last bit from those written.
    let again = reports(&eval(settings));
    assert_eq!(again.len(), found.len());
    for (again, found) in again.iter().zip(&found) {
        assert_eq!(
            (&again["confusion"], &again["iou"]),
            (&found["confusion"], &found["iou"])
        );
        let seconds = number(again, "seconds_per_picture") - number(found, "seconds_per_picture");
        assert!(seconds.abs() < 1e-9);
    }
    let other = eval("clip-diy,two-stage");
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(
        said.contains("go on from") && said.contains("settings"),
        "{said}"
    );
}

/// The protocol of `CamVid` has no background, and words for one take pixels from the classes.
#[test]
fn eval_measures_data_sets_without_a_background_without_one() {
    let folder = Folder::new();
    let report = succeeds(&str_args(&folder.eval(&[]))).remove(0);
    assert_eq!(report["background"], "none");
    let with = succeeds(&str_args(&folder.eval(&["--background", "auto"]))).remove(0);
    let unlabelled = |report: &Value| -> u64 {
        let pixels = report["confusion"]["unlabelled"].as_array().unwrap();
        pixels.iter().map(|pixels| pixels.as_u64().unwrap()).sum()
    };
    assert_eq!(unlabelled(&report), 0);
    assert!(unlabelled(&with) > 0);
}

#[test]
fn eval_measures_data_sets_by_the_protocol_of_sclip() {
    let folder = Folder::new();
    let saved = folder.path("saved");
    let small = [
        "--size",
        "64",
        "--windows",
        "64,32",
        "--method",
        "sclip,sclip+pamr",
    ];
    let save = ["--save", &saved, "--save-what", "overlays,labels"];
    let found = succeeds(&str_args(&folder.args(&[&small[..], &save].concat())));
    let conditions = &found[0]["conditions"];
    assert_eq!(conditions["protocol"], "sclip");
    assert_eq!(conditions["truth"], "testannot/*.png");
    assert_eq!(conditions["folder"], folder.path("").as_str());
    assert_eq!(conditions["class_file"], folder.path("names.txt").as_str());
    assert_eq!(conditions["names"].as_array().unwrap().len(), 11);
    let options = &conditions["options"];
    assert_eq!(
        (&options["logit_scale"], &options["size"]),
        (&40.0.into(), &64.into())
    );
    assert_eq!(options["windows"], "64,32");
    // Label maps are in the numbers of the truth, and each setting has its own.
    let labels =
        |setting: &str, id: u64| fs::read(format!("{saved}/{setting}/{id}.labels.png")).unwrap();
    assert!(Path::new(&saved).join("sclip/0.overlay.png").is_file());
    assert!((0..PICTURES).any(|id| labels("sclip", id) != labels("sclip+pamr", id)));
    for setting in ["clip-diy", "maskclip+key-smoothing"] {
        let args = folder.args(&["--method", setting]);
        fails(
            &str_args(&args),
            1,
            &["protocol of SCLIP", "--protocol wordmask"],
        );
    }
    let args = folder.args(&["--background", "auto"]);
    fails(&str_args(&args), 1, &["its own background"]);
    let args = folder.args(&["--threshold", "0.1"]);
    fails(&str_args(&args), 1, &["this data set has none"]);
}

#[test]
fn eval_saves_label_maps_that_give_the_reported_numbers() {
    let folder = Folder::new();
    let saved = folder.path("saved");
    let args = folder.eval(&["--save", &saved, "--save-what", "labels"]);
    let report = succeeds(&str_args(&args)).remove(0);
    let mut pairs = Vec::new();
    for seed in 0..PICTURES {
        let bytes = fs::read(format!("{saved}/maskclip/{seed}.labels.png")).unwrap();
        let labels = wordmask::mask::read_label_png(&bytes).unwrap();
        let truth = image::open(folder.path(&format!("testannot/{seed}.png"))).unwrap();
        let truth = truth.to_luma8().into_raw();
        pairs.extend(truth.into_iter().zip(labels.labels().to_vec()));
    }
    pairs.retain(|(truth, _)| *truth < 11);
    let count = |is: &dyn Fn(&(u8, u8)) -> bool| pairs.iter().filter(|p| is(p)).count() as f64;
    let (mut ious, mut accuracies) = (Vec::new(), Vec::new());
    for class in 0..11 {
        let hit = count(&|p| *p == (class, class));
        let union = count(&|p| p.0 == class || p.1 == class);
        let pixels = count(&|p| p.0 == class);
        ious.extend((union > 0.0).then(|| hit / union));
        accuracies.extend((pixels > 0.0).then(|| hit / pixels));
    }
    let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
    for (key, wanted) in [
        ("miou", mean(&ious)),
        ("macc", mean(&accuracies)),
        (
            "pixel_accuracy",
            count(&|p| p.0 == p.1) / pairs.len() as f64,
        ),
    ] {
        assert!((number(&report, key) - wanted).abs() < 1e-12, "{key}");
    }
    assert!(!Path::new(&format!("{saved}/maskclip/0.overlay.png")).exists());
}

/// What changes the numbers makes a state unfit to go on from, and the message names it.
#[test]
fn eval_refuses_a_state_of_other_conditions() {
    let folder = Folder::new();
    let state = folder.path("state.json");
    let eval = |more: &[&str]| folder.eval(&[&["--resume", &state], more].concat());
    succeeds(&str_args(&eval(&[])));
    for (more, says) in [
        (&["--threshold", "0.5"][..], "options"),
        (&["--background", "auto"], "settings"),
        (&["--size", "64"], "options"),
        (&["--shard", "1/2"], "shard"),
    ] {
        fails(&str_args(&eval(more)), 1, &["no state to go on from", says]);
    }
    let names = folder.path("names.txt");
    fs::write(&names, NAMES.replace("cat", "dog")).unwrap();
    fails(
        &str_args(&eval(&[])),
        1,
        &["names (entry 10", "cat and dog"],
    );
    fs::write(&names, NAMES).unwrap();
    succeeds(&str_args(&eval(&[])));
    fs::copy(folder.picture(1), folder.picture(0)).unwrap();
    fails(&str_args(&eval(&[])), 1, &["files_sha256"]);
    fs::write(&state, "{}").unwrap();
    fails(
        &str_args(&eval(&[])),
        1,
        &["no state to go on from", "cannot be read"],
    );
    let mut broken: Value = serde_json::from_str("{\"rows\": []}").unwrap();
    broken["conditions"] = Value::Null;
    fs::write(&state, broken.to_string()).unwrap();
    fails(&str_args(&eval(&[])), 1, &["no state to go on from"]);
}

#[test]
fn eval_reports_pictures_that_cannot_be_used_and_goes_on() {
    let folder = Folder::new();
    let state = folder.path("state.json");
    let args = folder.eval(&["--resume", &state]);
    let whole = fs::read(folder.picture(1)).unwrap();
    let truth = folder.path("testannot/3.png");
    let whole_truth = fs::read(&truth).unwrap();
    fs::write(folder.picture(1), &whole[..whole.len() / 2]).unwrap();
    // 200 is no class.
    let (width, height) = image::image_dimensions(&truth).unwrap();
    GrayImage::from_pixel(width, height, image::Luma([200]))
        .save(&truth)
        .unwrap();
    let output = fails(
        &str_args(&args),
        1,
        &["2 of 5 pictures", "1.png", "3.png", "200"],
    );
    let report = reports(&output).remove(0);
    assert_eq!(report["pictures"], PICTURES - 2);
    assert_eq!(report["failures"][0]["picture"], "1");
    assert_eq!(report["failures"][1]["index"], 3);
    // Put right, they are all that is left to do.
    fs::write(folder.picture(1), whole).unwrap();
    fs::write(&truth, whole_truth).unwrap();
    let report = succeeds(&str_args(&args)).remove(0);
    assert_eq!(report["pictures"], PICTURES);
    fs::remove_file(&state).unwrap();
    let fresh = succeeds(&str_args(&args)).remove(0);
    assert_eq!(report["confusion"], fresh["confusion"]);
    assert_eq!(report["conditions"], fresh["conditions"]);
}

#[test]
fn merge_of_shards_is_the_report_of_the_whole() {
    let folder = Folder::new();
    let methods = ["--method", "maskclip,naclip"];
    let eval = |more: &[&str]| {
        let own = ["--protocol", "wordmask"];
        folder.args(&[&own[..], &methods, more].concat())
    };
    let whole = succeeds(&str_args(&eval(&[])));
    let files: Vec<String> = (1..=3)
        .map(|shard| {
            let file = folder.path(&format!("{shard}.json"));
            let output = wordmask(&str_args(&eval(&["--shard", &format!("{shard}/3")])));
            fs::write(&file, output.stdout).unwrap();
            file
        })
        .collect();
    fn merge<'a>(files: &[&'a str]) -> Vec<&'a str> {
        [&["merge", "--json"], files].concat()
    }
    let merged = succeeds(&merge(&[&files[2], &files[0], &files[1]]));
    assert_eq!(merged.len(), 2);
    for (merged, whole) in merged.iter().zip(&whole) {
        let (mut merged, mut whole) = (merged.clone(), whole.clone());
        for report in [&mut merged, &mut whole] {
            report
                .as_object_mut()
                .unwrap()
                .remove("seconds_per_picture");
        }
        assert_eq!(merged, whole);
    }
    fails(&merge(&[&files[0], &files[1]]), 1, &["1/3, 2/3", "needed"]);
    let twice = [&files[0][..], &files[1], &files[2], &files[2]];
    fails(&merge(&twice), 1, &["each once"]);
    let output = wordmask(&str_args(&eval(&["--shard", "3/3", "--threshold", "0.2"])));
    fs::write(&files[2], output.stdout).unwrap();
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    fails(&merge(&all), 1, &["not measured alike", "options"]);
    fs::write(&files[2], "").unwrap();
    fails(&merge(&all), 1, &["0 reports"]);
    fs::write(&files[2], "{}").unwrap();
    fails(&merge(&all), 1, &["3.json", "eval --json"]);
}

#[test]
fn eval_refuses_options_that_would_do_nothing() {
    let folder = Folder::new();
    let eval = |more: &[&str]| folder.eval(more);
    for (more, code, says) in [
        (&["--seed", "1"][..], 1, "--scenes"),
        (&["--crops", "10"], 1, "clip-diy"),
        (&["--guidance", "none"], 1, "clip-diy"),
        (&["--regions", "3"], 1, "two-stage"),
        (&["--logit-scale", "40"], 1, "--protocol sclip"),
        (&["--area-threshold", "0.1"], 1, "--protocol sclip"),
        (&["--save-what", "labels"], 2, "--save"),
        (
            &["--background", "none", "--background", "none"],
            1,
            "twice",
        ),
        (&["--shard", "4/3"], 2, "no shard"),
    ] {
        fails(&str_args(&eval(more)), code, &[says]);
    }
    let twice = ["--protocol", "wordmask", "--method", "maskclip,maskclip"];
    fails(&str_args(&folder.args(&twice)), 1, &["twice"]);
    let scenes = ["eval", "--scenes", "2", "--protocol", "sclip"];
    fails(&scenes, 1, &["not scenes"]);
    let names = folder.path("names.txt");
    fails(
        &["eval", "--scenes", "2", "--classes", &names],
        2,
        &["--classes"],
    );
    fs::write(&names, "cat\nCat\n").unwrap();
    fails(&str_args(&eval(&[])), 1, &["2 classes", "11"]);
    let empty = folder.path("voc");
    fails(&["eval", "--voc", &empty], 1, &["voc"]);
}
