//! A picture as smoothed CIE Lab, in which a distance is about what an eye sees.

use crate::image::Picture;

/// Standard deviation of the smoothing in pixels, Felzenszwalb and Huttenlocher's: enough against
/// the traces of digitisation, invisible otherwise.
const SIGMA: f32 = 0.8;

/// Pixels that the smoothing looks at on either side: beyond three sigma nothing is left.
const RADIUS: usize = 3;

/// CIE Lab for each pixel, row-major: lightness 0..100, then green to red and blue to yellow,
/// about -100..100 each.
pub(super) struct Lab {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<[f32; 3]>,
}

impl Lab {
    /// The picture's colours, smoothed.
    pub(super) fn from_picture(picture: &Picture) -> Self {
        let linear: [f32; 256] = std::array::from_fn(|value| srgb_to_linear(value as f32 / 255.0));
        let pixels: Vec<_> = picture
            .rgb()
            .chunks_exact(3)
            .map(|rgb| to_lab([0, 1, 2].map(|channel| linear[usize::from(rgb[channel])])))
            .collect();
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        Self {
            width,
            height,
            pixels: smooth(&pixels, width, height),
        }
    }

    /// How unlike two pixels look: the Euclidean distance (CIE 1976's ΔE).
    pub(super) fn distance(&self, a: usize, b: usize) -> f32 {
        let (a, b) = (self.pixels[a], self.pixels[b]);
        let square = |channel: usize| (a[channel] - b[channel]) * (a[channel] - b[channel]);
        (square(0) + square(1) + square(2)).sqrt()
    }
}

/// The curve of sRGB (IEC 61966-2-1), undone.
fn srgb_to_linear(value: f32) -> f32 {
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// Linear sRGB to Lab under D65 (CIE 15).
fn to_lab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let x = (0.412_456 * r + 0.357_576 * g + 0.180_438 * b) / 0.950_47;
    let y = 0.212_673 * r + 0.715_152 * g + 0.072_175 * b;
    let z = (0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83;
    let [x, y, z] = [x, y, z].map(|t| {
        if t > 216.0 / 24_389.0 {
            t.cbrt()
        } else {
            (24_389.0 / 27.0 * t + 16.0) / 116.0
        }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// A Gaussian along the rows and then along the columns; beyond the border the border goes on.
fn smooth(pixels: &[[f32; 3]], width: usize, height: usize) -> Vec<[f32; 3]> {
    let weights = gaussian();
    let along = |source: &[[f32; 3]], line: usize, step: usize, length: usize, at: usize| {
        let mut sum = [0.0; 3];
        for (offset, weight) in weights.iter().enumerate() {
            let place = (at + offset).saturating_sub(RADIUS).min(length - 1);
            let color = source[line + place * step];
            for (sum, value) in sum.iter_mut().zip(color) {
                *sum += weight * value;
            }
        }
        sum
    };
    let across: Vec<_> = (0..pixels.len())
        .map(|pixel| along(pixels, pixel - pixel % width, 1, width, pixel % width))
        .collect();
    (0..pixels.len())
        .map(|pixel| along(&across, pixel % width, width, height, pixel / width))
        .collect()
}

/// The weights of the smoothing; they sum to one.
fn gaussian() -> [f32; 2 * RADIUS + 1] {
    let bell = std::array::from_fn(|place| {
        let distance = place as f32 - RADIUS as f32;
        (-distance * distance / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f32 = bell.iter().sum();
    bell.map(|weight| weight / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(rgb: [u8; 3]) -> [f32; 3] {
        Lab::from_picture(&Picture::from_rgb(1, 1, rgb.to_vec()).unwrap()).pixels[0]
    }

    #[test]
    fn lab_of_known_colors() {
        // From Bruce Lindbloom's calculator, D65.
        for (rgb, wanted) in [
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [53.24, 80.09, 67.20]),
            ([0, 0, 255], [32.30, 79.19, -107.86]),
            ([119, 119, 119], [50.03, 0.0, 0.0]),
        ] {
            for (found, wanted) in lab(rgb).into_iter().zip(wanted) {
                assert!((found - wanted).abs() < 0.05, "{rgb:?}: {:?}", lab(rgb));
            }
        }
    }

    #[test]
    fn smooth_blurs_an_edge_and_leaves_what_is_flat() {
        let rgb = (0..20 * 2).flat_map(|i| [if i % 20 < 10 { 0 } else { 255 }; 3]);
        let lab = Lab::from_picture(&Picture::from_rgb(20, 2, rgb.collect()).unwrap());
        let row: Vec<f32> = lab.pixels[..20].iter().map(|pixel| pixel[0]).collect();
        assert!(
            row[0].abs() < 1e-3 && (row[19] - 100.0).abs() < 1e-3,
            "{row:?}"
        );
        assert!(row[9] > 10.0 && row[10] < 90.0, "{row:?}");
        assert!((row[9] + row[10] - 100.0).abs() < 1e-3, "{row:?}");
        assert_eq!(lab.pixels[5], lab.pixels[25]);
    }
}
