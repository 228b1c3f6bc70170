//! Labels of a small picture at the pixels of the large one.

use crate::image::Picture;
use crate::parallel::for_each_chunk;

/// Differences of colour, in levels of 255 over all channels, of which pixels are still of one thing:
/// noise and the blur of shrinking.
const ALIKE: f32 = 20.0;

/// Each pixel of the large picture has the label that has the most weight among the nine pixels of the
/// small one around it; a pixel weighs more the nearer it is and the more alike its colour (joint
/// bilateral upsampling, Kopf et al., SIGGRAPH 2007).
pub(super) fn enlarge(labels: &[u8], small: &Picture, large: &Picture) -> Vec<u8> {
    let [cols, rows] = [small.width(), small.height()].map(|side| side as usize);
    let [width, height] = [large.width(), large.height()].map(|side| side as usize);
    let (colors, _) = small.rgb().as_chunks::<3>();
    let (own, _) = large.rgb().as_chunks::<3>();
    let mut enlarged = vec![0; width * height];
    for_each_chunk(&mut enlarged, width, |y, line| {
        let down = Place::new(y, height, rows);
        for (x, label) in line.iter_mut().enumerate() {
            let across = Place::new(x, width, cols);
            let around = || {
                let cells = (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx)));
                cells.map(|(dy, dx)| (down.cells[dy] * cols + across.cells[dx], dy, dx))
            };
            let middle = labels[down.cells[1] * cols + across.cells[1]];
            *label = if around().all(|(cell, _, _)| labels[cell] == middle) {
                middle
            } else {
                let color = own[y * width + x];
                let votes = around().map(|(cell, dy, dx)| {
                    let near = down.weights[dy] * across.weights[dx];
                    (labels[cell], near * alike(color, colors[cell]))
                });
                heaviest(votes, middle)
            };
        }
    });
    enlarged
}

/// Where a pixel of the large picture lies along one side of the small one.
struct Place {
    /// The pixel that it is in and the two beside it.
    cells: [usize; 3],
    /// How near each is: a Gaussian of σ = 1 pixel.
    weights: [f32; 3],
}

impl Place {
    fn new(pixel: usize, pixels: usize, cells: usize) -> Self {
        let place = (pixel as f32 + 0.5) * cells as f32 / pixels as f32;
        let middle = (place as usize).min(cells - 1);
        let cells = [
            middle.saturating_sub(1),
            middle,
            (middle + 1).min(cells - 1),
        ];
        let weights = cells.map(|cell| {
            let distance = place - (cell as f32 + 0.5);
            (-0.5 * distance * distance).exp()
        });
        Self { cells, weights }
    }
}

/// How alike two colours are, 0 to 1; never 0, so that the nearest wins where none is.
fn alike(a: [u8; 3], b: [u8; 3]) -> f32 {
    let squares = (0..3).map(|c| (f32::from(a[c]) - f32::from(b[c])).powi(2));
    let squares: f32 = squares.sum();
    (-squares / (2.0 * ALIKE * ALIKE)).exp().max(1e-12)
}

/// The label whose votes weigh most; `own` where others weigh the same.
fn heaviest(votes: impl Iterator<Item = (u8, f32)>, own: u8) -> u8 {
    let mut sums = [(own, 0.0f32); 9];
    let mut count = 1;
    for (label, weight) in votes {
        let known = sums[..count].iter_mut().find(|(known, _)| *known == label);
        match known {
            Some((_, sum)) => *sum += weight,
            None => {
                sums[count] = (label, weight);
                count += 1;
            }
        }
    }
    let best = sums[..count].iter().rev();
    best.max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(own, |(label, _)| *label)
}
