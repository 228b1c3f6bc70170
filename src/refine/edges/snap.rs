//! Labels of segments at the pixels of the picture, which may be larger than what was cut.

use crate::image::Picture;
use crate::parallel::for_each_chunk;

/// Differences of colour, in levels of 255 over all channels, of which pixels are still of one thing:
/// noise, and the blur of lenses and of shrinking.
const ALIKE: f32 = 20.0;

/// How far away, in pixels of the small picture, pixels still have a vote.
const REACH: usize = 3;

/// The standard deviation of the weight of distance, in the same pixels.
const NEAR: f32 = 2.0;

/// Votes that weigh less in all change nothing: there is nothing alike around.
const LEAST: f32 = 1e-9;

/// Pixels at the border of two labels choose anew, among the labels of pixels around them that are
/// not at a border: what is nearer and more alike in colour weighs more (joint bilateral upsampling,
/// Kopf et al., SIGGRAPH 2007). Segments leave slivers along edges that are a pixel or two wide, as
/// there colours are mixed; and a large picture has edges between the pixels of the small one.
///
/// # Shapes
///
/// - `labels`: those of the pixels of `small`
/// - output: those of the pixels of `large`
pub(super) fn snap(labels: &[u8], small: &Picture, large: &Picture) -> Vec<u8> {
    let [cols, rows] = [small.width(), small.height()].map(|side| side as usize);
    let [width, height] = [large.width(), large.height()].map(|side| side as usize);
    let (colors, _) = small.rgb().as_chunks::<3>();
    let (own, _) = large.rgb().as_chunks::<3>();
    let inside = inside(labels, cols);
    let across: Vec<Place> = (0..width).map(|x| Place::new(x, width, cols)).collect();
    let mut snapped = vec![0; width * height];
    for_each_chunk(&mut snapped, width, |y, line| {
        let down = Place::new(y, height, rows);
        for (x, (label, across)) in line.iter_mut().zip(&across).enumerate() {
            let cell = down.cell * cols + across.cell;
            *label = labels[cell];
            if inside[cell] {
                continue;
            }
            let mut votes = Votes::default();
            for (row, near_row) in down.around(rows) {
                for (col, near) in across.around(cols) {
                    let voter = row * cols + col;
                    if inside[voter] {
                        let weight = near_row * near * alike(own[y * width + x], colors[voter]);
                        votes.add(labels[voter], weight);
                    }
                }
            }
            *label = votes.heaviest().unwrap_or(*label);
        }
    });
    snapped
}

/// Whether the eight pixels around each one have its label.
fn inside(labels: &[u8], cols: usize) -> Vec<bool> {
    let rows = labels.len() / cols;
    let around = |at: usize, side: usize| at.saturating_sub(1)..(at + 2).min(side);
    let is_inside = |index: usize| {
        let (x, y) = (index % cols, index / cols);
        around(y, rows).all(|row| {
            let line = &labels[row * cols..][around(x, cols)];
            line.iter().all(|label| *label == labels[index])
        })
    };
    (0..labels.len()).map(is_inside).collect()
}

/// Where a pixel of the large picture lies along one side of the small one.
struct Place {
    /// The pixel that it is in.
    cell: usize,
    /// In pixels of the small picture.
    place: f32,
}

impl Place {
    fn new(pixel: usize, pixels: usize, cells: usize) -> Self {
        let place = (pixel as f32 + 0.5) * cells as f32 / pixels as f32;
        Self {
            cell: (place as usize).min(cells - 1),
            place,
        }
    }

    /// The pixels around it, with the weight of their distance.
    fn around(&self, cells: usize) -> impl Iterator<Item = (usize, f32)> {
        let place = self.place;
        let range = self.cell.saturating_sub(REACH)..(self.cell + REACH + 1).min(cells);
        range.map(move |cell| {
            let distance = (place - (cell as f32 + 0.5)) / NEAR;
            (cell, (-0.5 * distance * distance).exp())
        })
    }
}

/// How alike two colours are, 0 to 1.
fn alike(a: [u8; 3], b: [u8; 3]) -> f32 {
    let squares = (0..3).map(|c| (f32::from(a[c]) - f32::from(b[c])).powi(2));
    let squares: f32 = squares.sum();
    (-squares / (2.0 * ALIKE * ALIKE)).exp()
}

/// The weight of each label, of the few that meet somewhere; of more than there is room for, the first.
#[derive(Default)]
struct Votes {
    sums: [(u8, f32); 8],
    count: usize,
}

impl Votes {
    fn add(&mut self, label: u8, weight: f32) {
        let known = self.sums[..self.count].iter_mut();
        if let Some((_, sum)) = known.into_iter().find(|(known, _)| *known == label) {
            *sum += weight;
        } else if let Some(free) = self.sums.get_mut(self.count) {
            *free = (label, weight);
            self.count += 1;
        }
    }

    /// The label with the most weight; none if nobody has voted with any.
    fn heaviest(&self) -> Option<u8> {
        let sums = self.sums[..self.count].iter();
        let (label, weight) = sums.max_by(|a, b| a.1.total_cmp(&b.1))?;
        (*weight >= LEAST).then_some(*label)
    }
}
