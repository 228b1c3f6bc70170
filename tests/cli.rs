//! The command line as people use it: what it writes, prints and returns.

#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use safetensors::SafeTensors;
use wordmask::image::Picture;
use wordmask::scene;

fn wordmask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wordmask"))
        .args(args)
        .output()
        .unwrap()
}

/// Runs a command that must fail with this exit code and a sentence that contains `word`.
fn fails(args: &[&str], code: i32, word: &str) {
    let output = wordmask(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?} said {said}");
    assert!(said.contains(word), "{args:?} said {said}");
    assert!(!said.contains("panicked"), "{args:?} said {said}");
}

fn path(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).to_string_lossy().into_owned()
}

/// Writes the picture of a scene as a PNG.
fn scene_file(directory: &tempfile::TempDir, seed: u64) -> String {
    let scene = scene::generate(seed);
    let file = path(directory, &format!("scene-{seed}.png"));
    let (width, height) = (scene.width as u32, scene.height as u32);
    image::save_buffer(&file, &scene.rgb, width, height, image::ColorType::Rgb8).unwrap();
    file
}

#[test]
fn segment_writes_labels_overlay_and_json() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 3);
    let out = path(&directory, "masks");
    let output = wordmask(&[
        "segment",
        &picture,
        "--words",
        "cat, house/cottage",
        "--out",
        &out,
        "--device",
        "cpu",
        "--json",
    ]);
    assert!(output.status.success(), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["device"], "cpu");
    assert_eq!(answer["classes"][1]["name"], "house");
    let size = |name: &str| {
        let bytes = std::fs::read(Path::new(&out).join(name)).unwrap();
        let picture = Picture::decode(&bytes).unwrap();
        (picture.width(), picture.height())
    };
    let scene = scene::generate(3);
    let expected = (scene.width as u32, scene.height as u32);
    assert_eq!(size("scene-3.labels.png"), expected);
    assert_eq!(size("scene-3.overlay.png"), expected);
    assert!(Path::new(&out).join("scene-3.json").exists());
}

#[test]
fn segment_goes_on_after_a_bad_picture() {
    let directory = tempfile::tempdir().unwrap();
    let good = scene_file(&directory, 4);
    let (text, empty, cut) = (
        path(&directory, "text.jpg"),
        path(&directory, "empty.png"),
        path(&directory, "cut.png"),
    );
    std::fs::write(&text, "not a picture").unwrap();
    std::fs::write(&empty, "").unwrap();
    let whole = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let out = path(&directory, "masks");
    let output = wordmask(&[
        "segment", &text, &empty, &cut, &good, "--words", "cat", "--out", &out, "--device", "cpu",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for name in ["text.jpg", "empty.png", "cut.png"] {
        assert!(said.contains(name), "{said}");
    }
    assert!(said.contains("3 of 4"), "{said}");
    assert!(Path::new(&out).join("scene-4.labels.png").exists());
}

/// Runs `segment` on the built-in model, on the CPU.
fn segment(given: &[&std::ffi::OsStr], out: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wordmask"))
        .arg("segment")
        .args(given)
        .args(["--device", "cpu", "--out", out])
        .args(more)
        .output()
        .unwrap()
}

/// The files below a folder, in order, their paths with `/`.
fn files(folder: &str) -> Vec<String> {
    fn walk(folder: &Path, below: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(folder), "", &mut found);
    found.sort();
    found
}

fn read_json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Copies a picture to these paths below the directory.
fn copies(directory: &tempfile::TempDir, picture: &str, paths: &[&str]) {
    for copy in paths {
        let copy = directory.path().join(copy);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(picture, copy).unwrap();
    }
}

#[test]
fn segment_keeps_results_of_pictures_of_one_name_apart() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 3);
    let paths = ["in/a/frame.png", "in/b/frame.png", "in/x.jpg", "in/x.png"];
    copies(&directory, &picture, &paths);
    let given: Vec<String> = paths.iter().map(|p| path(&directory, p)).collect();
    let given: Vec<_> = given.iter().map(std::ffi::OsStr::new).collect();
    let out = path(&directory, "out");
    let output = segment(&given, &out, &["--words", "cat", "--outputs", "labels"]);
    assert!(output.status.success(), "{output:?}");
    let expected = [
        "a/frame.labels.png",
        "b/frame.labels.png",
        "x.jpg.labels.png",
        "x.png.labels.png",
    ];
    assert_eq!(files(&out), expected);
    // A folder and a pattern that no shell has expanded mean the same.
    for (given, name) in [("in", "folder"), ("in/**/*.*", "pattern")] {
        let (given, out) = (path(&directory, given), path(&directory, name));
        let output = segment(
            &[given.as_ref()],
            &out,
            &["--words", "cat", "--outputs", "labels"],
        );
        assert!(output.status.success(), "{output:?}");
        assert_eq!(files(&out), expected, "{name}");
    }
}

