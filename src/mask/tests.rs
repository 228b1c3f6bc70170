use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::image::Picture;

/// Small maps with few classes: all kinds of holes, saddles and borders.
fn maps() -> impl Strategy<Value = LabelMap> {
    (1u32..12, 1u32..12).prop_flat_map(|(width, height)| {
        let label = prop_oneof![Just(0u8), Just(1), Just(2), Just(UNLABELLED)];
        prop::collection::vec(label, (width * height) as usize)
            .prop_map(move |labels| LabelMap::new(width, height, labels).unwrap())
    })
}

/// Maps of discs over each other, with speckle: smooth borders, islands, lakes, corners.
fn blobs() -> impl Strategy<Value = LabelMap> {
    let disc = (
        0i64..24,
        0i64..24,
        1i64..10,
        prop_oneof![Just(UNLABELLED), 0u8..3],
    );
    let speck = (
        0usize..20,
        0usize..16,
        prop_oneof![Just(UNLABELLED), 0u8..3],
    );
    (
        prop::collection::vec(disc, 0..8),
        prop::collection::vec(speck, 0..8),
    )
        .prop_map(|(discs, specks)| {
            let (width, height) = (20usize, 16);
            let mut labels = vec![UNLABELLED; width * height];
            for (index, label) in labels.iter_mut().enumerate() {
                let (x, y) = ((index % width) as i64, (index / width) as i64);
                for &(cx, cy, radius, class) in &discs {
                    if (x - cx).pow(2) + (y - cy).pow(2) < radius * radius {
                        *label = class;
                    }
                }
            }
            for (x, y, class) in specks {
                labels[y * width + x] = class;
            }
            LabelMap::new(width as u32, height as u32, labels).unwrap()
        })
}

/// How far a pixel's centre is from the nearest edge between pixels of a class and others.
fn distance_to_border(map: &LabelMap, x: u32, y: u32, class: u8) -> f64 {
    let is = |x: u32, y: u32| {
        x < map.width() && y < map.height() && map.labels()[(y * map.width() + x) as usize] == class
    };
    let centre = [f64::from(x) + 0.5, f64::from(y) + 0.5];
    let mut nearest = f64::INFINITY;
    for row in 0..=map.height() {
        for column in 0..=map.width() {
            // The edges above and to the left of a pixel, by their middles.
            let here = is(column, row);
            let middle = [f64::from(column) + 0.5, f64::from(row) + 0.5];
            let edges = [
                (
                    here != is(column, row.wrapping_sub(1)),
                    [middle[0], middle[1] - 0.5],
                    0,
                ),
                (
                    here != is(column.wrapping_sub(1), row),
                    [middle[0] - 0.5, middle[1]],
                    1,
                ),
            ];
            for (_, middle, axis) in edges.into_iter().filter(|edge| edge.0) {
                let along = ((centre[axis] - middle[axis]).abs() - 0.5).max(0.0);
                let across = (centre[1 - axis] - middle[1 - axis]).abs();
                nearest = nearest.min(along.hypot(across));
            }
        }
    }
    nearest
}

