use std::fs;
use std::path::Path;

use ::image::{ImageFormat, Rgb, RgbImage};
use ::png::{BitDepth, ColorType, Encoder};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::mask::{LabelMap, Rle};

/// Writes a file, with the folders it is in.
fn write(dir: &Path, path: &str, bytes: &[u8]) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A picture in the format of its name's ending.
fn picture(dir: &Path, path: &str, width: u32, height: u32) {
    let rgb = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 128]));
    let format = ImageFormat::from_path(path).unwrap();
    let mut bytes = Vec::new();
    rgb.write_to(&mut std::io::Cursor::new(&mut bytes), format)
        .unwrap();
    write(dir, path, &bytes);
}

/// A PNG file of stored samples. A palette's colours are of no use to a reader of indices: all
/// the same.
fn png(color: ColorType, depth: BitDepth, width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![7; 256 * 3]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

fn grey(width: u32, height: u32, labels: &[u8]) -> Vec<u8> {
    png(ColorType::Grayscale, BitDepth::Eight, width, height, labels)
}

fn palette(width: u32, height: u32, labels: &[u8]) -> Vec<u8> {
    png(ColorType::Indexed, BitDepth::Eight, width, height, labels)
}

fn truth(kind: DatasetKind, dir: &Path) -> Vec<u8> {
    Dataset::open(kind, dir).unwrap().read(0).unwrap().truth
}

/// The message of a refusal, which must be the caller's fault and name what `names` has.
fn refusal<T: std::fmt::Debug>(result: Result<T>, names: &[&str]) {
    let error = result.unwrap_err();
    let message = error.to_string();
    assert_eq!(error.code(), "input", "{message}");
    for name in names {
        assert!(message.contains(name), "no {name} in: {message}");
    }
}

/// PASCAL VOC 2012 with two pictures of 3x2.
fn voc_folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = "VOCdevkit/VOC2012";
    let list = format!("{root}/ImageSets/Segmentation/val.txt");
    write(dir.path(), &list, b"2007_000033\r\n2007_000042\n");
    for id in ["2007_000033", "2007_000042"] {
        picture(dir.path(), &format!("{root}/JPEGImages/{id}.jpg"), 3, 2);
        let mask = palette(3, 2, &[0, 1, 20, 255, 15, 0]);
        write(
            dir.path(),
            &format!("{root}/SegmentationClass/{id}.png"),
            &mask,
        );
    }
    dir
}

const VOC_MASK: &str = "VOCdevkit/VOC2012/SegmentationClass/2007_000033.png";
const VOC_PICTURE: &str = "VOCdevkit/VOC2012/JPEGImages/2007_000033.jpg";

#[test]
fn dataset_kind_comes_back_from_its_name() {
    for kind in DatasetKind::ALL {
        assert_eq!(kind.to_string().parse::<DatasetKind>().unwrap(), kind);
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.name()));
        assert_eq!(
            serde_json::from_value::<DatasetKind>(json!(kind.name())).unwrap(),
            kind
        );
    }
    refusal("voc".parse::<DatasetKind>(), &["“voc”", "voc20", "camvid"]);
}

#[test]
fn own_is_complete_for_each_kind() {
    use DatasetKind::*;
    for (kind, count, first, last) in [
        (Voc20, 20, "aeroplane", "television"),
        (Voc21, 20, "aeroplane", "television"),
        (Context59, 59, "aeroplane", "wood"),
        (Context60, 59, "aeroplane", "wood"),
        (CocoObject, 80, "person", "toothbrush"),
        (CocoStuff, 171, "person", "wood"),
        (Ade20k, 150, "wall", "flag"),
        (Cityscapes, 19, "road", "bicycle"),
        (Camvid, 11, "sky", "cyclist"),
    ] {
        let classes = ClassNames::own(kind).unwrap().classes;
        assert_eq!(
            (classes.len(), kind.class_count()),
            (count, count),
            "{kind}"
        );
        assert_eq!(
            (&*classes[0][0], &*classes[count - 1][0]),
            (first, last),
            "{kind}"
        );
    }
    // Where the lists' order could slip: names in the middle, at their published places.
    let name = |kind, class: usize| ClassNames::own(kind).unwrap().classes[class][0].clone();
    assert_eq!(name(Voc20, 14), "person");
    assert_eq!(name(Context59, 29), "ground");
    assert_eq!(name(CocoObject, 39), "bottle");
    assert_eq!(name(CocoStuff, 80), "banner");
    assert_eq!(name(CocoStuff, 126), "net");
    assert_eq!(name(Ade20k, 74), "computer");
    assert_eq!(name(Cityscapes, 10), "sky");
}