#[test]
fn segment_writes_no_results_over_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 3);
    copies(&directory, &picture, &["in/a.png", "in/a.labels.png"]);
    let folder = path(&directory, "in");
    let before = files(&folder);
    let refused = |given: &[String], word: &str| {
        let given: Vec<_> = given.iter().map(std::ffi::OsStr::new).collect();
        let output = segment(&given, &folder, &["--words", "cat"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word), "{said}");
        assert_eq!(files(&folder), before);
    };
    refused(std::slice::from_ref(&folder), "--out");
    let both = ["in/a.png", "in/a.labels.png"].map(|p| path(&directory, p));
    refused(&both, "a.labels.png");
}

#[cfg(unix)]
#[test]
fn segment_takes_a_path_that_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 3);
    let name = |bytes: &[u8]| directory.path().join(std::ffi::OsStr::from_bytes(bytes));
    std::fs::create_dir(name(b"f\xffolder")).unwrap();
    let copy = name(b"f\xffolder/\xe4.png");
    std::fs::copy(&picture, &copy).unwrap();
    let kinds = "labels,overlay,json,cutouts,svg,geojson,coco";
    for given in [copy.as_os_str(), name(b"f\xffolder").as_os_str()] {
        let out = path(&directory, "out");
        let output = segment(
            &[given],
            &out,
            &["--words", "cat,house", "--outputs", kinds, "--json"],
        );
        assert!(output.status.success(), "{output:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(
            answer["picture"]
                .as_str()
                .unwrap()
                .ends_with("\u{fffd}.png")
        );
        for suffix in [
            &b"labels.png"[..],
            b"overlay.png",
            b"json",
            b"svg",
            b"geojson",
        ] {
            let file = [b"out/\xe4.".as_slice(), suffix].concat();
            assert!(name(&file).is_file(), "{suffix:?}");
        }
        let coco = read_json(&path(&directory, "out/annotations.json"));
        assert_eq!(coco["images"][0]["file_name"], "\u{fffd}.png");
        std::fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn segment_writes_data_sets_of_all_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (scene_file(&directory, 3), scene_file(&directory, 4));
    copies(&directory, &one, &["in/a/x.png"]);
    copies(&directory, &two, &["in/b/x.png"]);
    std::fs::write(path(&directory, "in/b/broken.png"), "no picture").unwrap();
    let (folder, out) = (path(&directory, "in"), path(&directory, "out"));
    let kinds = "labels,json,coco,coco-rle,yolo,voc,labelme,label-studio,cvat,ade";
    let more = [
        "--words",
        "cat, house, tree",
        "--outputs",
        kinds,
        "--instances",
        "--skip-existing",
    ];
    let run = || {
        let output = segment(&[folder.as_ref()], &out, &more);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let contents = |file: &String| std::fs::read(Path::new(&out).join(file)).unwrap();
        let files = files(&out);
        let contents: Vec<_> = files.iter().map(contents).collect();
        (files, contents)
    };
    let first = run();
    let expected = [
        "a/x.json",
        "a/x.labels.png",
        "ade/annotations/a/x.png",
        "ade/annotations/b/x.png",
        "ade/objectInfo.txt",
        "annotations.json",
        "b/x.json",
        "b/x.labels.png",
        "coco-rle/annotations.json",
        "cvat/annotations.xml",
        "label-studio/config.xml",
        "label-studio/tasks.json",
        "labelme/a/x.json",
        "labelme/b/x.json",
        "voc/Annotations/a/x.xml",
        "voc/Annotations/b/x.xml",
        "voc/ImageSets/Main/default.txt",
        "voc/ImageSets/Segmentation/default.txt",
        "voc/SegmentationClass/a/x.png",
        "voc/SegmentationClass/b/x.png",
        "voc/SegmentationObject/a/x.png",
        "voc/SegmentationObject/b/x.png",
        "voc/labelmap.txt",
        "yolo/data.yaml",
        "yolo/labels/a/x.txt",
        "yolo/labels/b/x.txt",
    ];
    assert_eq!(first.0, expected);
    // Parts of a class, and their scores in the record, add up to it.
    let record = read_json(&path(&directory, "out/a/x.json"));
    let parts = record["objects"].as_array().unwrap();
    for (index, class) in record["classes"].as_array().unwrap().iter().enumerate() {
        let of_class = parts.iter().filter(|part| part["class"] == index);
        let (mut pixels, mut sum) = (0, 0.0);
        for part in of_class {
            let area = part["pixels"].as_u64().unwrap();
            pixels += area;
            sum += part["score"].as_f64().unwrap() * area as f64;
        }
        assert_eq!(class["pixels"], pixels);
        let score = class["score"].as_f64().unwrap_or(0.0);
        assert!((sum - score * pixels as f64).abs() <= 1e-3 * pixels as f64);
    }
    // What was done before is taken from labels and records, to the same files.
    assert_eq!(run(), first);
}

