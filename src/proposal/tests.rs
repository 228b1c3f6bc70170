use proptest::prelude::*;

use super::color::Lab;
use super::grouping::group;
use super::*;

fn picture(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgb = pixels.flat_map(|(x, y)| color(x, y)).collect();
    Picture::from_rgb(width, height, rgb).unwrap()
}

/// A small picture of patches of few colours, with some noise.
fn patchwork() -> impl Strategy<Value = Picture> {
    let patch = (0u32..30, 0u32..30, 1u32..20, 1u32..20, any::<[u8; 3]>());
    let patches = prop::collection::vec(patch, 0..8);
    (1u32..30, 1u32..30, patches, 0u32..40).prop_map(|(width, height, patches, noise)| {
        picture(width, height, |x, y| {
            let inside = |&&(left, top, w, h, _): &&(u32, u32, u32, u32, [u8; 3])| {
                (left..left + w).contains(&x) && (top..top + h).contains(&y)
            };
            let base = patches
                .iter()
                .rfind(inside)
                .map_or([90; 3], |patch| patch.4);
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 7;
            base.map(|value| value.saturating_add((grain % (noise + 1)) as u8))
        })
    })
}

fn overlap(a: &Region, b: &Region) -> f64 {
    let both = a
        .pixels()
        .filter(|pixel| b.pixels().any(|other| other == *pixel))
        .count();
    both as f64 / (a.area() as usize + b.area() as usize - both) as f64
}

/// Intersection over union of a region with the pixels that `truth` names.
fn agreement(region: &Region, width: u32, truth: impl Fn(u32, u32) -> bool, area: usize) -> f64 {
    let width = width as usize;
    let hit = |pixel: &usize| truth((pixel % width) as u32, (pixel / width) as u32);
    let both = region.pixels().filter(hit).count();
    both as f64 / (region.area() as usize + area - both) as f64
}

#[test]
fn propose_finds_one_region_in_one_color() {
    for (width, height) in [
        (1, 1),
        (1, 40),
        (40, 1),
        (300, 1),
        (1, 300),
        (20, 30),
        (400, 300),
    ] {
        let plain = picture(width, height, |_, _| [12, 200, 90]);
        let found = propose(&plain, 10).unwrap();
        assert_eq!(found.regions.len(), 1, "{width}x{height}");
        assert_eq!(found.regions[0].area(), found.width * found.height);
        let mask = found.mask(&found.regions[0], &plain).unwrap();
        assert_eq!(mask.area(), u64::from(width * height));
    }
}

#[test]
fn working_size_keeps_the_shape_and_never_grows() {
    assert_eq!(working_size(640, 480), (256, 192));
    assert_eq!(working_size(480, 640), (192, 256));
    assert_eq!(working_size(10_000, 3), (256, 1));
    assert_eq!(working_size(200, 100), (200, 100));
}

#[test]
fn propose_refuses_no_budget_and_points_outside() {
    let plain = picture(4, 3, |_, _| [0; 3]);
    assert_eq!(propose(&plain, 0).unwrap_err().code(), "input");
    let found = propose(&plain, 1).unwrap();
    for (x, y) in [(4, 0), (0, 3), (u32::MAX, u32::MAX)] {
        assert_eq!(found.region_at(x, y, &plain).unwrap_err().code(), "input");
    }
}

#[test]
fn propose_finds_two_halves() {
    let halves = picture(
        60,
        40,
        |x, _| if x < 25 { [200, 30, 30] } else { [30, 60, 200] },
    );
    let found = propose(&halves, 3).unwrap();
    let areas: Vec<u32> = found.regions.iter().map(Region::area).collect();
    assert_eq!(areas[0], 60 * 40);
    assert!(
        areas.contains(&(25 * 40)) && areas.contains(&(35 * 40)),
        "{areas:?}"
    );
    assert_eq!(found.region_at(3, 20, &halves).unwrap().area(), 25 * 40);
    assert_eq!(
        found.region_at(50, 20, &halves).unwrap().bounding_box(),
        [25, 0, 35, 40]
    );
}