#[test]
fn parse_classes_reads_a_list_of_ones_own() {
    let classes = parse_classes("\u{feff}cat, kitten\r\n\n tv/monitor , flat  screen\n").unwrap();
    assert_eq!(
        classes,
        [vec!["cat", "kitten"], vec!["tv", "monitor", "flat screen"]]
    );
    refusal(parse_classes(" \n"), &["no classes"]);
    refusal(parse_classes("cat\ndog,,puppy"), &["Line 2", "empty"]);
    refusal(
        parse_classes("cat\ndog, Dog"),
        &["line 2", "“Dog”", "twice"],
    );
    // As many names as SCLIP's list has for the background, and more.
    let many: Vec<String> = (0..100).map(|i| format!("name {i}")).collect();
    assert_eq!(parse_classes(&many.join(", ")).unwrap(), [many]);
}

/// The lines of a list of 20 classes.
fn twenty() -> Vec<Vec<String>> {
    (0..20).map(|i| vec![format!("class {i}")]).collect()
}

#[test]
fn from_lines_refuses_a_list_that_does_not_fit() {
    let words = twenty();
    let background = vec!["Wall".to_owned(), "class 3".to_owned()];
    let longer = [vec![background.clone()], words.clone()].concat();
    let own = ClassNames::from_lines(DatasetKind::Voc20, words.clone()).unwrap();
    assert_eq!((own.background, &own.classes), (None, &words));
    // The background may have a name of a class; two classes may not.
    let own = ClassNames::from_lines(DatasetKind::Voc21, longer.clone()).unwrap();
    assert_eq!((own.background, &own.classes), (Some(background), &words));
    refusal(
        ClassNames::from_lines(DatasetKind::Voc20, longer),
        &["21 classes", "20"],
    );
    refusal(
        ClassNames::from_lines(DatasetKind::Voc21, words[1..].to_vec()),
        &["19 classes", "20", "background first"],
    );
    let mut shared = words;
    shared[7].push("CLASS 2".into());
    refusal(
        ClassNames::from_lines(DatasetKind::Voc20, shared),
        &["“CLASS 2”", "“class 2”", "“class 7”"],
    );
}

#[test]
fn with_names_changes_the_list() {
    let dir = voc_folder();
    let names = ClassNames::from_lines(DatasetKind::Voc20, twenty()).unwrap();
    let data = Dataset::open(DatasetKind::Voc20, dir.path()).unwrap();
    assert_eq!(data.with_names(names.clone()).names(), &names);
}

#[test]
fn sclip_loads_as_published() {
    let lines = |text| parse_classes(text).unwrap();
    for (kind, text, background, last) in [
        (
            DatasetKind::Voc21,
            include_str!("classes/sclip/voc21.txt"),
            26,
            "television monitor",
        ),
        (
            DatasetKind::CocoObject,
            include_str!("classes/sclip/coco-object.txt"),
            26,
            "toothbrush",
        ),
        (
            DatasetKind::Context60,
            include_str!("classes/sclip/context60.txt"),
            1,
            "wood",
        ),
    ] {
        let names = ClassNames::from_lines(kind, lines(text)).unwrap();
        assert_eq!(names.background.as_ref().map(Vec::len), Some(background));
        assert_eq!(names.classes.last().unwrap()[0], last);
        assert_eq!(ClassNames::sclip(kind).unwrap(), Some(names));
    }
    let sclip = |kind| ClassNames::sclip(kind).unwrap().unwrap().classes;
    assert_eq!(sclip(DatasetKind::Voc20), sclip(DatasetKind::Voc21));
    assert_eq!(sclip(DatasetKind::Voc20)[14].len(), 7);
    assert_eq!(sclip(DatasetKind::Voc20)[3], ["ship"]);
    assert_eq!(sclip(DatasetKind::Context59), sclip(DatasetKind::Context60));
    assert_eq!(sclip(DatasetKind::CocoObject)[0].len(), 8);
    assert_eq!(sclip(DatasetKind::CocoStuff)[9], ["trafficlight"]);
    assert_eq!(sclip(DatasetKind::CocoStuff)[84], ["building-other"]);
    assert_eq!(sclip(DatasetKind::Ade20k)[44], ["chestofdrawers"]);
    assert_eq!(sclip(DatasetKind::Cityscapes)[7], ["trafficsign"]);
    assert_eq!(ClassNames::sclip(DatasetKind::Camvid).unwrap(), None);
}

/// What is measured with our own names is no number of SCLIP's protocol.
#[test]
fn own_differs_from_sclip() {
    for (kind, lines) in [
        (DatasetKind::Voc20, 9),
        (DatasetKind::Context59, 26),
        (DatasetKind::CocoObject, 21),
        (DatasetKind::CocoStuff, 76),
        (DatasetKind::Ade20k, 62),
        (DatasetKind::Cityscapes, 12),
    ] {
        let own = ClassNames::own(kind).unwrap().classes;
        let sclip = ClassNames::sclip(kind).unwrap().unwrap().classes;
        let differing = own.iter().zip(&sclip).filter(|(own, sclip)| own != sclip);
        assert_eq!(differing.count(), lines, "{kind}");
    }
}