/// Whether two lines have a point in common that is inside of both.
fn cross([a, b]: &[[f64; 2]; 2], [c, d]: &[[f64; 2]; 2]) -> bool {
    let side = |p: &[f64; 2], q: &[f64; 2], r: &[f64; 2]| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

fn map_of(rows: &[&str]) -> LabelMap {
    let labels = rows
        .iter()
        .flat_map(|row| row.bytes())
        .map(|byte| match byte {
            b'.' => UNLABELLED,
            digit => digit - b'0',
        });
    let width = rows[0].len() as u32;
    LabelMap::new(width, rows.len() as u32, labels.collect()).unwrap()
}

fn legend() -> Legend {
    Legend::from_names(["cat", "</svg><script>\u{7}\"'&", "__proto__ 🐈"]).unwrap()
}

const EXACT: ObjectOptions = ObjectOptions {
    instances: false,
    tolerance: 0.0,
};

/// Calls a writer with the objects of a map under a name.
fn annotated<T>(
    map: &LabelMap,
    legend: &Legend,
    file_name: &str,
    options: &ObjectOptions,
    write: impl FnOnce(&AnnotatedPicture<'_>) -> T,
) -> T {
    let objects = objects(map, options).unwrap();
    write(&AnnotatedPicture {
        file_name,
        map,
        legend,
        objects: &objects,
        instances: options.instances,
    })
}

fn coco_of(map: &LabelMap, file_name: &str) -> Result<String> {
    annotated(map, &legend(), file_name, &EXACT, |picture| {
        to_coco(picture, CocoMasks::Polygons)
    })
}

/// Even-odd rule at a pixel's centre.
fn covers<T: Copy + Into<f64>>(rings: &[&Ring<T>], x: u32, y: u32) -> bool {
    let (cx, cy) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
    let crossings = rings
        .iter()
        .flat_map(|ring| ring.iter().zip(ring.iter().cycle().skip(1)));
    let right_of_centre = crossings.filter(|(a, b)| {
        let ([ax, ay], [bx, by]) = (a.map(Into::into), b.map(Into::into));
        (ay > cy) != (by > cy) && ax + (cy - ay) / (by - ay) * (bx - ax) > cx
    });
    right_of_centre.count() % 2 == 1
}

fn assert_is_simple(ring: &Ring) {
    assert!(ring.len() >= 4);
    let mut points = ring.clone();
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), ring.len(), "a ring meets itself: {ring:?}");
    for index in 0..ring.len() {
        let [a, b, c] = [0, 1, 2].map(|step| ring[(index + step) % ring.len()]);
        let turns = (a[0] == b[0]) != (b[0] == c[0]);
        assert!(turns, "{b:?} is no corner of {ring:?}");
    }
}

#[test]
fn label_map_checks_sizes_and_classes() {
    assert!(LabelMap::new(2, 2, vec![0; 3]).is_err());
    assert!(LabelMap::new(0, 2, vec![]).is_err());
    let map = map_of(&["07"]);
    for error in [
        label_png(&map, &legend()).unwrap_err(),
        coco_of(&map, "a.jpg").unwrap_err(),
        annotated(&map, &legend(), "", &EXACT, to_geojson).unwrap_err(),
        annotated(&map, &legend(), "", &EXACT, to_svg).unwrap_err(),
    ] {
        assert!(error.to_string().contains("class 7"), "{error}");
    }
    let picture = Picture::from_rgb(1, 1, vec![0; 3]).unwrap();
    assert!(overlay_png(&map, &legend(), &picture, 0.5).is_err());
}

#[test]
fn counts_are_per_class() {
    let map = map_of(&["0.1", "111"]);
    assert_eq!(map.present().collect::<Vec<_>>(), [(0, 1), (1, 4)]);
    assert_eq!(map.counts()[255], 1);
}

#[test]
fn polygons_have_a_hole_where_another_region_is() {
    let map = map_of(&["0000", "0110", "0.10", "0000"]);
    let polygons = polygons(&map).unwrap();
    assert_eq!(
        polygons[&0],
        [Polygon {
            exterior: vec![[0, 0], [4, 0], [4, 4], [0, 4]],
            holes: vec![vec![[1, 3], [3, 3], [3, 1], [1, 1]]],
        }]
    );
    assert_eq!(
        polygons[&1][0].exterior,
        [[1, 1], [3, 1], [3, 3], [2, 3], [2, 2], [1, 2]]
    );
    assert!(!polygons.contains_key(&UNLABELLED));
}

#[test]
fn polygons_split_a_line_that_meets_itself() {
    // The hole at (1, 1) reaches the outside only through the corner (2, 2).
    let polygons = polygons(&map_of(&["000", "0.0", "00."])).unwrap();
    assert_eq!(polygons[&0].len(), 1);
    assert_eq!(polygons[&0][0].holes.len(), 1);
    assert_eq!(polygons[&0][0].area(), 7.0);
}

