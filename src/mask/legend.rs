//! Names and colours of classes.

use super::UNLABELLED;
use crate::{Error, Result};

/// What a class is called and how it is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegendEntry {
    /// The name as people typed it; any text.
    pub name: String,
    /// sRGB.
    pub color: [u8; 3],
}

impl LegendEntry {
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
    entries: Vec<LegendEntry>,
}

impl Legend {
    /// A legend with the given entries.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there are more than 255 entries, since label 255 means unlabelled.
    pub fn new(entries: Vec<LegendEntry>) -> Result<Self> {
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
    ///
    /// [`Error::Input`] if there are more than 255 names.
    pub fn from_names(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let entries = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| LegendEntry {
                name: name.into(),
                color: color(index),
            });
        Self::new(entries.collect())
    }

    /// The entries, by label.
    #[must_use]
    pub fn entries(&self) -> &[LegendEntry] {
        &self.entries
    }
}

/// The colour of the class at `index`; the sequence repeats after 255.
///
/// The first eight keep apart for people with red-green colour blindness too: the chromatic
/// colours of Okabe and Ito, "Color Universal Design" (2008), and a dark violet in place of their
/// black, which would vanish on photographs. After them the sequence goes on farthest-first in
/// Oklab, away from black and white, at least 0.25 from the colour before.
#[must_use]
pub fn color(index: usize) -> [u8; 3] {
    let [_, red, green, blue] = SEQUENCE[index % SEQUENCE.len()].to_be_bytes();
    [red, green, blue]
}