#[test]
fn segment_refuses_data_sets_in_which_pictures_would_share_files() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 3);
    copies(
        &directory,
        &picture,
        &["in/x.jpg", "in/x.png", "set/yolo/x.png", "set/y.png"],
    );
    let out = path(&directory, "out");
    let refused = |given: &str, kinds: &str, word: &str| {
        let more = ["--words", "cat", "--outputs", kinds];
        let output = segment(&[path(&directory, given).as_ref()], &out, &more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word), "{said}");
    };
    refused("in", "yolo", "x.png");
    refused("set", "yolo", "folder of a data set");
    fails(
        &[
            "segment",
            &picture,
            "--words",
            "cat",
            "--out",
            &out,
            "--tolerance=-1",
        ],
        2,
        "distance",
    );
}

#[test]
fn segment_cuts_out_as_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let scene = scene_file(&directory, 3);
    let words: Vec<&str> = scene::generate(3).things.iter().map(|t| t.name).collect();
    let words = words.join(",");
    let cut = |name: &str, more: &[&str]| {
        let out = path(&directory, name);
        let always = [
            "--words",
            &words,
            "--outputs",
            "cutouts,json",
            "--skip-existing",
        ];
        let output = segment(&[scene.as_ref()], &out, &[&always, more].concat());
        assert!(output.status.success(), "{output:?}");
        let done_before = String::from_utf8(output.stdout)
            .unwrap()
            .contains("done before");
        let first = files(&out)
            .into_iter()
            .find(|file| file.contains("cutout-"))
            .unwrap();
        let read = image::open(Path::new(&out).join(&first)).unwrap();
        (first, read.to_rgba8(), done_before)
    };
    let alphas =
        |picture: &image::RgbaImage| -> Vec<u8> { picture.pixels().map(|p| p[3]).collect() };
    let is_soft =
        |picture: &image::RgbaImage| alphas(picture).iter().any(|a| !matches!(a, 0 | 255));
    let (name, soft, _) = cut("soft", &[]);
    assert!(name.ends_with(".png") && is_soft(&soft));
    let (_, hard, _) = cut("hard", &["--feather", "0"]);
    assert!(!is_soft(&hard) && alphas(&hard).contains(&255));
    let (name, trimmed, _) = cut("trimmed", &["--trim", "--cutout-format", "webp"]);
    assert!(name.ends_with(".webp") && trimmed.width() < soft.width());
    assert_eq!(
        trimmed.pixels().filter(|p| p[3] > 0).count(),
        soft.pixels().filter(|p| p[3] > 0).count()
    );
    for (backdrop, corner) in [
        ("#fc0", Some([255, 204, 0])),
        ("blur:5", None),
        (&scene, None),
    ] {
        let (_, opaque, _) = cut("opaque", &["--backdrop", backdrop]);
        assert!(
            alphas(&opaque).iter().all(|alpha| *alpha == 255),
            "{backdrop}"
        );
        let found = opaque.pixels().find(|p| Some([p[0], p[1], p[2]]) == corner);
        assert_eq!(found.is_some(), corner.is_some(), "{backdrop}");
    }
    // Other cut-outs are made anew, the same ones are not.
    assert!(cut("soft", &[]).2);
    assert!(!cut("soft", &["--feather", "1"]).2);
    for (option, wrong, word) in [
        ("--backdrop", "#ff", "#rrggbb"),
        ("--backdrop", "blur:0", "above 0"),
        ("--backdrop", "no.png", "no.png"),
        ("--feather", "101", "100"),
        ("--cutout-format", "jpeg", "webp"),
    ] {
        let more = ["--words", "cat", option, wrong];
        let output = segment(&[scene.as_ref()], &path(&directory, "wrong"), &more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(word), "{said}");
    }
}