#[test]
fn propose_finds_a_striped_ball_on_a_chequered_ground() {
    let inside = |x: u32, y: u32| x.abs_diff(70).pow(2) + y.abs_diff(60).pow(2) < 40 * 40;
    let scene = picture(160, 120, |x, y| {
        match (inside(x, y), x / 8 % 2 == 0, y / 8 % 2 == 0) {
            (true, true, _) => [220, 40, 40],
            (true, false, _) => [190, 70, 30],
            (false, a, b) if a == b => [70, 120, 70],
            (false, ..) => [60, 105, 62],
        }
    });
    let area = (0..160 * 120)
        .filter(|pixel| inside(pixel % 160, pixel / 160))
        .count();
    let found = propose(&scene, 50).unwrap();
    for (x, y) in [(70, 60), (50, 50), (95, 70)] {
        let region = found.region_at(x, y, &scene).unwrap();
        let iou = agreement(region, found.width, inside, area);
        assert!(iou > 0.9, "({x}, {y}): {iou}, {:?}", region.bounding_box());
    }
}

#[test]
fn propose_finds_a_sky_without_what_flies_in_it() {
    let speck = |x: u32, y: u32| (50..62).contains(&x) && (40..50).contains(&y);
    let sky = picture(120, 90, |x, y| {
        if speck(x, y) {
            [40; 3]
        } else {
            [120, 170, 230]
        }
    });
    let found = propose(&sky, 10).unwrap();
    let ground = found.region_at(5, 5, &sky).unwrap();
    let thing = found.region_at(55, 45, &sky).unwrap();
    // Smoothing makes the edge between them a pixel or two wide, and it may go either way.
    assert!(
        agreement(thing, 120, speck, 12 * 10) > 0.6,
        "{}",
        thing.area()
    );
    assert!(!ground.contains(55, 45) && ground.area() > 120 * 90 - 200);
}

#[test]
fn mask_at_picture_size_is_the_nearest_pixels() {
    let halves = picture(512, 384, |x, _| {
        if x < 200 {
            [200, 30, 30]
        } else {
            [30, 60, 200]
        }
    });
    let found = propose(&halves, 3).unwrap();
    assert_eq!((found.width, found.height), (256, 192));
    for region in &found.regions {
        let mask = found.mask(region, &halves).unwrap();
        assert_eq!((mask.width(), mask.height()), (512, 384));
        assert_eq!(mask.area(), 4 * u64::from(region.area()));
        assert_eq!(
            mask.bounding_box(),
            region.bounding_box().map(|side| 2 * side)
        );
        for (pixel, inside) in mask.to_mask().unwrap().into_iter().enumerate() {
            assert_eq!(inside, region.contains(pixel % 512 / 2, pixel / 512 / 2));
        }
    }
}