#[test]
fn listing_tells_files_apart() {
    let dir = voc_folder();
    let open = || Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    let listing = open().listing().unwrap();
    assert_eq!(listing.len(), 2);
    assert!(listing[0].starts_with(VOC_PICTURE) && listing[0].contains(VOC_MASK));
    // The same folder under another path is the same data set.
    let inside = dir.path().join("VOCdevkit");
    let inside = Dataset::open(DatasetKind::Voc21, &inside).unwrap();
    assert_eq!(inside.truth_files(), "VOC2012/SegmentationClass/*.png");
    let mask = fs::read(dir.path().join(VOC_MASK)).unwrap();
    write(dir.path(), VOC_MASK, &[mask, vec![0]].concat());
    let changed = open().listing().unwrap();
    assert_ne!(changed[0], listing[0]);
    assert_eq!(changed[1], listing[1]);
}

#[test]
fn truth_files_say_which_layout_was_read() {
    let dir = tempfile::tempdir().unwrap();
    for city in ["munster", "frankfurt"] {
        let id = format!("{city}_000000_000294");
        let path = format!("leftImg8bit/val/{city}/{id}_leftImg8bit.png");
        picture(dir.path(), &path, 4, 2);
        let path = format!("gtFine/val/{city}/{id}_gtFine_labelIds.png");
        write(dir.path(), &path, &grey(4, 2, &[7; 8]));
    }
    let data = Dataset::open(DatasetKind::Cityscapes, dir.path()).unwrap();
    assert_eq!(data.truth_files(), "gtFine/val/*/*_gtFine_labelIds.png");
    let dir = coco_folder(&json!([]));
    let data = Dataset::open(DatasetKind::CocoObject, dir.path()).unwrap();
    assert_eq!(data.truth_files(), "annotations/instances_val2017.json");
}

/// Masks are drawn over the stored pixels, whatever a camera wrote into the file.
#[test]
fn read_keeps_the_stored_orientation() {
    let dir = voc_folder();
    let plain = fs::read(dir.path().join(VOC_PICTURE)).unwrap();
    // The orientation "turn by 90 degrees" as the only entry of an EXIF block, after the start.
    let exif = b"\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\
        \x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00";
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    assert_eq!(
        Picture::decode(&turned).unwrap().width(),
        2,
        "it is turned by EXIF"
    );
    write(dir.path(), VOC_PICTURE, &turned);
    let data = Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    let sample = data.read(0).unwrap();
    assert_eq!((sample.picture.width(), sample.picture.height()), (3, 2));
    assert_eq!(sample.picture, Picture::decode(&plain).unwrap());
    assert_eq!(sample.truth, [0, 1, 20, 255, 15, 0]);
}

#[test]
fn voc_is_read() {
    let dir = voc_folder();
    let data = Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    assert_eq!(
        (data.kind(), data.len(), data.is_empty()),
        (DatasetKind::Voc21, 2, false)
    );
    assert_eq!((data.id(0), data.id(1)), ("2007_000033", "2007_000042"));
    assert!(data.has_background());
    assert_eq!(data.names().classes[19][0], "television");
    let sample = data.read(1).unwrap();
    assert_eq!((sample.picture.width(), sample.picture.height()), (3, 2));
    assert_eq!(sample.truth, [0, 1, 20, 255, 15, 0]);

    assert_eq!(
        truth(DatasetKind::Voc20, dir.path()),
        [255, 0, 19, 255, 14, 255]
    );
    assert!(!DatasetKind::Voc20.has_background());
    for root in ["VOCdevkit", "VOCdevkit/VOC2012"] {
        assert_eq!(
            Dataset::open(DatasetKind::Voc20, &dir.path().join(root))
                .unwrap()
                .len(),
            2
        );
    }
}

#[test]
fn read_reads_labels_of_all_depths() {
    let dir = voc_folder();
    let four = [0x01, 0xF0, 0xF1, 0x00];
    let two = [0b0001_1000, 0b1100_0100];
    let sixteen = [0, 0, 0, 1, 0, 20, 0, 255, 0, 15, 0, 0];
    for (color, depth, data, want) in [
        (
            ColorType::Grayscale,
            BitDepth::Sixteen,
            &sixteen[..],
            [0, 1, 20, 255, 15, 0],
        ),
        (
            ColorType::Grayscale,
            BitDepth::Four,
            &four,
            [0, 1, 15, 15, 1, 0],
        ),
        (
            ColorType::Indexed,
            BitDepth::Four,
            &four,
            [0, 1, 15, 15, 1, 0],
        ),
        (ColorType::Indexed, BitDepth::Two, &two, [0, 1, 2, 3, 0, 1]),
        (
            ColorType::Indexed,
            BitDepth::One,
            &[0b0110_0000, 0b1000_0000],
            [0, 1, 1, 1, 0, 0],
        ),
    ] {
        write(dir.path(), VOC_MASK, &png(color, depth, 3, 2, data));
        assert_eq!(
            truth(DatasetKind::Voc21, dir.path()),
            want,
            "{color:?} {depth:?}"
        );
    }
}