#[test]
fn segment_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (scene_file(&directory, 3), scene_file(&directory, 4));
    copies(&directory, &one, &["in/a/1.png"]);
    copies(&directory, &two, &["in/b/2.png"]);
    std::fs::write(path(&directory, "in/b/broken.png"), "no picture").unwrap();
    std::fs::create_dir(path(&directory, "in/odd.png")).unwrap();
    let (folder, out) = (path(&directory, "in"), path(&directory, "out"));
    let run = |words: &str| {
        let kinds = "labels,json,cutouts,coco";
        let more = ["--words", words, "--outputs", kinds, "--skip-existing"];
        let output = segment(&[folder.as_ref()], &out, &more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // What failed is reported at the end, and does not keep the rest from being done.
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("broken.png") && said.contains("1 of 3"),
            "{said}"
        );
        let lines = String::from_utf8(output.stdout).unwrap();
        let before = lines.lines().filter(|l| l.contains("done before")).count();
        let coco = read_json(&path(&directory, "out/annotations.json"));
        (before, coco)
    };
    let (before, first) = run("cat, house, tree");
    assert_eq!(before, 0);
    let named: Vec<_> = first["images"].as_array().unwrap().iter().collect();
    assert_eq!(named.len(), 2);
    assert_eq!(
        (&named[0]["id"], &named[0]["file_name"]),
        (&1.into(), &"a/1.png".into())
    );
    assert_eq!(
        (&named[1]["id"], &named[1]["file_name"]),
        (&2.into(), &"b/2.png".into())
    );
    assert!(!first["annotations"].as_array().unwrap().is_empty());

    let (before, second) = run("cat, house, tree");
    assert_eq!((before, second), (2, first.clone()));
    // What is missing or damaged is made again, and so is everything for other words.
    std::fs::remove_file(path(&directory, "out/a/1.labels.png")).unwrap();
    let (before, third) = run("cat, house, tree");
    assert_eq!((before, third), (1, first.clone()));
    std::fs::write(path(&directory, "out/a/1.labels.png"), "half a file").unwrap();
    let (before, fourth) = run("cat, house, tree");
    assert_eq!((before, fourth), (1, first));
    let (before, _) = run("cat, tree, house");
    assert_eq!(before, 0);

    let more = ["--words", "cat", "--skip-existing", "--outputs"];
    for (kinds, lacks) in [("labels", "json"), ("json,coco", "labels")] {
        let output = segment(&[folder.as_ref()], &out, &[&more[..], &[kinds]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("needs {lacks}")), "{said}");
    }
}

#[test]
fn segment_reads_words_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 5);
    let (list, out) = (path(&directory, "words.txt"), path(&directory, "out"));
    let named = |contents: &[u8]| {
        std::fs::write(&list, contents).unwrap();
        let output = segment(
            &[picture.as_ref()],
            &out,
            &["--words-file", &list, "--json"],
        );
        assert!(output.status.success(), "{output:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let classes = answer["classes"].as_array().unwrap().iter();
        let names: Vec<String> = classes
            .map(|c| c["name"].as_str().unwrap().into())
            .collect();
        names.join("|")
    };
    assert_eq!(named(b"cat\nhouse/cottage\n\ntree\n"), "cat|house|tree");
    assert_eq!(named(b"\xef\xbb\xbfcat\r\nhouse"), "cat|house");
    assert_eq!(named("猫，家；木".as_bytes()), "猫|家|木");
    let base = ["segment", picture.as_str(), "--out", out.as_str()];
    let with = |more: &[&str], code: i32, word: &str| {
        fails(&[&base[..], more].concat(), code, word);
    };
    std::fs::write(&list, " \n,;").unwrap();
    with(&["--words-file", &list], 1, "words.txt");
    std::fs::write(&list, b"ch\xe2teau").unwrap();
    with(&["--words-file", &list], 1, "words.txt");
    with(&["--words-file", "/nowhere.txt"], 1, "nowhere.txt");
    with(&["--words-file", &list, "--words", "cat"], 2, "--words");
    with(&[], 2, "--words-file");
}

