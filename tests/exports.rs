//! Exports are, byte for byte, the files that the formats' own readers have opened:
//! `tests/fixtures/check_exports.py` compares their masks with the pixels.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail on what it cannot write"
)]

use std::fs;
use std::path::{Path, PathBuf};

use wordmask::mask::{
    AnnotatedPicture, FORMATS, LabelMap, Legend, ObjectOptions, UNLABELLED, label_png, objects,
    read_label_png, to_geojson, to_svg,
};

const WIDTH: u32 = 96;
const HEIGHT: u32 = 64;

/// A disc with a hole, a neighbour that lies over it, a thin line, an island in two pieces, and a
/// part that a corner alone joins to another.
fn label_of(x: i64, y: i64) -> u8 {
    let in_disc = |cx: i64, cy: i64, r: i64| (x - cx).pow(2) + (y - cy).pow(2) < r * r;
    let in_box = |left: i64, top: i64, right: i64, bottom: i64| {
        (left..right).contains(&x) && (top..bottom).contains(&y)
    };
    if in_disc(30, 30, 8) || y == 60 && x > 50 {
        UNLABELLED
    } else if in_disc(52, 36, 14) {
        1
    } else if in_disc(30, 30, 22) {
        0
    } else if in_box(76, 6, 86, 16) || in_box(86, 16, 92, 24) || in_disc(80, 44, 9) {
        2
    } else if (x + y) % 90 == 88 {
        1
    } else {
        UNLABELLED
    }
}

fn map() -> LabelMap {
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    let labels = pixels.map(|(x, y)| label_of(x.into(), y.into()));
    LabelMap::new(WIDTH, HEIGHT, labels.collect()).unwrap()
}

fn legend() -> Legend {
    Legend::from_names(["tv/monitor", "café <\"&'>: 1", "kite"]).unwrap()
}

/// Writes all exports of the picture, whole classes and instances, into a folder.
fn write_all(folder: &Path) {
    let (map, legend) = (map(), legend());
    let write = |path: PathBuf, contents: &[u8]| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A release changes nothing.
        match std::str::from_utf8(contents) {
            Ok(text) => fs::write(path, text.replace(env!("CARGO_PKG_VERSION"), "VERSION")),
            Err(_) => fs::write(path, contents),
        }
        .unwrap();
    };
    write(
        folder.join("labels.png"),
        &label_png(&map, &legend).unwrap(),
    );
    for (name, instances) in [("classes", false), ("instances", true)] {
        let folder = folder.join(name);
        let options = ObjectOptions {
            instances,
            ..ObjectOptions::default()
        };
        let mut objects = objects(&map, &options).unwrap();
        for (index, object) in objects.iter_mut().enumerate() {
            object.score = Some(0.5 + 0.0625 * index as f32);
        }
        let picture = AnnotatedPicture {
            file_name: "a/picture.png",
            map: &map,
            legend: &legend,
            objects: &objects,
            instances,
        };
        write(
            folder.join("picture.svg"),
            to_svg(&picture).unwrap().as_bytes(),
        );
        let geojson = to_geojson(&picture).unwrap();
        write(folder.join("picture.geojson"), geojson.as_bytes());
        for format in FORMATS {
            let mut dataset = format.dataset(legend.clone());
            let mut files = dataset.add(&picture).unwrap();
            files.extend(dataset.finish().unwrap());
            for file in files {
                write(folder.join(format.name).join(&file.path), &file.contents);
            }
        }
    }
}

/// All files below a folder, relative to it, sorted.
fn files(folder: &Path, below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(folder, &path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file's contents, whatever the compression.
fn contents(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "png") {
        return read_label_png(&bytes).unwrap().labels().to_vec();
    }
    bytes
}

#[test]
fn exports_are_those_that_readers_have_opened() {
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exports");
    // There may be nothing of an earlier run.
    let _ = fs::remove_dir_all(&written);
    write_all(&written);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    let all = files(&written, Path::new(""));
    let ask = format!(
        "copy {} to {} and run tests/fixtures/check_exports.py",
        written.display(),
        kept.display()
    );
    assert_eq!(all, files(&kept, Path::new("")), "{ask}");
    for file in all {
        let same = contents(&written.join(&file)) == contents(&kept.join(&file));
        assert!(same, "{} differs; {ask}", file.display());
    }
}
