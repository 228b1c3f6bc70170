#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::mask::{LabelMap, matte};

macro_rules! fixture {
    ($name:literal) => {
        Picture::decode(include_bytes!(concat!(
            "../../../tests/fixtures/matte/",
            $name,
            ".png"
        )))
        .unwrap()
    };
}

fn matte_of(alpha: &Picture) -> Matte {
    let alpha = alpha.rgb().iter().step_by(3).copied().collect();
    Matte::from_alpha(
        fixture!("picture").width(),
        fixture!("picture").height(),
        alpha,
    )
}

/// By `levels` where rounding goes the other way: f32 here, f64 there.
#[track_caller]
fn assert_alike(found: &[u8; 3], expected: &[u8; 3], levels: u8, at: usize) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            found.abs_diff(*expected) <= levels,
            "{at}: {found}, {expected}"
        );
    }
}

fn colors(rgba: &[u8]) -> impl Iterator<Item = [u8; 3]> {
    rgba.as_chunks::<4>()
        .0
        .iter()
        .map(|[r, g, b, _]| [*r, *g, *b])
}

#[test]
fn cutout_takes_colours_apart_as_the_reference_does() {
    let picture = fixture!("picture");
    for (feather, alpha, expected) in [
        (1, fixture!("alpha-1"), fixture!("colors-1")),
        (4, fixture!("alpha-4"), fixture!("colors-4")),
        (10, fixture!("alpha-10"), fixture!("colors-10")),
    ] {
        let found = cutout(
            &picture,
            &matte_of(&alpha),
            feather,
            false,
            &Backdrop::Transparent,
        );
        let found = found.unwrap();
        let expected = expected.rgb().as_chunks().0;
        for (at, (found, expected)) in colors(&found.rgba).zip(expected).enumerate() {
            assert_alike(&found, expected, 1, at);
        }
        let alphas = found.rgba.iter().skip(3).step_by(4);
        assert!(alphas.eq(alpha.rgb().iter().step_by(3)));
    }
}

#[test]
fn blur_is_of_what_is_behind_alone() {
    let (picture, alpha) = (fixture!("picture"), fixture!("alpha-4"));
    let matte = matte_of(&alpha);
    let ground = Ground::new(&Backdrop::Blur(2.0), &picture, &matte, (1, 1)).unwrap();
    let expected = fixture!("blurred-2");
    for (at, expected) in expected.rgb().as_chunks().0.iter().enumerate() {
        // Where next to nothing is behind, a mean of next to nothing: it is not seen.
        if matte.alpha()[at] < 200 {
            let place = (at % 56, at / 56);
            let [r, g, b, _] = ground.under([0; 3], 0, place, (0, 0));
            assert_alike(&[r, g, b], expected, 2, at);
        }
    }
}

#[test]
fn strong_blur_has_the_mean_colour_behind_and_nothing_of_the_thing() {
    let (picture, alpha) = (fixture!("picture"), fixture!("alpha-4"));
    let matte = matte_of(&alpha);
    let made = cutout(&picture, &matte, 4, false, &Backdrop::Blur(60.0)).unwrap();
    let behind: Vec<[u8; 3]> = (0..56 * 40)
        .filter(|at| matte.alpha()[*at] == 0)
        .map(|at| colors(&made.rgba).nth(at).unwrap())
        .collect();
    for [r, g, b] in behind {
        // Between the ground, 90 150 60, and the sky, 190 210 240; the disc is 60 to 150, 30 to 60.
        assert!((85..=195).contains(&r) && (145..=215).contains(&g) && (55..=245).contains(&b));
    }
}