/// `wordmask … | head -1`: the reader goes away before everything is written.
#[cfg(unix)]
#[test]
fn println_ends_quietly_when_the_reader_goes_away() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 5);
    let out = path(&directory, "out");
    let info: &[&str] = &["info"];
    let segment = [
        "segment", &picture, "--words", "cat", "--out", &out, "--device", "cpu",
    ];
    for args in [info, &["info", "--json"], &["--help"], &segment] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wordmask"))
            .args(args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    }
    // Nobody may read what failed, either.
    let mut child = Command::new(env!("CARGO_BIN_EXE_wordmask"))
        .args(["info", "/nowhere"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// A disk that is full must not look like success.
#[cfg(target_os = "linux")]
#[test]
fn println_fails_where_output_cannot_be_written() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wordmask"))
        .arg("info")
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard output"), "{said}");
}

#[test]
fn segment_names_bad_words_and_options() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 5);
    let out = path(&directory, "masks");
    let with = |words: &str, word: &str| {
        let args = ["segment", &picture, "--words", words, "--out", &out];
        fails(&args, 1, word);
    };
    with("", "no words");
    with(&"x".repeat(10_000), "characters");
    with(
        &(0..201).map(|i| format!("w{i},")).collect::<String>(),
        "201 words",
    );
    with("cat, Cat", "at");
    let base = [
        "segment",
        picture.as_str(),
        "--words",
        "cat",
        "--out",
        out.as_str(),
    ];
    let plus = |more: &[&str], code: i32, word: &str| {
        let args: Vec<&str> = base.iter().chain(more).copied().collect();
        fails(&args, code, word);
    };
    plus(&["--threshold", "2"], 1, "threshold");
    plus(&["--threshold", "NaN"], 1, "threshold");
    plus(
        &["--windows", "4294967295,112"],
        1,
        "larger than the picture",
    );
    plus(
        &["--windows", "4294967295,4294967295"],
        1,
        "larger than the picture",
    );
    plus(&["--windows", "4294967296,1"], 2, "windows");
    plus(&["--regions", "18446744073709551615"], 1, "regions");
    plus(&["--size", "0"], 1, "at least one pixel");
    plus(&["--outputs", "labels,paintings"], 2, "paintings");
    plus(&["--device", "abacus"], 2, "abacus");
    plus(&["--method", "magic"], 2, "magic");
    plus(&["--refine", "polish"], 2, "polish");
    plus(&["--model", "/nowhere"], 1, "wordmask.json");
    fails(&["segment", &picture], 2, "--words");
}

#[test]
fn segment_takes_unusual_words() {
    let directory = tempfile::tempdir().unwrap();
    let picture = scene_file(&directory, 6);
    let out = path(&directory, "masks");
    let words = "__proto__, 🦄, <script>, ÄÖÜ, 日本";
    let output = wordmask(&[
        "segment", &picture, "--words", words, "--out", &out, "--json",
    ]);
    assert!(output.status.success(), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["classes"][0]["name"], "__proto__");
    assert_eq!(answer["classes"].as_array().unwrap().len(), 5);
}