/// How well regions meet things, so that a change for the worse is seen: the mean over things of
/// the best intersection over union with any region.
#[cfg(feature = "scenes")]
#[test]
fn propose_finds_things_of_procedural_scenes() {
    let (mut sum, mut things) = (0.0, 0);
    for seed in 0..8 {
        let scene = crate::scene::generate(seed);
        let (width, height) = (scene.width as u32, scene.height as u32);
        let rgb = Picture::from_rgb(width, height, scene.rgb).unwrap();
        let found = propose(&rgb, 100).unwrap();
        let at = |x: u32, y: u32| {
            let (x, y) = (
                nearest(x, found.width, width),
                nearest(y, found.height, height),
            );
            usize::from(scene.instances[y * scene.width + x])
        };
        let places = || (0..found.height).flat_map(|y| (0..found.width).map(move |x| (x, y)));
        for thing in (1..=scene.things.len()).filter(|thing| scene.things[thing - 1].pixels > 100) {
            let area = places().filter(|&(x, y)| at(x, y) == thing).count();
            let fit = |region| agreement(region, found.width, |x, y| at(x, y) == thing, area);
            sum += found.regions.iter().map(fit).fold(0.0, f64::max);
            things += 1;
        }
    }
    let mean = sum / f64::from(things);
    assert!(mean > 0.75, "mean best overlap {mean} over {things} things");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn segments_are_a_partition_into_connected_parts(picture in patchwork()) {
        let lab = Lab::from_picture(&picture);
        let segments = graph::segment(&lab);
        prop_assert_eq!(segments.labels.len(), lab.pixels.len());
        let members = segments.members();
        prop_assert_eq!(members.iter().map(Vec::len).sum::<usize>(), lab.pixels.len());
        for (segment, pixels) in members.iter().enumerate() {
            // Grow from the first pixel over the eight neighbours; everything must be reached.
            let (mut reached, mut open) = (vec![false; lab.pixels.len()], vec![pixels[0]]);
            while let Some(pixel) = open.pop() {
                if segments.labels[pixel] == segment && !std::mem::replace(&mut reached[pixel], true) {
                    let (x, y) = (pixel % lab.width, pixel / lab.width);
                    for y in y.saturating_sub(1)..(y + 2).min(lab.height) {
                        open.extend((x.saturating_sub(1)..(x + 2).min(lab.width)).map(|x| y * lab.width + x));
                    }
                }
            }
            prop_assert!(pixels.iter().all(|&pixel| reached[pixel]));
        }
    }

    #[test]
    fn nodes_have_their_pixels_and_outlines(picture in patchwork()) {
        let lab = Lab::from_picture(&picture);
        let segments = graph::segment(&lab);
        for hierarchy in group(&lab, &segments) {
            prop_assert_eq!(hierarchy.nodes.len(), 2 * segments.count - 1);
            for (number, node) in hierarchy.nodes.iter().enumerate() {
                let own = hierarchy.segments_of(number);
                let inside = |pixel: usize| own.contains(&segments.labels[pixel]);
                let (mut area, mut length, mut difference, mut frame) = (0, 0.0, 0.0, 0.0);
                for pixel in (0..lab.pixels.len()).filter(|&pixel| inside(pixel)) {
                    let (x, y) = (pixel % lab.width, pixel / lab.width);
                    area += 1;
                    let beside = [
                        (x > 0).then(|| pixel - 1),
                        (x + 1 < lab.width).then_some(pixel + 1),
                        (y > 0).then(|| pixel - lab.width),
                        (y + 1 < lab.height).then_some(pixel + lab.width),
                    ];
                    for other in beside {
                        match other {
                            None => frame += 1.0,
                            Some(other) if !inside(other) => {
                                length += 1.0;
                                difference += lab.distance(pixel, other);
                            }
                            Some(_) => {}
                        }
                    }
                }
                prop_assert_eq!(node.area, area);
                prop_assert_eq!((node.outline.length, node.frame), (length, frame));
                prop_assert!((node.outline.difference - difference).abs() <= 1e-3 * (1.0 + difference) + 0.05);
                prop_assert!(hierarchy.salience(node) >= 0.0);
            }
        }
    }

    #[test]
    fn regions_are_connected_and_in_order(picture in patchwork(), budget in 1usize..30) {
        let found = propose(&picture, budget).unwrap();
        prop_assert!((1..=budget).contains(&found.regions.len()));
        prop_assert_eq!(found.regions[0].area(), found.width * found.height);
        for (index, region) in found.regions.iter().enumerate() {
            let pixels: Vec<usize> = region.pixels().collect();
            prop_assert!(!pixels.is_empty() && pixels.is_sorted());
            prop_assert_eq!(pixels.len(), region.area() as usize);
            let places = || pixels.iter().map(|p| (p % found.width as usize, p / found.width as usize));
            prop_assert!(places().all(|(x, y)| region.contains(x, y)));
            let [x, y, width, height] = region.bounding_box().map(|side| side as usize);
            prop_assert_eq!(places().map(|p| p.0).min(), Some(x));
            prop_assert_eq!(places().map(|p| p.1).min(), Some(y));
            prop_assert_eq!(places().map(|p| p.0 + 1).max(), Some(x + width));
            prop_assert_eq!(places().map(|p| p.1 + 1).max(), Some(y + height));
            for other in &found.regions[1..index.max(1)] {
                prop_assert!(overlap(region, other) <= 0.9 + 1e-6);
            }
        }
    }

    #[test]
    fn propose_gives_the_same_again_and_more_for_a_larger_budget(picture in patchwork()) {
        let few = propose(&picture, 5).unwrap();
        prop_assert_eq!(&few, &propose(&picture, 5).unwrap());
        let many = propose(&picture, 20).unwrap();
        prop_assert_eq!(&few.regions[..], &many.regions[..few.regions.len()]);
    }

    #[test]
    fn region_at_finds_one_for_every_pixel(picture in patchwork(), x in 0.0f64..1.0, y in 0.0f64..1.0) {
        let found = propose(&picture, 20).unwrap();
        let x = (x * f64::from(picture.width())) as u32;
        let y = (y * f64::from(picture.height())) as u32;
        let region = found.region_at(x, y, &picture).unwrap();
        prop_assert!(region.contains(x as usize, y as usize));
        let around = found.regions.iter().filter(|r| r.contains(x as usize, y as usize)).count();
        prop_assert_eq!(region.area() == found.regions[0].area(), around == 1);
    }
}