/// A dark disc with soft edges before a bright ground: the picture, and its alpha.
fn dark_before_bright(before: [u8; 3], behind: [u8; 3]) -> (Picture, Matte) {
    let share = |at: usize| {
        let (x, y) = ((at % 40) as f32 - 19.6, (at / 40) as f32 - 20.2);
        (0.5 - (x.hypot(y) - 11.3) / 3.0).clamp(0.0, 1.0)
    };
    let mixed = |at: usize| {
        let share = share(at);
        let mix = |channel: usize| {
            let (before, behind) = (f32::from(before[channel]), f32::from(behind[channel]));
            (before * share + behind * (1.0 - share)).round() as u8
        };
        [mix(0), mix(1), mix(2)]
    };
    let rgb = (0..1600).flat_map(mixed).collect();
    let alpha = (0..1600).map(|at| (share(at) * 255.0).round() as u8);
    (
        Picture::from_rgb(40, 40, rgb).unwrap(),
        Matte::from_alpha(40, 40, alpha.collect()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// From the true alpha, the colour of the thing comes back, to a twentieth of its difference
    /// from what is behind and a level of rounding.
    #[test]
    fn colour_of_a_thing_comes_back(before in any::<[u8; 3]>(), behind in any::<[u8; 3]>()) {
        let (picture, matte) = dark_before_bright(before, behind);
        let made = cutout(&picture, &matte, 4, false, &Backdrop::Transparent).unwrap();
        for [r, g, b, alpha] in made.rgba.as_chunks::<4>().0 {
            if *alpha > 0 {
                for (channel, found) in [*r, *g, *b].into_iter().enumerate() {
                    let apart = before[channel].abs_diff(behind[channel]);
                    let error = found.abs_diff(before[channel]);
                    prop_assert!(error <= apart / 20 + 1, "{} of {}", error, apart);
                }
            }
        }
    }
}

#[test]
fn dark_thing_has_no_bright_rim_on_another_ground() {
    let (picture, matte) = dark_before_bright([20, 24, 30], [235, 240, 250]);
    let made = cutout(&picture, &matte, 4, false, &Backdrop::Color([20, 24, 30])).unwrap();
    let brightest = colors(&made.rgba).flatten().max().unwrap();
    assert!(brightest <= 34, "{brightest}");
    // With the colours of the picture there is one.
    let rim = |at: usize| {
        let alpha = f32::from(matte.alpha()[at]) / 255.0;
        f32::from(picture.rgb()[at * 3]) * alpha + 20.0 * (1.0 - alpha)
    };
    assert!((0..1600).map(rim).fold(0.0, f32::max) > 60.0);
}

#[test]
fn cutout_without_feather_is_the_pixels_of_the_class() {
    let picture = Picture::from_rgb(3, 1, (1..=9).collect()).unwrap();
    let map = LabelMap::new(3, 1, vec![0, 1, 255]).unwrap();
    let hard = matte(&map, &picture, &[1], 0, &()).unwrap();
    let made = cutout(&picture, &hard, 0, false, &Backdrop::Transparent).unwrap();
    assert_eq!(made.rgba, [0, 0, 0, 0, 4, 5, 6, 255, 0, 0, 0, 0]);
    assert!(!made.is_opaque);
    let file = made.to_png().unwrap();
    assert_eq!(
        Picture::decode(&file).unwrap().rgb(),
        [255, 255, 255, 4, 5, 6, 255, 255, 255]
    );
    assert_eq!(
        made,
        Cutout {
            rgba: made.rgba.clone(),
            ..made
        }
    );
}

#[test]
fn trim_leaves_what_is_seen_and_says_where() {
    let picture = Picture::from_rgb(4, 3, (0..36).collect()).unwrap();
    let alpha = vec![0, 0, 0, 0, 0, 0, 9, 255, 0, 0, 0, 0];
    let matte = Matte::from_alpha(4, 3, alpha);
    let made = cutout(&picture, &matte, 0, true, &Backdrop::Color([1, 2, 3])).unwrap();
    assert_eq!([made.x, made.y, made.width, made.height], [2, 1, 2, 1]);
    assert_eq!(made.rgba[4..], [21, 22, 23, 255]);
    assert_eq!(Picture::decode(&made.to_png().unwrap()).unwrap().width(), 2);
    let nothing = Matte::from_alpha(4, 3, vec![0; 12]);
    let made = cutout(&picture, &nothing, 0, true, &Backdrop::Transparent).unwrap();
    assert_eq!((made.width, made.height, made.rgba), (4, 3, vec![0; 48]));
}

#[test]
fn picture_behind_covers_everything_from_its_middle() {
    // Three columns for two: the outer ones lose half.
    let other = Picture::from_rgb(
        6,
        2,
        [[9; 3], [9; 3], [50; 3], [50; 3], [9; 3], [9; 3]]
            .concat()
            .repeat(2),
    );
    let picture = Picture::from_rgb(2, 2, vec![200; 12]).unwrap();
    let matte = Matte::from_alpha(2, 2, vec![255, 0, 0, 0]);
    let made = cutout(
        &picture,
        &matte,
        0,
        false,
        &Backdrop::Picture(other.unwrap()),
    )
    .unwrap();
    let found: Vec<[u8; 3]> = colors(&made.rgba).collect();
    assert_eq!(found, [[200; 3], [50; 3], [50; 3], [50; 3]]);
    assert!(made.is_opaque);
}

#[test]
fn cutout_refuses_other_sizes_and_blurs_that_are_none() {
    let picture = Picture::from_rgb(2, 2, vec![0; 12]).unwrap();
    let matte = Matte::from_alpha(2, 2, vec![255; 4]);
    for sigma in [0.0, -1.0, f32::NAN, f32::INFINITY, MAX_BLUR + 1.0] {
        let error = cutout(&picture, &matte, 0, false, &Backdrop::Blur(sigma)).unwrap_err();
        assert_eq!(error.code(), "input");
    }
    let small = Matte::from_alpha(1, 1, vec![255]);
    assert!(cutout(&picture, &small, 0, false, &Backdrop::Transparent).is_err());
    // Nothing is behind, and the whole picture is before.
    let made = cutout(&picture, &matte, 0, false, &Backdrop::Blur(MAX_BLUR)).unwrap();
    assert_eq!(made.rgba, [0, 0, 0, 255].repeat(4));
}

#[cfg(feature = "cli")]
#[test]
fn webp_has_every_pixel() {
    let (picture, matte) = dark_before_bright([200, 24, 30], [35, 240, 50]);
    let made = cutout(&picture, &matte, 4, true, &Backdrop::Color([1, 2, 3])).unwrap();
    let webp = Picture::decode(&made.to_webp().unwrap()).unwrap();
    assert_eq!(webp, Picture::decode(&made.to_png().unwrap()).unwrap());
}