#[test]
fn rle_matches_pycocotools() {
    // Strings by pycocotools 2.0 `mask.encode` of the same masks.
    let map = map_of(&["0.0", "000", ".00"]);
    let rle = Rle::from_class(&map, 0).unwrap();
    assert_eq!(rle.counts(), [0, 2, 2, 5]);
    assert_eq!(rle.to_coco_string(), "0223");
    assert_eq!(rle.bounding_box(), [0, 0, 3, 3]);
    let labels = (0..60 * 50).map(|i| u8::from((i % 60) / 7 % 2 == (i / 60) / 9 % 2));
    let map = LabelMap::new(60, 50, labels.collect()).unwrap();
    assert_eq!(
        Rle::from_class(&map, 1).unwrap().to_coco_string(),
        PYCOCOTOOLS_CHESS
    );
}

const PYCOCOTOOLS_CHESS: &str = "099000L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L04000L04000L0400050K00L04000L04000L04000L";

#[test]
fn rle_refuses_damaged_strings() {
    for text in [
        "", "0", "1", "o", "oooooooo", "0é", "02230", "022", "O", "~", "P",
    ] {
        let error = Rle::from_coco_string(3, 3, text).unwrap_err();
        assert_eq!(error.code(), "input", "{text}");
    }
    assert!(Rle::from_coco_string(0, 0, "").is_err());
    assert!(Rle::from_coco_string(u32::MAX, 2, "0").is_err());
}

#[test]
fn to_coco_has_polygons_where_it_can_and_runs_where_it_must() {
    let map = map_of(&["000.2", "0.0.2", "000.2"]);
    let coco: Value = serde_json::from_str(&coco_of(&map, "ä\"b.jpg").unwrap()).unwrap();
    assert_eq!(coco["images"][0]["file_name"], "ä\"b.jpg");
    assert_eq!(coco["categories"][2]["name"], "__proto__ 🐈");
    let annotations = coco["annotations"].as_array().unwrap();
    assert_eq!(annotations.len(), 2);
    // Evaluation leaves out what is a crowd, so a hole must not make one.
    assert_eq!(annotations[0]["iscrowd"], 0);
    assert_eq!(annotations[0]["category_id"], 1);
    assert_eq!(annotations[0]["area"], 8);
    assert_eq!(annotations[0]["bbox"], serde_json::json!([0, 0, 3, 3]));
    assert_eq!(
        annotations[0]["segmentation"],
        serde_json::json!({"size": [3, 5], "counts": [0, 4, 1, 4, 6]})
    );
    assert_eq!(annotations[1]["iscrowd"], 0);
    assert_eq!(annotations[1]["category_id"], 3);
    assert_eq!(
        annotations[1]["segmentation"],
        serde_json::json!([[4, 0, 5, 0, 5, 3, 4, 3]])
    );
    assert_eq!(annotations[1]["bbox"], serde_json::json!([4, 0, 1, 3]));
}

/// The keys that pycocotools 2.0.10 reads without asking whether they are there (`coco.py`:
/// `createIndex`, `info`, `loadRes`, `getCatIds`, `annToRLE`) and that `cocoeval.py` matches by.
#[test]
fn to_coco_has_what_pycocotools_reads() {
    let mut dataset = CocoDataset::new(legend(), CocoMasks::Polygons);
    let mut add = |rows: &[&str], file_name: &str| {
        annotated(&map_of(rows), &legend(), file_name, &EXACT, |picture| {
            dataset.add(picture)
        })
    };
    add(&["01", "11"], "a/x.jpg").unwrap();
    add(&["..", ".."], "b.jpg").unwrap();
    add(&["2"], "c.jpg").unwrap();
    assert_eq!(add(&["0"], "").unwrap_err().code(), "input");
    let coco: Value = serde_json::from_str(&dataset.to_json().unwrap()).unwrap();
    assert!(coco["info"]["description"].is_string() && coco["info"]["version"].is_string());
    assert_eq!(coco["licenses"], serde_json::json!([]));
    let of = |list: &str, key: &str| -> Vec<Value> {
        let list = coco[list].as_array().unwrap();
        list.iter().map(|entry| entry[key].clone()).collect()
    };
    // COCOeval takes an annotation whose id is 0 for one without a match.
    assert_eq!(of("annotations", "id"), [1, 2, 3]);
    assert_eq!(of("annotations", "image_id"), [1, 1, 3]);
    assert_eq!(of("annotations", "category_id"), [1, 2, 3]);
    assert_eq!(of("annotations", "area"), [1, 3, 1]);
    assert_eq!(of("images", "id"), [1, 2, 3]);
    assert_eq!(of("images", "file_name"), ["a/x.jpg", "b.jpg", "c.jpg"]);
    assert_eq!(of("categories", "id"), [1, 2, 3]);
    assert_eq!(of("categories", "supercategory"), ["", "", ""]);
}

