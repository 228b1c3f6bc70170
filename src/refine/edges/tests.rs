#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::dense::ScoreKind;

/// A picture of one colour a letter.
fn picture(rows: &[&str]) -> Picture {
    let rgb = rows
        .iter()
        .flat_map(|row| row.bytes())
        .flat_map(|letter| match letter {
            b'r' => [220, 30, 30],
            b'g' => [30, 200, 40],
            b'b' => [20, 40, 210],
            _ => [0, 0, 0],
        });
    Picture::from_rgb(rows[0].len() as u32, rows.len() as u32, rgb.collect()).unwrap()
}

/// A picture whose pixels are these, repeated so many times each way.
fn large(rows: &[&str], times: usize) -> Picture {
    let rows: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            let row: String = row
                .chars()
                .flat_map(|c| std::iter::repeat_n(c, times))
                .collect();
            std::iter::repeat_n(row, times)
        })
        .collect();
    picture(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Scores of two classes and a background on a grid; each cell's best is the digit that is written.
fn scores(rows: &[&str]) -> ScoreMap {
    scaled_scores(rows, 10.0)
}

fn scaled_scores(rows: &[&str], scale: f32) -> ScoreMap {
    let grid = Grid {
        rows: rows.len(),
        cols: rows[0].len(),
    };
    let digits: Vec<u8> = rows
        .iter()
        .flat_map(|row| row.bytes().map(|b| b - b'0'))
        .collect();
    let values =
        (0..3).flat_map(|class| digits.iter().map(move |d| f32::from(u8::from(*d == class))));
    ScoreMap::new(3, grid, values.collect(), ScoreKind::Cosine { scale }).unwrap()
}

#[test]
fn labels_follow_the_edge_that_the_grid_misses() {
    let picture = large(&["rrrggggg"; 8], 8);
    // The grid says half of each, and has the edge a cell too far to the right.
    let labels = label(&scores(&["0011"; 4]), &picture, 2, 0.0).unwrap();
    for row in labels.chunks(64) {
        // The blurred pixels at the edge may go either way.
        assert_eq!(row[..23], [0; 23]);
        assert_eq!(row[25..], [1; 39]);
    }
}

#[test]
fn background_and_what_is_unlikely_stay_unlabelled() {
    let picture = large(&["rg"; 2], 16);
    let map = scores(&["02"; 2]);
    let labels = label(&map, &picture, 2, 0.0).unwrap();
    assert_eq!([labels[0], labels[31]], [0, UNLABELLED]);
    // Alone with an equal class it is not likely enough.
    let even = ScoreMap::new(2, Grid { rows: 1, cols: 1 }, vec![0.5; 2], map.kind()).unwrap();
    assert_eq!(label(&even, &picture, 2, 0.4).unwrap()[0], 0);
    assert_eq!(label(&even, &picture, 2, 0.6).unwrap()[0], UNLABELLED);
}

/// A red thing on green ground, with a red stripe of the same thing that the grid gives to the ground,
/// between black lines.
fn thing_with_a_stripe(threshold: f32) -> [u8; 3] {
    let mut rows = vec!["g".repeat(40); 40];
    for row in &mut rows[..28] {
        row.replace_range(..28, &"r".repeat(28));
    }
    rows[30].replace_range(4..28, &"k".repeat(24));
    for row in &mut rows[31..35] {
        row.replace_range(4..28, &format!("k{}k", "r".repeat(22)));
    }
    rows[35].replace_range(4..28, &"k".repeat(24));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let mut grid = vec!["0000000222"; 7];
    grid.extend(["2222222222"; 3]);
    let scores = scaled_scores(&grid, 3.0);
    let labels = label(&scores, &large(&rows, 8), 2, threshold).unwrap();
    [(10, 10), (16, 33), (36, 36)].map(|(x, y)| labels[y * 8 * 320 + x * 8])
}

#[test]
fn what_the_grid_misses_is_found_by_its_colour() {
    assert_eq!(thing_with_a_stripe(0.0), [0, 0, UNLABELLED]);
}

#[test]
fn colour_makes_no_label_of_what_is_unlikely() {
    assert_eq!(thing_with_a_stripe(0.6), [0, UNLABELLED, UNLABELLED]);
}

/// Labels of a picture of two colours by a grid of as many cells as it has pixels.
fn labels_of(rows: &[&str], times: usize) -> Vec<u8> {
    let grid: Vec<String> = rows
        .iter()
        .map(|row| {
            row.chars()
                .map(|c| ["0", "1", "2"]["rgb".find(c).unwrap()])
                .collect()
        })
        .collect();
    let grid: Vec<&str> = grid.iter().map(String::as_str).collect();
    label(&scores(&grid), &large(rows, times), 2, 0.0).unwrap()
}

#[test]
fn a_pinhole_is_filled_and_a_small_thing_that_is_sure_stays() {
    let mut rows = vec!["b".repeat(40); 40];
    for row in &mut rows[5..30] {
        row.replace_range(5..30, &"r".repeat(25));
    }
    // A hole of the background in the red thing, and a green thing of the same size.
    for row in &mut rows[10..12] {
        row.replace_range(10..12, "bb");
    }
    for row in &mut rows[34..36] {
        row.replace_range(34..36, "gg");
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let labels = labels_of(&rows, 4);
    let at = |x: usize, y: usize| labels[y * 4 * 160 + x * 4];
    assert_eq!(
        [at(6, 6), at(11, 11), at(35, 35), at(2, 2)],
        [0, 0, 1, UNLABELLED]
    );
}

#[test]
fn a_speck_beside_a_large_part_goes() {
    let mut rows = vec!["b".repeat(40); 40];
    for row in &mut rows[5..30] {
        row.replace_range(5..30, &"r".repeat(25));
    }
    for row in &mut rows[34..36] {
        row.replace_range(34..36, "rr");
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(labels_of(&rows, 4)[35 * 4 * 160 + 35 * 4], UNLABELLED);
}

#[test]
fn working_size_keeps_the_shape() {
    assert_eq!(working_size(640, 480), (640, 480));
    assert_eq!(working_size(4000, 3000), (836, 627));
    assert_eq!(working_size(16_384, 1), (16_384, 1));
}

#[test]
fn pixels_of_a_large_picture_choose_by_colour() {
    // 1 200 x 1 200 pixels, cut at 724 x 724: the edge falls between two of those.
    let line: Vec<u8> = (0..1200)
        .flat_map(|x| {
            if x < 601 {
                [220, 30, 30]
            } else {
                [30, 200, 40]
            }
        })
        .collect();
    let picture = Picture::from_rgb(1200, 1200, line.repeat(1200)).unwrap();
    let labels = label(&scores(&["01"; 2]), &picture, 2, 0.0).unwrap();
    for row in labels.chunks(1200) {
        assert_eq!([row[600], row[601]], [0, 1]);
    }
}

proptest! {
    #[test]
    fn segments_are_connected_and_levels_nest(
        rgb in prop::collection::vec(any::<u8>(), 3 * 12 * 9),
    ) {
        let segments = Segments::cut(&Picture::from_rgb(12, 9, rgb).unwrap());
        let mut sizes = vec![0u32; segments.count()];
        for segment in &segments.of_pixels {
            sizes[*segment as usize] += 1;
        }
        prop_assert_eq!(&sizes, &segments.sizes);
        // From its first pixel, steps to neighbours reach all of a segment.
        for segment in 0..segments.count() as u32 {
            prop_assert_eq!(reached(&segments, segment), sizes[segment as usize]);
        }
        let mean = segments.mean_over_levels(&vec![1.0; segments.count()], 1);
        prop_assert!(mean.iter().all(|mean| *mean > 0.0 && *mean <= 1.0));
    }

    #[test]
    fn labels_are_classes_that_have_scores(
        rgb in prop::collection::vec(any::<u8>(), 3 * 20 * 15),
        values in prop::collection::vec(-1.0f32..1.0, 4 * 3 * 3),
        background in 1usize..4,
    ) {
        let kind = ScoreKind::Cosine { scale: 20.0 };
        let scores = ScoreMap::new(4, Grid { rows: 3, cols: 3 }, values, kind).unwrap();
        let picture = Picture::from_rgb(20, 15, rgb).unwrap();
        let labels = label(&scores, &picture, background, 0.0).unwrap();
        prop_assert_eq!(labels.len(), 300);
        prop_assert!(labels.iter().all(|l| *l == UNLABELLED || usize::from(*l) < background));
    }
}

/// How many pixels of a segment steps to the eight neighbours reach from its first one.
fn reached(segments: &Segments, segment: u32) -> u32 {
    let (width, height) = (segments.width, segments.height);
    let first = segments
        .of_pixels
        .iter()
        .position(|s| *s == segment)
        .unwrap();
    let mut seen = vec![false; width * height];
    let mut open = vec![first];
    seen[first] = true;
    let mut count = 0;
    while let Some(pixel) = open.pop() {
        count += 1;
        let (x, y) = (pixel % width, pixel / width);
        for ny in y.saturating_sub(1)..(y + 2).min(height) {
            for nx in x.saturating_sub(1)..(x + 2).min(width) {
                let next = ny * width + nx;
                if segments.of_pixels[next] == segment && !seen[next] {
                    seen[next] = true;
                    open.push(next);
                }
            }
        }
    }
    count
}