#[test]
fn read_refuses_labels_of_another_data_set() {
    let dir = voc_folder();
    let read = || {
        Dataset::open(DatasetKind::Voc21, dir.path())
            .unwrap()
            .read(0)
    };
    write(dir.path(), VOC_MASK, &grey(3, 2, &[0, 1, 21, 0, 0, 0]));
    refusal(read(), &["2007_000033.png", "label 21"]);
    // 257 = 1 in its low byte.
    let wide = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    write(
        dir.path(),
        VOC_MASK,
        &png(ColorType::Grayscale, BitDepth::Sixteen, 3, 2, &wide),
    );
    refusal(read(), &["2007_000033.png", "label 257"]);
    write(
        dir.path(),
        VOC_MASK,
        &png(ColorType::Rgb, BitDepth::Eight, 3, 2, &[0; 18]),
    );
    refusal(read(), &["2007_000033.png", "colours"]);
}

#[test]
fn read_refuses_sizes_that_disagree() {
    let dir = voc_folder();
    write(dir.path(), VOC_MASK, &palette(2, 3, &[0; 6]));
    let result = Dataset::open(DatasetKind::Voc21, dir.path())
        .unwrap()
        .read(0);
    refusal(result, &["2007_000033.png", "2x3", "3x2"]);
}

#[test]
fn read_refuses_files_cut_at_any_length() {
    let dir = voc_folder();
    let data = Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    for (path, name) in [
        (VOC_MASK, "2007_000033.png"),
        (VOC_PICTURE, "2007_000033.jpg"),
    ] {
        let whole = fs::read(dir.path().join(path)).unwrap();
        for length in (0..whole.len())
            .step_by(whole.len().div_ceil(60))
            .chain([whole.len() - 1])
        {
            write(dir.path(), path, &whole[..length]);
            refusal(data.read(0), &[name]);
        }
        write(dir.path(), path, &whole);
        data.read(0).unwrap();
    }
}

#[test]
fn read_refuses_files_with_wrong_bytes() {
    let dir = voc_folder();
    let data = Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    let whole = fs::read(dir.path().join(VOC_MASK)).unwrap();
    for position in 0..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 0x10;
        write(dir.path(), VOC_MASK, &changed);
        refusal(data.read(0), &["2007_000033.png"]);
    }
}

#[test]
fn open_names_missing_files() {
    let dir = voc_folder();
    let data = Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    for (path, name) in [
        (VOC_MASK, "2007_000033.png"),
        (VOC_PICTURE, "2007_000033.jpg"),
    ] {
        let whole = fs::read(dir.path().join(path)).unwrap();
        fs::remove_file(dir.path().join(path)).unwrap();
        refusal(data.read(0), &[name]);
        refusal(Dataset::open(DatasetKind::Voc21, dir.path()), &[name]);
        write(dir.path(), path, &whole);
    }
}

#[test]
fn read_refuses_an_index_beyond_the_last() {
    let dir = voc_folder();
    let data = Dataset::open(DatasetKind::Voc21, dir.path()).unwrap();
    for index in [2, usize::MAX] {
        refusal(
            data.read(index),
            &[&index.to_string(), "PASCAL VOC 2012 has 2"],
        );
        assert_eq!(data.id(index), "");
    }
}

#[test]
fn open_refuses_lists_of_anything_but_names() {
    let dir = voc_folder();
    let list = "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt";
    for (text, says) in [
        (&b"\n \n"[..], "lists no picture"),
        (b"\xff\xfe", "not text"),
        (b"../../../etc/passwd", "not the name of a file"),
        (b"2007_000033\n2007_000033", "listed twice"),
        (b"2007_000033\n2007_999999", "2007_999999.jpg"),
    ] {
        write(dir.path(), list, text);
        refusal(Dataset::open(DatasetKind::Voc20, dir.path()), &[says]);
    }
}