#[test]
fn to_geojson_closes_its_rings_and_names_its_classes() {
    let map = map_of(&["000.2", "0.0..", "000.2"]);
    let text = annotated(&map, &legend(), "", &EXACT, to_geojson).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["type"], "FeatureCollection");
    assert_eq!(json["bbox"], serde_json::json!([0, 0, 5, 3]));
    let [cat, proto] = json["features"].as_array().unwrap().as_slice() else {
        panic!("two features: {text}");
    };
    assert_eq!(cat["type"], "Feature");
    assert_eq!(cat["properties"]["name"], "cat");
    assert_eq!(cat["properties"]["color"], "#e69f00");
    assert_eq!(cat["properties"]["pixels"], 8);
    assert_eq!(
        cat["geometry"],
        serde_json::json!({"type": "Polygon", "coordinates": [
            [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]],
            [[1, 2], [2, 2], [2, 1], [1, 1], [1, 2]],
        ]})
    );
    assert_eq!(proto["properties"]["name"], "__proto__ 🐈");
    assert_eq!(proto["geometry"]["type"], "MultiPolygon");
    assert_eq!(
        proto["geometry"]["coordinates"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn to_svg_draws_one_path_for_each_class_and_escapes_names() {
    let map = map_of(&["000", "0.0", "001"]);
    let svg = annotated(&map, &legend(), "", &EXACT, to_svg).unwrap();
    let name = "&lt;/svg&gt;&lt;script&gt;&quot;&#39;&amp;";
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"3\" height=\"3\""));
    assert!(svg.contains(&format!("aria-label=\"{name}\"")), "{svg}");
    assert!(svg.contains(&format!("<title>{name}</title>")), "{svg}");
    assert!(svg.contains("d=\"M2 2h1v1h-1z\""), "{svg}");
    assert_eq!(svg.matches("<path").count(), 2);
    assert_eq!(svg.matches("</svg>").count(), 1);
}

#[test]
fn overlay_png_mixes_by_opacity_and_leaves_the_unlabelled() {
    let map = map_of(&["0."]);
    let picture = Picture::from_rgb(2, 1, vec![100, 100, 100, 1, 2, 3]).unwrap();
    let shown = |opacity| {
        let png = overlay_png(&map, &legend(), &picture, opacity).unwrap();
        Picture::decode(&png).unwrap().rgb().to_vec()
    };
    assert_eq!(shown(0.0), [100, 100, 100, 1, 2, 3]);
    assert_eq!(shown(1.0), [0xE6, 0x9F, 0, 1, 2, 3]);
    assert_eq!(shown(0.5), [165, 130, 50, 1, 2, 3]);
    for opacity in [-0.1, 1.1, f32::NAN] {
        assert!(overlay_png(&map, &legend(), &picture, opacity).is_err());
    }
}

/// Palette and transparency of an indexed PNG.
type Colors = (Vec<u8>, Vec<u8>);