#[test]
fn report_is_json_where_json_was_asked_for() {
    let output = wordmask(&["info", "/nowhere", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "io");
}

#[test]
fn import_then_info() {
    let directory = tempfile::tempdir().unwrap();
    let out = path(&directory, "bundle");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-clip");
    for scheme in ["f32", "f16", "q8", "q4"] {
        let output = wordmask(&[
            "import",
            source,
            "--quant",
            scheme,
            "--words",
            "sky, grass",
            "--pipeline",
            "naclip+tlp",
            "--out",
            &out,
        ]);
        assert!(output.status.success(), "{output:?}");
        let output = wordmask(&["info", &out, "--json"]);
        let manifest: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(manifest["scheme"], scheme);
        assert_eq!(manifest["architecture"]["vision"]["layers"], 3);
        assert_eq!(manifest["words"]["file"], "words-00.safetensors");
        assert_eq!(manifest["pipeline"], "naclip+tlp");
    }
    // What is no path is a name of the catalogue, and the names are listed.
    fails(&["import", "/nowhere", "--out", &out], 1, "laion-b16");
    fails(&["import", "./nowhere", "--out", &out], 1, "laion-b16");
    fails(&["import", "b17", "--out", &out], 1, "laion-b16");
    fails(&["import", source, "--quant", "q3", "--out", &out], 2, "q3");
    fails(
        &["import", source, "--words", "", "--out", &out],
        2,
        "--words",
    );
    for size in ["0", "16385"] {
        let args = ["import", source, "--picture-size", size, "--out", &out];
        fails(&args, 2, "16384");
    }
}

#[test]
fn import_reports_what_it_measured_and_takes_a_guide() {
    let directory = tempfile::tempdir().unwrap();
    let out = path(&directory, "bundle");
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let source = format!("{fixtures}/layouts/open-clip");
    let found = format!("{fixtures}/found/dino.pth");
    let head = format!("{fixtures}/found/decoder_weights.pt");
    let mut args = vec![
        "import", &source, "--quant", "f16", "--words", "none", "--json", "--out", &out,
    ];
    args.extend(["--found", &found]);
    fails(&args, 2, "--found-head");
    args.extend(["--found-head", &head]);
    let output = wordmask(&args);
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cosine = report["fidelity"]["dense_cosine"].as_f64().unwrap();
    assert!((0.9999..=1.000_001).contains(&cosine), "{report}");
    assert!(report["tensors"][0]["relative"].is_number());
    let output = wordmask(&["info", &out, "--json"]);
    let manifest: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(manifest["guide"]["tower"]["patch"], 4);

    let picture = scene_file(&directory, 3);
    let output = wordmask(&[
        "segment",
        &picture,
        "--words",
        "cat, house",
        "--method",
        "clip-diy",
        "--guidance",
        "found",
        "--crops",
        "10",
        "--model",
        &out,
        "--out",
        &path(&directory, "masks"),
    ]);
    assert!(output.status.success(), "{output:?}");
}

/// The model of a fixture with one block of which 4 bits lose nearly everything: in each group of
/// weights that share a scale, one is far larger than the others, and reads nothing.
fn hard_to_quantise(directory: &tempfile::TempDir) -> String {
    const GROUP: usize = 32;
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-clip");
    let out = directory.path().join("hard");
    std::fs::create_dir(&out).unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), out.join(entry.file_name())).unwrap();
    }
    let file = out.join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    for (name, value) in [
        ("self_attn.v_proj.weight", 50.0f32),
        ("mlp.fc1.weight", 50.0),
        ("layer_norm1.weight", 0.0),
        ("layer_norm1.bias", 0.0),
        ("layer_norm2.weight", 0.0),
        ("layer_norm2.bias", 0.0),
    ] {
        let name = format!("vision_model.encoder.layers.1.{name}");
        let place = {
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            let data = tensors.tensor(&name).unwrap().data();
            let start = data.as_ptr() as usize - bytes.as_ptr() as usize;
            start..start + data.len()
        };
        for group in bytes[place].chunks_mut(4 * GROUP) {
            group[..4].copy_from_slice(&value.to_le_bytes());
        }
    }
    std::fs::write(&file, bytes).unwrap();
    out.to_str().unwrap().to_owned()
}