#[test]
fn open_says_what_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, looked_for) in [
        (DatasetKind::Voc20, "ImageSets/Segmentation/val.txt"),
        (DatasetKind::Voc21, "VOCdevkit/VOC2012"),
        (
            DatasetKind::Context59,
            "ImageSets/SegmentationContext/val.txt",
        ),
        (
            DatasetKind::Context60,
            "ImageSets/SegmentationContext/val.txt",
        ),
        (DatasetKind::CocoObject, "images/val2017"),
        (DatasetKind::CocoStuff, "images/val2017"),
        (DatasetKind::Ade20k, "images/validation"),
        (DatasetKind::Cityscapes, "leftImg8bit/val"),
        (DatasetKind::Camvid, "701_StillsRaw_full"),
    ] {
        let place = dir.path().display().to_string();
        refusal(
            Dataset::open(kind, dir.path()),
            &[looked_for, &place, kind.title()],
        );
        let nowhere = dir.path().join("nowhere");
        refusal(Dataset::open(kind, &nowhere), &["not a folder", "nowhere"]);
    }
    write(dir.path(), "images/val2017/000000000139.jpg", b"");
    for (kind, looked_for) in [
        (
            DatasetKind::CocoObject,
            "annotations/instances_val2017.json",
        ),
        (DatasetKind::CocoStuff, "000000000139_labelTrainIds.png"),
    ] {
        refusal(Dataset::open(kind, dir.path()), &[looked_for]);
    }
    write(
        dir.path(),
        "ImageSets/SegmentationContext/val.txt",
        b"2008_000002",
    );
    refusal(
        Dataset::open(DatasetKind::Context59, dir.path()),
        &["SegmentationClassContext", "59_context_labels"],
    );
}

#[test]
fn context_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = "VOCdevkit/VOC2010";
    picture(
        dir.path(),
        &format!("{root}/JPEGImages/2008_000002.jpg"),
        2,
        2,
    );
    write(
        dir.path(),
        &format!("{root}/ImageSets/Main/val.txt"),
        b"2008_000002\n",
    );
    // The authors' files: 0 none, 1 aeroplane, 2 bicycle, 59 wood.
    let path = "59_context_labels/2008_000002.png";
    write(dir.path(), path, &palette(2, 2, &[0, 1, 2, 59]));
    assert_eq!(truth(DatasetKind::Context60, dir.path()), [0, 1, 6, 59]);
    assert_eq!(truth(DatasetKind::Context59, dir.path()), [255, 0, 5, 58]);
    let classes = ClassNames::own(DatasetKind::Context59).unwrap().classes;
    assert_eq!(classes[5][0], "bicycle");

    // The conversion, which is by alphabet, comes first.
    let path = format!("{root}/SegmentationClassContext/2008_000002.png");
    write(dir.path(), &path, &palette(2, 2, &[0, 1, 2, 59]));
    assert_eq!(truth(DatasetKind::Context60, dir.path()), [0, 1, 2, 59]);
    assert_eq!(truth(DatasetKind::Context59, dir.path()), [255, 0, 1, 58]);

    write(dir.path(), &path, &palette(2, 2, &[60; 4]));
    let result = Dataset::open(DatasetKind::Context59, dir.path())
        .unwrap()
        .read(0);
    refusal(result, &["2008_000002.png", "label 60"]);
}

#[test]
fn context_names_the_same_classes_in_either_order() {
    let mut sorted = context::ORIGINAL_ORDER;
    sorted.sort_unstable();
    let reworded = [
        ("mouse", "computer mouse"),
        ("pottedplant", "potted plant"),
        ("track", "railway track"),
        ("tvmonitor", "television"),
    ];
    for (raw, names) in sorted
        .iter()
        .zip(ClassNames::own(DatasetKind::Context59).unwrap().classes)
    {
        let name = reworded
            .iter()
            .find(|(from, _)| from == raw)
            .map_or(*raw, |(_, to)| to);
        assert_eq!(names[0], name);
    }
}

#[test]
fn ade20k_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for id in ["ADE_val_00000002", "ADE_val_00000001"] {
        picture(
            dir.path(),
            &format!("ADEChallengeData2016/images/validation/{id}.jpg"),
            2,
            2,
        );
        let path = format!("ADEChallengeData2016/annotations/validation/{id}.png");
        write(dir.path(), &path, &grey(2, 2, &[0, 1, 75, 150]));
    }
    write(
        dir.path(),
        "ADEChallengeData2016/images/validation/._ADE_val_00000001.jpg",
        b"",
    );
    for root in [dir.path(), &dir.path().join("ADEChallengeData2016")] {
        let data = Dataset::open(DatasetKind::Ade20k, root).unwrap();
        assert_eq!(data.len(), 2);
        assert_eq!(data.id(0), "ADE_val_00000001");
        assert_eq!(data.read(0).unwrap().truth, [255, 0, 74, 149]);
    }
    let path = "ADEChallengeData2016/annotations/validation/ADE_val_00000001.png";
    write(dir.path(), path, &grey(2, 2, &[151; 4]));
    let result = Dataset::open(DatasetKind::Ade20k, dir.path())
        .unwrap()
        .read(0);
    refusal(result, &["ADE_val_00000001.png", "label 151"]);
}