/// `0xRR_GG_BB`. Written out, not computed, so that every device paints alike to the last bit.
#[rustfmt::skip]
const SEQUENCE: [u32; UNLABELLED as usize] = [
    0xE6_9F_00, 0x56_B4_E9, 0xD5_5E_00, 0x00_9E_73, 0xF0_E4_42, 0x00_72_B2, 0xCC_79_A7, 0x4B_0F_7A,
    0x00_4B_00, 0x96_00_FF, 0x87_0F_00, 0xFF_C3_FF, 0xFF_0F_FF, 0x4B_FF_F0, 0x0F_0F_FF, 0x00_E1_00,
    0xB4_00_87, 0x78_69_00, 0xFF_00_69, 0x78_78_FF, 0x4B_4B_5A, 0x87_C3_87, 0x3C_1E_2D, 0x96_5A_69,
    0xF0_87_FF, 0x5A_3C_C3, 0xC3_00_2D, 0xFF_C3_96, 0xC3_4B_D2, 0x96_96_00, 0x78_FF_87, 0x00_2D_A5,
    0x00_B4_00, 0x78_87_A5, 0x78_0F_5A, 0xFF_87_78, 0x00_78_00, 0xA5_D2_E1, 0x1E_78_69, 0xD2_F0_C3,
    0x87_5A_B4, 0x5A_3C_00, 0xB4_A5_A5, 0x87_00_A5, 0xB4_A5_F0, 0xFF_00_B4, 0x00_69_FF, 0xA5_D2_1E,
    0x0F_2D_5A, 0xA5_87_69, 0x69_3C_87, 0x00_D2_D2, 0xA5_4B_00, 0x00_96_FF, 0xF0_A5_C3, 0xF0_0F_00,
    0x5A_1E_FF, 0xC3_4B_87, 0x2D_E1_87, 0xFF_69_C3, 0x0F_A5_B4, 0x0F_4B_87, 0xB4_78_F0, 0xD2_C3_69,
    0xC3_0F_FF, 0x96_2D_4B, 0x00_96_1E, 0x00_4B_D2, 0x78_4B_3C, 0xC3_FF_00, 0x00_5A_4B, 0x78_A5_87,
    0x3C_00_D2, 0xE1_5A_69, 0x4B_5A_00, 0x4B_FF_00, 0x78_78_69, 0xA5_E1_96, 0x5A_69_87, 0xFF_69_0F,
    0x2D_2D_0F, 0xB4_00_C3, 0xB4_F0_FF, 0x5A_69_D2, 0x00_C3_78, 0x78_4B_F0, 0xB4_A5_5A, 0x4B_2D_5A,
    0x87_B4_00, 0x69_2D_3C, 0x69_87_3C, 0xE1_00_87, 0xA5_78_00, 0x78_96_E1, 0x5A_1E_00, 0x96_78_C3,
    0xFF_C3_00, 0xE1_5A_FF, 0xD2_87_3C, 0x4B_1E_A5, 0xE1_D2_D2, 0x78_00_D2, 0xE1_A5_78, 0x00_3C_3C,
    0xC3_C3_FF, 0xA5_5A_FF, 0x5A_D2_FF, 0xFF_FF_00, 0x2D_87_96, 0xC3_FF_96, 0x96_3C_96, 0xB4_C3_A5,
    0x96_3C_D2, 0x5A_0F_3C, 0xE1_00_D2, 0xB4_69_5A, 0xFF_E1_96, 0x4B_5A_A5, 0xF0_4B_96, 0x3C_87_C3,
    0xFF_69_87, 0x5A_A5_3C, 0xA5_69_96, 0x00_F0_C3, 0xA5_96_C3, 0xA5_1E_00, 0xFF_A5_FF, 0x78_4B_69,
    0xC3_B4_00, 0xB4_00_5A, 0xE1_87_D2, 0x0F_87_4B, 0xFF_4B_E1, 0x00_69_87, 0x96_B4_D2, 0x2D_1E_87,
    0x0F_B4_96, 0xD2_5A_B4, 0x69_0F_87, 0xD2_87_87, 0x96_0F_69, 0x78_E1_D2, 0xC3_4B_5A, 0x3C_3C_2D,
    0xFF_87_B4, 0x5A_69_4B, 0xE1_00_4B, 0x78_A5_B4, 0x96_F0_2D, 0x96_69_3C, 0x87_FF_C3, 0xA5_87_96,
    0x2D_3C_5A, 0xFF_A5_96, 0x1E_69_3C, 0x0F_D2_A5, 0xFF_4B_3C, 0x00_4B_FF, 0xD2_B4_B4, 0xC3_2D_A5,
    0xFF_B4_5A, 0x3C_3C_96, 0xD2_96_B4, 0x78_00_2D, 0xFF_87_00, 0x4B_D2_4B, 0xC3_3C_1E, 0xD2_D2_3C,
    0x4B_87_69, 0x78_3C_B4, 0x78_C3_B4, 0x0F_78_E1, 0x00_F0_69, 0x96_96_FF, 0x3C_4B_1E, 0xD2_D2_A5,
    0x00_A5_E1, 0x5A_78_00, 0x96_69_E1, 0x87_96_5A, 0xA5_4B_B4, 0x87_B4_FF, 0x00_5A_B4, 0xC3_F0_5A,
    0x4B_4B_E1, 0xE1_0F_FF, 0x5A_96_87, 0xD2_69_E1, 0x5A_00_D2, 0xE1_78_5A, 0x00_1E_D2, 0xA5_3C_78,
    0xFF_69_FF, 0x78_3C_00, 0xB4_69_C3, 0x2D_3C_00, 0x69_78_B4, 0x4B_0F_5A, 0xA5_00_E1, 0xA5_C3_5A,
    0x4B_4B_87, 0xE1_4B_D2, 0x00_F0_FF, 0x5A_69_FF, 0x69_5A_1E, 0x5A_A5_FF, 0xA5_3C_3C, 0x69_B4_78,
    0x78_00_FF, 0xD2_96_FF, 0x69_00_B4, 0x5A_87_E1, 0xB4_E1_D2, 0xC3_4B_FF, 0x00_4B_5A, 0xFF_C3_D2,
    0x5A_3C_69, 0xC3_96_00, 0x1E_5A_69, 0xC3_69_87, 0x1E_2D_3C, 0x4B_B4_B4, 0x5A_5A_5A, 0xD2_E1_87,
    0x87_1E_87, 0xC3_96_78, 0x2D_1E_5A, 0x96_78_78, 0x78_E1_5A, 0x87_5A_87, 0xE1_D2_FF, 0x87_3C_78,
    0xE1_B4_FF, 0xA5_1E_A5, 0x5A_96_C3, 0xC3_2D_69, 0x4B_2D_3C, 0xC3_87_E1, 0x87_5A_1E, 0x96_00_C3,
    0x4B_5A_3C, 0xE1_2D_B4, 0x0F_5A_1E, 0xE1_3C_78, 0x2D_FF_B4, 0x78_5A_D2, 0x96_00_2D, 0xC3_B4_78,
    0x00_2D_78, 0x00_C3_E1, 0xC3_78_4B, 0x3C_1E_F0, 0x96_B4_96, 0x4B_5A_78, 0x96_D2_A5,
];

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
    fn color_keeps_the_first_eight_apart_in_every_vision() {
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
    fn color_of_neighbours_never_looks_alike() {
        for i in 1..255 {
            let distance = apart(color(i - 1), color(i), &NORMAL);
            assert!(distance > 0.2, "{} and {i}: {distance:.3}", i - 1);
            for j in 0..i {
                let least = if i < 32 { 0.12 } else { 0.05 };
                assert!(apart(color(i), color(j), &NORMAL) > least, "{j} and {i}");
            }
        }
    }

    #[test]
    fn color_repeats_after_the_last_label() {
        assert_eq!(color(usize::from(UNLABELLED)), color(0));
        assert_eq!(color(0), [0xE6, 0x9F, 0x00]);
    }

    #[test]
    fn from_names_refuses_a_name_for_label_255() {
        assert!(Legend::from_names(vec!["x"; 255]).is_ok());
        assert_eq!(
            Legend::from_names(vec!["x"; 256]).unwrap_err().code(),
            "input"
        );
    }
}