#[test]
fn import_keeps_a_block_that_loses_too_much() {
    let directory = tempfile::tempdir().unwrap();
    let out = path(&directory, "bundle");
    let source = hard_to_quantise(&directory);
    let mut args = vec![
        "import", &source, "--quant", "q4", "--words", "none", "--json",
    ];
    args.extend(["--out", &out]);
    let report = |args: &[&str]| -> serde_json::Value {
        let output = wordmask(args);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let cosine = |report: &serde_json::Value| report["fidelity"]["dense_cosine"].as_f64().unwrap();
    let kept = report(&args);
    assert_eq!(kept["kept"], serde_json::json!([1]));
    assert!(cosine(&kept) >= 0.98, "{kept}");
    let picture = scene_file(&directory, 3);
    let masks = path(&directory, "masks");
    let segment = [
        "segment", &picture, "--words", "cat", "--model", &out, "--out", &masks,
    ];
    let output = wordmask(&segment);
    assert!(output.status.success(), "{output:?}");
    // Who accepts the loss gets the small one.
    args.push("--accept-loss");
    let lossy = report(&args);
    assert_eq!(lossy["kept"], serde_json::json!([]));
    assert!(cosine(&lossy) < 0.98, "{lossy}");
}

#[test]
fn classify_names_masks() {
    let directory = tempfile::tempdir().unwrap();
    let scene = scene::generate(11);
    let picture = path(&directory, "scene.png");
    let size = (scene.width as u32, scene.height as u32);
    image::RgbImage::from_raw(size.0, size.1, scene.rgb.clone())
        .unwrap()
        .save(&picture)
        .unwrap();
    let masks = path(&directory, "masks.png");
    let labels = scene
        .instances
        .iter()
        .map(|&i| if i == 0 { 255 } else { i })
        .collect();
    image::GrayImage::from_raw(size.0, size.1, labels)
        .unwrap()
        .save(&masks)
        .unwrap();
    let words = scene::THINGS.map(|kind| kind.name).join(",");
    let args = [
        "classify", &picture, "--masks", &masks, "--words", &words, "--device", "cpu",
    ];
    let output = wordmask(&[&args[..], &["--json"]].concat());
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut masks_seen = 0;
    for line in lines.lines() {
        let named: serde_json::Value = serde_json::from_str(line).unwrap();
        let scores: Vec<f64> = named["names"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n["score"].as_f64().unwrap())
            .collect();
        assert_eq!(scores.len(), scene::THINGS.len());
        assert!(scores.windows(2).all(|w| w[0] >= w[1]));
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-4);
        masks_seen += 1;
    }
    assert!(masks_seen > 0);
    let wrong = path(&directory, "wrong.png");
    image::GrayImage::from_pixel(3, 3, image::Luma([1]))
        .save(&wrong)
        .unwrap();
    fails(
        &[
            "classify", &picture, "--masks", &wrong, "--words", "cat", "--device", "cpu",
        ],
        1,
        "picture's size",
    );
    fails(
        &[
            "classify", &picture, "--masks", &picture, "--words", "cat", "--device", "cpu",
        ],
        1,
        "8-bit PNG",
    );
}

#[test]
fn scenes_ends_where_the_seeds_do() {
    let directory = tempfile::tempdir().unwrap();
    let out = path(&directory, "scenes");
    let last = u64::MAX.to_string();
    let args = ["scenes", "--count", "2", "--seed", &last, "--out", &out];
    fails(&args, 1, "seeds");
    assert!(!Path::new(&out).exists());
}

#[test]
fn scenes_writes_pictures_masks_and_captions() {
    let directory = tempfile::tempdir().unwrap();
    let out = path(&directory, "scenes");
    let output = wordmask(&["scenes", "--count", "2", "--seed", "11", "--out", &out]);
    assert!(output.status.success(), "{output:?}");
    let scene = scene::generate(11);
    let read = |folder: &str| {
        let file = Path::new(&out).join(folder).join("000000.png");
        image::open(file).unwrap()
    };
    assert_eq!(read("pictures").to_rgb8().into_raw(), scene.rgb);
    assert_eq!(read("masks").to_luma8().into_raw(), scene.truth);
    let lines = std::fs::read_to_string(Path::new(&out).join("scenes.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 2);
}

/// Splits a command line as a shell does, as far as the README's need it.
fn split(line: &str) -> Vec<String> {
    line.split('"')
        .enumerate()
        .flat_map(|(index, piece)| -> Vec<String> {
            if index % 2 == 1 {
                vec![piece.to_owned()]
            } else {
                piece.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

#[test]
fn readme_commands_work() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // They name files of the repository, and write beside them: here, a copy of the samples.
    let samples = directory.path().join("www/samples");
    std::fs::create_dir_all(&samples).unwrap();
    for entry in std::fs::read_dir(root.join("www/samples")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), samples.join(entry.file_name())).unwrap();
    }
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.trim().strip_prefix("cargo run --release -- "))
        // These stand for files that the reader has to bring, or need the hub, which the tests of
        // `hub` play.
        .filter(|line| !line.contains("path/to") && !line.contains("photo.jpg"))
        .filter(|line| !line.starts_with("import openai/"))
        .collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_wordmask"))
            .args(split(command))
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }
}