#[test]
fn cityscapes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let id = "frankfurt_000000_000294";
    for city in ["munster", "frankfurt"] {
        let id = id.replace("frankfurt", city);
        let path = format!("leftImg8bit/val/{city}/{id}_leftImg8bit.png");
        picture(dir.path(), &path, 4, 2);
        let path = format!("gtFine/val/{city}/{id}_gtFine_labelIds.png");
        write(
            dir.path(),
            &path,
            &grey(4, 2, &[0, 6, 7, 8, 10, 11, 29, 33]),
        );
    }
    let data = Dataset::open(DatasetKind::Cityscapes, dir.path()).unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!((data.id(0), data.id(1)), (id, "munster_000000_000294"));
    assert_eq!(
        data.read(0).unwrap().truth,
        [255, 255, 0, 1, 255, 2, 255, 18]
    );

    for city in ["munster", "frankfurt"] {
        let id = id.replace("frankfurt", city);
        let path = format!("gtFine/val/{city}/{id}_gtFine_labelTrainIds.png");
        write(
            dir.path(),
            &path,
            &grey(4, 2, &[0, 1, 2, 10, 11, 18, 255, 255]),
        );
    }
    let converted = truth(DatasetKind::Cityscapes, dir.path());
    assert_eq!(converted, [0, 1, 2, 10, 11, 18, 255, 255]);

    let path = format!("gtFine/val/frankfurt/{id}_gtFine_labelTrainIds.png");
    write(dir.path(), &path, &grey(4, 2, &[19; 8]));
    let result = Dataset::open(DatasetKind::Cityscapes, dir.path())
        .unwrap()
        .read(0);
    refusal(result, &["labelTrainIds.png", "label 19"]);
}

#[test]
fn camvid_is_read_in_labels() {
    let dir = tempfile::tempdir().unwrap();
    picture(dir.path(), "CamVid/test/0001TP_008550.png", 3, 1);
    write(
        dir.path(),
        "CamVid/testannot/0001TP_008550.png",
        &grey(3, 1, &[0, 10, 11]),
    );
    for root in [dir.path(), &dir.path().join("CamVid")] {
        assert_eq!(truth(DatasetKind::Camvid, root), [0, 10, 255]);
    }
}

#[test]
fn camvid_is_read_in_colors() {
    let dir = tempfile::tempdir().unwrap();
    picture(dir.path(), "test/a.png", 3, 1);
    // SUVPickupTruck, LaneMkgsDriv, Void.
    let rgb = [64, 128, 192, 128, 0, 192, 0, 0, 0];
    let write_mask = |bytes: &[u8]| write(dir.path(), "test_labels/a_L.png", bytes);
    write_mask(&png(ColorType::Rgb, BitDepth::Eight, 3, 1, &rgb));
    assert_eq!(truth(DatasetKind::Camvid, dir.path()), [8, 3, 255]);
    let rgba = [64, 128, 192, 255, 128, 0, 192, 255, 0, 0, 0, 255];
    write_mask(&png(ColorType::Rgba, BitDepth::Eight, 3, 1, &rgba));
    assert_eq!(truth(DatasetKind::Camvid, dir.path()), [8, 3, 255]);

    let read = || {
        Dataset::open(DatasetKind::Camvid, dir.path())
            .unwrap()
            .read(0)
    };
    write_mask(&png(ColorType::Rgb, BitDepth::Eight, 3, 1, &[1; 9]));
    refusal(read(), &["a_L.png", "3 of its 3 pixels"]);
    write_mask(&grey(3, 1, &[0; 3]));
    refusal(read(), &["a_L.png", "colours"]);
}

#[test]
fn camvid_is_read_as_published() {
    let dir = tempfile::tempdir().unwrap();
    let sky = [128; 200 * 3];
    for id in [
        "0001TP_008520",
        "0001TP_008550",
        "0006R0_f00930",
        "0016E5_08550",
        "Seq05VD_f00000",
    ] {
        picture(dir.path(), &format!("701_StillsRaw_full/{id}.png"), 20, 10);
        let path = format!("LabeledApproved_full/{id}_L.png");
        let mut rgb = sky;
        rgb[..3].copy_from_slice(&[9; 3]);
        write(
            dir.path(),
            &path,
            &png(ColorType::Rgb, BitDepth::Eight, 20, 10, &rgb),
        );
    }
    let data = Dataset::open(DatasetKind::Camvid, dir.path()).unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!(
        (data.id(0), data.id(1)),
        ("0001TP_008550", "Seq05VD_f00000")
    );
    let truth = data.read(0).unwrap().truth;
    assert_eq!(truth[0], 255, "a few pixels may have a colour of no class");
    assert!(truth[1..].iter().all(|&class| class == 0));
}