/// The raw samples of a PNG, and its colours if it is indexed.
fn read_png(file: &[u8]) -> (Vec<u8>, Option<Colors>) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(file))
        .read_info()
        .unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut data).unwrap();
    let info = reader.info();
    let colors = info.palette.clone().zip(info.trns.clone());
    (
        data,
        colors.map(|(palette, trns)| (palette.into_owned(), trns.into_owned())),
    )
}

#[test]
fn label_png_has_the_colors_and_hides_the_unlabelled() {
    let map = map_of(&["02", ".1"]);
    let (labels, colors) = read_png(&label_png(&map, &legend()).unwrap());
    assert_eq!(labels, map.labels());
    let (palette, alpha) = colors.unwrap();
    assert_eq!(palette[6..9], color(2));
    assert_eq!((alpha[0], alpha[2], alpha[255]), (255, 255, 0));
}

#[test]
fn label_png_is_small() {
    // Discs of three classes on unlabelled ground: what masks are like, at the size of a photograph.
    let (width, height) = (640u32, 480u32);
    let label = |x: u32, y: u32| {
        let discs = [(180i64, 200i64, 120i64), (420, 260, 150), (300, 420, 90)];
        let inside = |&(cx, cy, r): &(i64, i64, i64)| {
            (i64::from(x) - cx).pow(2) + (i64::from(y) - cy).pow(2) < r * r
        };
        discs
            .iter()
            .position(inside)
            .map_or(UNLABELLED, |class| class as u8)
    };
    let labels = (0..width * height).map(|i| label(i % width, i / width));
    let map = LabelMap::new(width, height, labels.collect()).unwrap();
    let file = label_png(&map, &legend()).unwrap();
    // Palette and transparency alone are 1,024 bytes; the quick encoder needs a hundred thousand.
    assert!(file.len() < 5000, "{} bytes", file.len());
    assert_eq!(read_label_png(&file), Ok(map));
}

/// Optimisers of PNG files store few colours in fewer bits.
#[test]
fn read_label_png_reads_fewer_bits() {
    let rows = [[0u8, 1, 1, 0, 1], [1, 0, 0, 1, 1]];
    for (depth, bits) in [
        (::png::BitDepth::One, 1),
        (::png::BitDepth::Two, 2),
        (::png::BitDepth::Four, 4),
        (::png::BitDepth::Eight, 8),
    ] {
        let pack = |row: &[u8; 5]| {
            let mut packed = vec![0u8; (5 * bits as usize).div_ceil(8)];
            for (index, sample) in row.iter().enumerate() {
                let place = index * bits as usize;
                packed[place / 8] |= sample << (8 - bits as usize - place % 8);
            }
            packed
        };
        let mut file = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut file, 5, 2);
        encoder.set_color(::png::ColorType::Indexed);
        encoder.set_depth(depth);
        encoder.set_palette(vec![0, 0, 0, 255, 255, 255]);
        let mut writer = encoder.write_header().unwrap();
        writer
            .write_image_data(&rows.iter().flat_map(pack).collect::<Vec<_>>())
            .unwrap();
        writer.finish().unwrap();
        let map = read_label_png(&file).unwrap();
        assert_eq!(map.labels(), rows.concat(), "{bits} bits");
    }
}

