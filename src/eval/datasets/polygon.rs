//! Filling polygons.

use crate::error::{Error, Result};

/// The largest coordinate, with either sign. Far outside of pictures, and small enough that no
/// sum or product here overflows.
const FURTHEST: f64 = 1e9;

/// Sets the pixels whose centre is inside a polygon by the even-odd rule, in `[height, width]`
/// values. `ring` is `x, y, x, y, ...` in pixels, (0, 0) being the top left corner of the first;
/// it is closed by itself and may leave the picture. Left and top edges belong to the inside,
/// right and bottom ones do not, so that polygons side by side share no pixel and leave none out.
///
/// # Errors
///
/// [`Error::Input`] if a coordinate has no partner or is further out than any picture reaches.
pub(super) fn fill(ring: &[f64], size: (u32, u32), value: u8, target: &mut [u8]) -> Result<()> {
    let is_pixel = |coordinate: &f64| coordinate.abs() <= FURTHEST;
    if !ring.len().is_multiple_of(2) || !ring.iter().all(is_pixel) {
        return Err(Error::input(
            "a polygon is not made of pairs of pixel coordinates. Download the file again.",
        ));
    }
    let points: Vec<(f64, f64)> = ring.chunks_exact(2).map(|p| (p[0], p[1])).collect();
    let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); size.1 as usize];
    for (from, to) in points.iter().zip(points.iter().cycle().skip(1)) {
        let (top, bottom) = if from.1 < to.1 {
            (from, to)
        } else {
            (to, from)
        };
        let rows = centres_from(top.1, size.1)..centres_from(bottom.1, size.1);
        for row in rows {
            let share = (row as f64 + 0.5 - top.1) / (bottom.1 - top.1);
            crossings[row].push(top.0 + share * (bottom.0 - top.0));
        }
    }
    for (row, crossings) in target.chunks_exact_mut(size.0 as usize).zip(&mut crossings) {
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            row[centres_from(pair[0], size.0)..centres_from(pair[1], size.0)].fill(value);
        }
    }
    Ok(())
}

/// The first of `count` pixels whose centre is at `start` or after it; `count` if there is none.
fn centres_from(start: f64, count: u32) -> usize {
    (start - 0.5).ceil().clamp(0.0, f64::from(count)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(ring: &[f64], size: (u32, u32)) -> Vec<u8> {
        let mut target = vec![0; (size.0 * size.1) as usize];
        fill(ring, size, 1, &mut target).unwrap();
        target
    }

    fn area(mask: &[u8]) -> usize {
        mask.iter().map(|&value| usize::from(value)).sum()
    }

    #[test]
    fn fill_draws_a_triangle_computed_by_hand() {
        let mask = filled(&[0.0, 0.0, 4.0, 0.0, 0.0, 4.0], (4, 4));
        #[rustfmt::skip]
        assert_eq!(mask, [
            1, 1, 1, 0,
            1, 1, 0, 0,
            1, 0, 0, 0,
            0, 0, 0, 0,
        ]);
    }

    #[test]
    fn fill_leaves_out_an_overlap_with_itself() {
        // Twice around the same square.
        let square = [1.0, 1.0, 3.0, 1.0, 3.0, 3.0, 1.0, 3.0];
        assert_eq!(area(&filled(&square, (4, 4))), 4);
        assert_eq!(area(&filled(&[square, square].concat(), (4, 4))), 0);
    }

    #[test]
    fn fill_draws_nothing_where_nothing_is_enclosed() {
        for ring in [
            &[][..],
            &[1.0, 1.0],
            &[0.0, 0.0, 4.0, 4.0],
            &[1.1, 1.1, 1.2, 1.1, 1.2, 1.2],
        ] {
            assert_eq!(area(&filled(ring, (4, 4))), 0, "{ring:?}");
        }
    }

    #[test]
    fn fill_refuses_what_is_no_polygon() {
        let mut target = [0; 4];
        for ring in [
            &[1.0][..],
            &[0.0, 0.0, f64::NAN, 1.0, 1.0, 1.0],
            &[1e10, 0.0],
        ] {
            assert_eq!(
                fill(ring, (2, 2), 1, &mut target).unwrap_err().code(),
                "input"
            );
        }
    }

    proptest! {
        #[test]
        fn fill_covers_the_area_of_rectangles_on_the_grid(
            x in 0u32..20, y in 0u32..20, w in 0u32..20, h in 0u32..20, backwards: bool,
        ) {
            let [l, t, r, b] = [x, y, x + w, y + h].map(f64::from);
            let ring = if backwards { [l, t, l, b, r, b, r, t] } else { [l, t, r, t, r, b, l, b] };
            let mask = filled(&ring, (40, 40));
            prop_assert_eq!(area(&mask), (w * h) as usize);
            let inside = |i: u32| (x..x + w).contains(&(i % 40)) && (y..y + h).contains(&(i / 40));
            prop_assert!((0..1600).all(|i| (mask[i as usize] == 1) == inside(i)));
        }

        #[test]
        fn fill_of_two_halves_is_the_whole(cut in 0.0f64..12.0, tilt in -3.0f64..3.0) {
            let (top, bottom) = (cut, cut + tilt);
            let left = filled(&[0.0, 0.0, top, 0.0, bottom, 10.0, 0.0, 10.0], (12, 10));
            let right = filled(&[top, 0.0, 12.0, 0.0, 12.0, 10.0, bottom, 10.0], (12, 10));
            prop_assume!((0.0..=12.0).contains(&bottom));
            prop_assert!(left.iter().zip(&right).all(|(l, r)| l + r == 1));
        }

        #[test]
        fn fill_cuts_off_far_corners(far in 5.0f64..FURTHEST) {
            let ring = [-far, -far, far, -far, far, far, -far, far];
            prop_assert_eq!(area(&filled(&ring, (4, 3))), 12);
        }

        #[test]
        fn fill_never_panics(ring in prop::collection::vec(any::<f64>(), 0..10)) {
            let mut target = [0; 12];
            let result = fill(&ring, (4, 3), 1, &mut target);
            prop_assert!(result.is_err() || target.iter().all(|&value| value < 2));
        }
    }
}