#[test]
fn camvid_colors_are_32_and_reach_every_class() {
    let colors: std::collections::HashSet<_> =
        camvid::COLORS.iter().map(|(color, _)| color).collect();
    assert_eq!(colors.len(), 32);
    let classes: std::collections::BTreeSet<u8> =
        camvid::COLORS.iter().map(|(_, class)| *class).collect();
    assert_eq!(
        classes.into_iter().collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]
    );
}

#[test]
fn coco_stuff_is_read() {
    for (pictures, masks) in [
        ("images/val2017", "annotations/val2017"),
        ("val2017", "stuffthingmaps/val2017"),
        ("val2017", "stuffthingmaps_trainval2017/val2017"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        picture(dir.path(), &format!("{pictures}/000000000139.jpg"), 4, 2);
        let path = format!("{masks}/000000000139.png");
        // person, traffic light, fire hydrant, stop sign, toothbrush, banner, wood, unlabelled
        write(
            dir.path(),
            &path,
            &grey(4, 2, &[0, 9, 10, 12, 89, 91, 181, 255]),
        );
        let wanted = [0, 9, 10, 11, 79, 80, 170, 255];
        assert_eq!(truth(DatasetKind::CocoStuff, dir.path()), wanted);
        let classes = ClassNames::own(DatasetKind::CocoStuff).unwrap().classes;
        assert_eq!(
            (&*classes[11][0], &*classes[80][0]),
            ("stop sign", "banner")
        );
        let objects = truth(DatasetKind::CocoObject, dir.path());
        assert_eq!(objects, [1, 10, 11, 12, 80, 0, 0, 0]);

        // 11 would be "street sign", which is no category.
        write(dir.path(), &path, &grey(4, 2, &[11; 8]));
        let result = Dataset::open(DatasetKind::CocoStuff, dir.path())
            .unwrap()
            .read(0);
        refusal(result, &["000000000139.png", "label 11"]);

        let converted = format!("{masks}/000000000139_labelTrainIds.png");
        write(
            dir.path(),
            &converted,
            &grey(4, 2, &[0, 9, 10, 11, 79, 80, 170, 255]),
        );
        assert_eq!(truth(DatasetKind::CocoStuff, dir.path()), wanted);
        let converted = format!("{masks}/000000000139_instanceTrainIds.png");
        write(
            dir.path(),
            &converted,
            &grey(4, 2, &[0, 1, 80, 0, 0, 0, 0, 255]),
        );
        let objects = truth(DatasetKind::CocoObject, dir.path());
        assert_eq!(objects, [0, 1, 80, 0, 0, 0, 0, 255]);
    }
}

/// COCO with one picture of 10x8 and these annotations in it.
fn coco_folder(annotations: &Value) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    picture(dir.path(), "val2017/000000000139.jpg", 10, 8);
    let file = json!({
        "info": {"year": 2017},
        "images": [{"id": 139, "file_name": "000000000139.jpg", "width": 10, "height": 8, "license": 2}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    });
    write(
        dir.path(),
        "annotations/instances_val2017.json",
        file.to_string().as_bytes(),
    );
    dir
}

fn object(category: u32, area: f64, segmentation: &Value) -> Value {
    json!({"id": 1, "image_id": 139, "category_id": category, "area": area, "iscrowd": 0,
        "bbox": [0, 0, 1, 1], "segmentation": segmentation})
}

/// The pixels of a rectangle in a picture of 10x8.
fn in_rectangle(index: usize, x: usize, y: usize, width: usize, height: usize) -> bool {
    (x..x + width).contains(&(index % 10)) && (y..y + height).contains(&(index / 10))
}

#[test]
fn coco_instances_fill_polygons() {
    let dir = coco_folder(&json!([
        // The small dog stands before the large person, though it is listed first.
        object(18, 4.0, &json!([[2, 2, 4, 2, 4, 4, 2, 4]])),
        object(
            1,
            40.0,
            &json!([[1, 1, 6, 1, 6, 7, 1, 7], [8, 0, 10, 0, 10, 5, 8, 5]])
        ),
    ]));
    let data = Dataset::open(DatasetKind::CocoObject, dir.path()).unwrap();
    assert_eq!((data.len(), data.id(0)), (1, "000000000139"));
    let truth = data.read(0).unwrap().truth;
    for (index, &class) in truth.iter().enumerate() {
        let dog = in_rectangle(index, 2, 2, 2, 2);
        let person = in_rectangle(index, 1, 1, 5, 6) || in_rectangle(index, 8, 0, 2, 5);
        let wanted = if dog { 17 } else { u8::from(person) };
        assert_eq!(class, wanted, "pixel {index}");
    }
    assert_eq!(data.names().classes[16][0], "dog");
}

#[test]
fn coco_instances_leave_pictures_without_objects_to_the_background() {
    let dir = coco_folder(&json!([]));
    assert_eq!(truth(DatasetKind::CocoObject, dir.path()), [0; 80]);
}

#[test]
fn coco_instances_do_not_count_crowds() {
    let mut crowd = object(1, 1.0, &json!({"size": [8, 10], "counts": [0, 40, 40]}));
    crowd["iscrowd"] = json!(1);
    let dog = object(18, 2.0, &json!([[0, 0, 1, 0, 1, 2, 0, 2]]));
    let dir = coco_folder(&json!([dog, crowd]));
    for (index, class) in truth(DatasetKind::CocoObject, dir.path())
        .into_iter()
        .enumerate()
    {
        let wanted = match (index % 10, index / 10) {
            (0, 0 | 1) => 17,
            (0..5, _) => 255,
            _ => 0,
        };
        assert_eq!(class, wanted, "pixel {index}");
    }
}

#[test]
fn coco_instances_refuse_files_that_cannot_be_used() {
    let square = json!([[0, 0, 1, 0, 1, 1]]);
    for (annotation, says) in [
        (object(12, 1.0, &square), "category 12"),
        (object(92, 1.0, &square), "category 92"),
        (object(1000, 1.0, &square), "category 1000"),
        (object(1, 1.0, &json!("here")), "no COCO instance file"),
        (json!({"image_id": 139}), "no COCO instance file"),
        (
            json!({"image_id": 140, "category_id": 1, "area": 1, "segmentation": square}),
            "140",
        ),
    ] {
        let dir = coco_folder(&json!([annotation]));
        let result = Dataset::open(DatasetKind::CocoObject, dir.path());
        refusal(result, &["instances_val2017.json", says]);
    }
    for (shape, says) in [
        (json!([[0, 0, 1]]), "pairs"),
        (json!({"size": [10, 8], "counts": [80]}), "8x10"),
        (json!({"size": [8, 10], "counts": [79]}), "79"),
        (
            json!({"size": [8, 10], "counts": [u32::MAX, u32::MAX]}),
            "8589934590",
        ),
        (json!({"size": [8, 10], "counts": "1"}), "run-length"),
        (json!({"size": [8, 10], "counts": "é"}), "run-length"),
    ] {
        let dir = coco_folder(&json!([object(1, 1.0, &shape)]));
        let data = Dataset::open(DatasetKind::CocoObject, dir.path()).unwrap();
        refusal(data.read(0), &["instances_val2017.json", says]);
    }
}

#[test]
fn coco_instances_refuse_files_of_other_pictures() {
    let dir = coco_folder(&json!([]));
    picture(dir.path(), "val2017/000000000139.jpg", 8, 10);
    let data = Dataset::open(DatasetKind::CocoObject, dir.path()).unwrap();
    refusal(data.read(0), &["instances_val2017.json", "10x8", "8x10"]);

    let path = "annotations/instances_val2017.json";
    let image = json!({"id": 1, "file_name": "000000000140.jpg", "width": 1, "height": 1});
    for (images, says) in [
        (json!([]), "lists no picture"),
        (json!([image]), "000000000140.jpg"),
        (json!([image, image]), "number 1"),
        (
            json!([{"id": 1, "file_name": "../x.jpg", "width": 1, "height": 1}]),
            "not the name",
        ),
    ] {
        let file = json!({"images": images, "annotations": []});
        write(dir.path(), path, file.to_string().as_bytes());
        refusal(Dataset::open(DatasetKind::CocoObject, dir.path()), &[says]);
    }
    write(dir.path(), path, b"{\"images\": [");
    refusal(
        Dataset::open(DatasetKind::CocoObject, dir.path()),
        &["instances_val2017.json"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn coco_instances_paint_runs(mask in prop::collection::vec(0u8..2, 80)) {
        let map = LabelMap::new(10, 8, mask.clone()).unwrap();
        let rle = Rle::from_class(&map, 1).unwrap();
        for counts in [json!(rle.to_coco_string()), json!(rle.counts())] {
            let shape = json!({"size": [8, 10], "counts": counts});
            let dir = coco_folder(&json!([object(90, 1.0, &shape)]));
            let truth = truth(DatasetKind::CocoObject, dir.path());
            prop_assert!(truth.iter().zip(&mask).all(|(&class, &inside)| class == inside * 80));
        }
    }

    #[test]
    fn read_reads_back_masks_of_any_labels(
        (width, labels) in (1usize..9, 1usize..9)
            .prop_flat_map(|(w, h)| (Just(w), prop::collection::vec(0u8..=20, w * h))),
    ) {
        let dir = voc_folder();
        let (width, height) = (width as u32, (labels.len() / width) as u32);
        picture(dir.path(), VOC_PICTURE, width, height);
        write(dir.path(), VOC_MASK, &palette(width, height, &labels));
        prop_assert_eq!(truth(DatasetKind::Voc21, dir.path()), labels);
    }
}
