//! EXIF orientation.

use ::image::metadata::Orientation;

/// Whether the orientation swaps width and height.
pub(super) fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// The stored pixel that is shown at `(x, y)`, where `(width, height)` is the stored size.
pub(super) fn source_of(
    orientation: Orientation,
    (width, height): (usize, usize),
    (x, y): (usize, usize),
) -> (usize, usize) {
    match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (width - 1 - x, y),
        Orientation::Rotate180 => (width - 1 - x, height - 1 - y),
        Orientation::FlipVertical => (x, height - 1 - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate90 => (y, height - 1 - x),
        Orientation::Rotate270FlipH => (width - 1 - y, height - 1 - x),
        Orientation::Rotate270 => (width - 1 - y, x),
    }
}

#[cfg(test)]
mod tests {
    use ::image::{DynamicImage, RgbImage};

    use super::*;

    #[test]
    fn source_of_agrees_with_the_image_crate() {
        let (width, height) = (3u32, 2u32);
        let stored = RgbImage::from_fn(width, height, |x, y| [x as u8, y as u8, 7].into());
        for code in 1..=8 {
            let orientation = Orientation::from_exif(code).unwrap();
            let mut expected = DynamicImage::from(stored.clone());
            expected.apply_orientation(orientation);
            let shown = expected.into_rgb8();
            assert_eq!(swaps_sides(orientation), shown.width() == height, "{code}");
            for (x, y, pixel) in shown.enumerate_pixels() {
                let size = (width as usize, height as usize);
                let (sx, sy) = source_of(orientation, size, (x as usize, y as usize));
                assert_eq!(pixel.0, [sx as u8, sy as u8, 7], "orientation {code}");
            }
        }
    }
}
