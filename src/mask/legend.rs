//! Names and colours of classes.

use std::sync::LazyLock;

use super::UNLABELLED;
use crate::{Error, Result};

/// What a class is called and how it is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as people typed it; any text.
    pub name: String,
    /// sRGB.
    pub color: [u8; 3],
}

impl Entry {
    /// The colour as `#rrggbb`.
    #[must_use]
    pub fn hex(&self) -> String {
        let [r, g, b] = self.color;
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

/// The entries of all classes; the index is the label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legend {
    entries: Vec<Entry>,
}

impl Legend {
    /// A legend with the given entries.
    ///
    /// # Errors
    /// [`Error::Input`] for more than 255 entries, since label 255 means unlabelled.
    pub fn new(entries: Vec<Entry>) -> Result<Self> {
        if entries.len() > usize::from(UNLABELLED) {
            return Err(Error::input(format!(
                "a legend of {} classes is too long; at most {UNLABELLED} fit in a label map",
                entries.len()
            )));
        }
        Ok(Self { entries })
    }

    /// A legend whose colours come from [`color`] in order.
    ///
    /// # Errors
    /// [`Error::Input`] for more than 255 names.
    pub fn of_names(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let entries = names.into_iter().enumerate().map(|(index, name)| Entry {
            name: name.into(),
            color: color(index),
        });
        Self::new(entries.collect())
    }

    /// The entries, by label.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The colour of the class at `index`, the same on every device; repeats after 255.
///
/// The first eight keep apart for people with red-green colour blindness too: the chromatic
/// colours of Okabe and Ito, "Color Universal Design" (2008), and a dark violet in place of their
/// black, which would vanish on photographs. Each later colour is the one farthest from all
/// before it among those that are far from its neighbour.
#[must_use]
pub fn color(index: usize) -> [u8; 3] {
    SEQUENCE[index % SEQUENCE.len()]
}

const FIRST: [[u8; 3]; 8] = [
    [0xE6, 0x9F, 0x00],
    [0x56, 0xB4, 0xE9],
    [0xD5, 0x5E, 0x00],
    [0x00, 0x9E, 0x73],
    [0xF0, 0xE4, 0x42],
    [0x00, 0x72, 0xB2],
    [0xCC, 0x79, 0xA7],
    [0x4B, 0x0F, 0x7A],
];

/// The least [`difference`] between neighbours: about 120 levels of green.
const NEIGHBOURS_APART: u32 = 1024 * 120 * 120;

static SEQUENCE: LazyLock<Vec<[u8; 3]>> = LazyLock::new(|| {
    let mut sequence = FIRST.to_vec();
    let mut candidates: Vec<([u8; 3], u32)> = candidates()
        .map(|color| (color, nearest(color, &FIRST)))
        .collect();
    while sequence.len() < usize::from(UNLABELLED) {
        let last = sequence[sequence.len() - 1];
        let apart = candidates
            .iter()
            .filter(|(color, _)| difference(*color, last) >= NEIGHBOURS_APART);
        let Some(&(chosen, _)) = apart.max_by_key(|(_, distance)| *distance) else {
            break;
        };
        sequence.push(chosen);
        for (color, distance) in &mut candidates {
            *distance = (*distance).min(difference(*color, chosen));
        }
    }
    sequence
});

/// A grid of colours that are neither nearly black nor nearly white, so that they show on
/// photographs and on paper.
fn candidates() -> impl Iterator<Item = [u8; 3]> {
    const LEVELS: [u8; 11] = [0, 25, 51, 76, 102, 127, 153, 178, 204, 229, 255];
    let grid = LEVELS.into_iter().flat_map(|r| {
        LEVELS
            .map(|g| LEVELS.map(|b| [r, g, b]))
            .into_iter()
            .flatten()
    });
    grid.filter(|&[r, g, b]| {
        let luma = (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000;
        (40..=225).contains(&luma)
    })
}

fn nearest(color: [u8; 3], others: &[[u8; 3]]) -> u32 {
    let differences = others.iter().map(|&other| difference(color, other));
    differences.min().unwrap_or(u32::MAX)
}

/// The squared "redmean" difference (T. Riemersma, "Colour metric", compuphase.com), times 256:
/// close to perception, and in integers, so that every device gets the same sequence.
fn difference(a: [u8; 3], b: [u8; 3]) -> u32 {
    let red_mean = u32::midpoint(u32::from(a[0]), u32::from(b[0]));
    let square = |channel: usize| u32::from(a[channel].abs_diff(b[channel])).pow(2);
    (512 + red_mean) * square(0) + 1024 * square(1) + (767 - red_mean) * square(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Matrix = [[f64; 3]; 3];

    const NORMAL: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    // Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of
    // color vision deficiency", severity 1.0, on linear RGB.
    const PROTANOPIA: Matrix = [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ];
    const DEUTERANOPIA: Matrix = [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ];

    fn times(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(m, v)| m * v).sum())
    }

    /// Oklab (B. Ottosson 2020) of an sRGB colour as someone with this vision sees it.
    fn oklab(color: [u8; 3], vision: &Matrix) -> [f64; 3] {
        let linear = color.map(|value| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        let seen = times(vision, linear).map(|value| value.clamp(0.0, 1.0));
        let cones = times(
            &[
                [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
                [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
                [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
            ],
            seen,
        );
        times(
            &[
                [0.210_454_255_3, 0.793_617_785, -0.004_072_046_8],
                [1.977_998_495_1, -2.428_592_205, 0.450_593_709_9],
                [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766],
            ],
            cones.map(f64::cbrt),
        )
    }

    fn apart(a: [u8; 3], b: [u8; 3], vision: &Matrix) -> f64 {
        let (a, b) = (oklab(a, vision), oklab(b, vision));
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    #[test]
    fn the_first_eight_keep_apart_in_every_vision() {
        for (name, vision, least) in [
            ("normal", NORMAL, 0.10),
            ("protanopia", PROTANOPIA, 0.06),
            ("deuteranopia", DEUTERANOPIA, 0.06),
        ] {
            for i in 0..8 {
                for j in 0..i {
                    let distance = apart(color(i), color(j), &vision);
                    assert!(
                        distance > least,
                        "{name}: {j} and {i} are {distance:.3} apart"
                    );
                }
            }
        }
    }

    #[test]
    fn neighbours_never_look_alike_and_all_differ() {
        for i in 1..255 {
            let distance = apart(color(i - 1), color(i), &NORMAL);
            assert!(distance > 0.1, "{} and {i}: {distance:.3}", i - 1);
            for j in 0..i {
                assert!(apart(color(i), color(j), &NORMAL) > 0.01, "{j} and {i}");
            }
        }
    }

    #[test]
    fn the_sequence_has_255_colours_and_then_repeats() {
        assert_eq!(SEQUENCE.len(), 255);
        assert_eq!(color(255), color(0));
    }

    #[test]
    fn label_255_cannot_be_named() {
        assert!(Legend::of_names(vec!["x"; 255]).is_ok());
        assert_eq!(
            Legend::of_names(vec!["x"; 256]).unwrap_err().code(),
            "input"
        );
    }
}