proptest! {
    #[test]
    fn polygons_cover_exactly_their_pixels(map in maps()) {
        let by_class = polygons(&map).unwrap();
        prop_assert_eq!(by_class.keys().copied().collect::<Vec<_>>(), map.present().map(|(class, _)| class).collect::<Vec<_>>());
        for (class, pixels) in map.present() {
            let regions = &by_class[&class];
            prop_assert_eq!(regions.iter().map(Polygon::area).sum::<f64>(), pixels as f64);
            let rings: Vec<&Ring> = regions.iter().flat_map(Polygon::rings).collect();
            for (index, &label) in (0u32..).zip(map.labels()) {
                let (x, y) = (index % map.width(), index / map.width());
                prop_assert_eq!(covers(&rings, x, y), label == class, "({}, {})", x, y);
                let owners = regions.iter().filter(|region| covers(&region.rings().collect::<Vec<_>>(), x, y));
                prop_assert!(owners.count() <= 1, "regions overlap");
            }
        }
    }

    #[test]
    fn objects_keep_what_is_further_from_borders_than_the_tolerance(
        map in blobs(), tolerance in prop_oneof![Just(0.0), Just(0.5), 0.0..4.0f64],
    ) {
        let options = ObjectOptions { tolerance, ..EXACT };
        for object in objects(&map, &options).unwrap() {
            let rings: Vec<&Ring<f64>> = object.polygons.iter().flat_map(Polygon::rings).collect();
            for (index, &label) in (0u32..).zip(map.labels()) {
                let (x, y) = (index % map.width(), index / map.width());
                if distance_to_border(&map, x, y, object.class) > tolerance + 1e-6 {
                    prop_assert_eq!(covers(&rings, x, y), label == object.class, "({}, {})", x, y);
                }
            }
        }
    }

    /// No two lines of outlines cross, and each is a line of both neighbours, in opposite
    /// directions: without gaps or overlaps.
    #[test]
    fn objects_share_the_lines_between_them(
        map in blobs(), tolerance in prop_oneof![Just(0.5), 0.0..4.0f64],
    ) {
        // Every pixel has a class, so that every line but the picture's edge has two sides.
        let labels = map.labels().iter().map(|&label| label.min(3)).collect();
        let map = LabelMap::new(map.width(), map.height(), labels).unwrap();
        let options = ObjectOptions { instances: true, tolerance };
        let parts = objects(&map, &options).unwrap();
        let mut lines: Vec<[[f64; 2]; 2]> = Vec::new();
        for polygon in parts.iter().flat_map(|part| &part.polygons) {
            let area = |ring: &Ring<f64>| Polygon { exterior: ring.clone(), holes: vec![] }.area();
            prop_assert!(area(&polygon.exterior) > 0.0);
            prop_assert!(polygon.holes.iter().all(|hole| area(hole) < 0.0));
            for ring in polygon.rings() {
                prop_assert!(ring.len() >= 3, "{:?}", ring);
                lines.extend(ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| [*a, *b]));
            }
        }
        let edge = |axis: usize, length: u32| {
            let length = f64::from(length);
            move |[a, b]: &[[f64; 2]; 2]| a[axis] == b[axis] && (a[axis] == 0.0 || a[axis] == length)
        };
        let (across, down) = (edge(0, map.width()), edge(1, map.height()));
        for (index, &[a, b]) in lines.iter().enumerate() {
            let is_edge = across(&[a, b]) || down(&[a, b]);
            prop_assert!(is_edge || lines.contains(&[b, a]), "{:?} has one side", [a, b]);
            for &[c, d] in &lines[..index] {
                prop_assert!(!cross(&[a, b], &[c, d]), "{:?} crosses {:?}", [a, b], [c, d]);
            }
        }
        let area: f64 = parts.iter().flat_map(|part| &part.polygons).map(Polygon::area).sum();
        prop_assert!((area - f64::from(map.width() * map.height())).abs() < 1e-6);
    }

    #[test]
    fn instances_are_the_class_together(map in maps()) {
        let (whole, parts) = (objects(&map, &EXACT).unwrap(), {
            let options = ObjectOptions { instances: true, ..EXACT };
            objects(&map, &options).unwrap()
        });
        for class in &whole {
            let mut pixels: Vec<usize> = parts.iter()
                .filter(|part| part.class == class.class)
                .flat_map(Object::pixels)
                .collect();
            pixels.sort_unstable();
            let of_class = |&index: &usize| map.labels()[index] == class.class;
            let expected: Vec<usize> = (0..map.labels().len()).filter(of_class).collect();
            prop_assert_eq!(&pixels, &expected);
            prop_assert_eq!(&class.pixels().collect::<Vec<_>>(), &expected);
        }
        for object in whole.iter().chain(&parts) {
            let inside: std::collections::HashSet<usize> = object.pixels().collect();
            let mask: Vec<bool> = (0..map.labels().len()).map(|index| inside.contains(&index)).collect();
            let rle = object.rle().unwrap();
            prop_assert_eq!(rle.to_mask().unwrap(), mask.clone());
            prop_assert_eq!((rle.area(), rle.bounding_box()), (object.area(), object.bounding_box()));
            prop_assert_eq!(rle.counts().iter().skip(1).filter(|&&run| run == 0).count(), 0);
            let [left, top, width, height] = object.bounding_box();
            let mut decoded = Vec::new();
            for (index, run) in object.row_runs().into_iter().enumerate() {
                decoded.extend(std::iter::repeat_n(index % 2 == 1, run as usize));
            }
            let boxed: Vec<bool> = (top..top + height)
                .flat_map(|y| (left..left + width).map(move |x| (y, x)))
                .map(|(y, x)| mask[(y * map.width() + x) as usize])
                .collect();
            prop_assert_eq!(decoded, boxed);
        }
    }

    #[test]
    fn without_holes_covers_the_same_pixels(map in blobs()) {
        for polygon in objects(&map, &ObjectOptions::default()).unwrap().iter().flat_map(|o| &o.polygons) {
            let ring = keyhole::without_holes(polygon);
            let rings: Vec<&Ring<f64>> = polygon.rings().collect();
            for index in 0..map.width() * map.height() {
                let (x, y) = (index % map.width(), index / map.width());
                prop_assert_eq!(covers(&[&ring], x, y), covers(&rings, x, y), "({}, {})", x, y);
            }
        }
    }

    #[test]
    fn polygons_have_simple_rings_wound_by_role(map in maps()) {
        for polygon in polygons(&map).unwrap().values().flatten() {
            polygon.rings().for_each(assert_is_simple);
            let area = |ring: &Ring| Polygon { exterior: ring.clone(), holes: vec![] }.area();
            prop_assert!(area(&polygon.exterior) > 0.0);
            prop_assert!(polygon.holes.iter().all(|hole| area(hole) < 0.0));
        }
    }

    #[test]
    fn rle_comes_back(map in maps()) {
        for class in 0..3 {
            let rle = Rle::from_class(&map, class).unwrap();
            let naive: Vec<bool> = map.labels().iter().map(|&label| label == class).collect();
            prop_assert_eq!(&rle.to_mask().unwrap(), &naive);
            let (width, height) = (map.width(), map.height());
            let read = Rle::from_coco_string(width, height, &rle.to_coco_string()).unwrap();
            prop_assert_eq!(&read, &rle);
            prop_assert_eq!(rle.area(), naive.iter().filter(|&&inside| inside).count() as u64);
            let inside = |x: u32, y: u32| naive[(y * width + x) as usize];
            let columns: Vec<u32> = (0..width).filter(|&x| (0..height).any(|y| inside(x, y))).collect();
            let rows: Vec<u32> = (0..height).filter(|&y| (0..width).any(|x| inside(x, y))).collect();
            let expected = match (columns.as_slice(), rows.as_slice()) {
                (&[left, .., right], &[top, .., bottom]) => [left, top, right - left + 1, bottom - top + 1],
                (&[left], &[top, .., bottom]) => [left, top, 1, bottom - top + 1],
                (&[left, .., right], &[top]) => [left, top, right - left + 1, 1],
                (&[left], &[top]) => [left, top, 1, 1],
                _ => [0; 4],
            };
            prop_assert_eq!(rle.bounding_box(), expected);
        }
    }

    #[test]
    fn rle_never_panics(text in any::<String>(), width in 0u32..50, height in 0u32..50) {
        if let Ok(rle) = Rle::from_coco_string(width, height, &text) {
            prop_assert_eq!(rle.to_mask().unwrap().len(), (width * height) as usize);
            prop_assert!(rle.bounding_box()[2] <= width);
        }
    }

    #[test]
    fn label_png_comes_back(map in maps()) {
        let (labels, _) = read_png(&label_png(&map, &legend()).unwrap());
        prop_assert_eq!(labels, map.labels());
    }
}
