//! What the built-in model can do, with floors a little under what was measured
//! (`docs/measurements.md`).

#![allow(missing_docs, clippy::unwrap_used)]

use pollster::block_on;
use wordmask::Segmenter;
use wordmask::bundle::Bundle;
use wordmask::device::Preference;
use wordmask::eval::{EvalShard, Evaluation, Own, Protocol, TestSet};
use wordmask::image::Picture;
use wordmask::progress::NoProgress;
use wordmask::prompt::parse_words;
use wordmask::scene::{self, Scene};
use wordmask::segmenter::{Background, EncodeOptions, Options};

/// Of the default pipeline; measured 0.667 over the scenes with seeds 7 to 46 (`wordmask eval --scenes 40
/// --seed 7`).
const MIOU_FLOOR: f64 = 0.65;

/// Share of the pixels of two things of one kind that were given to the one of the right colour.
const COMBINATION_FLOOR: f64 = 0.9;

fn segmenter() -> Segmenter {
    block_on(Segmenter::load(
        &mut Bundle::built_in().unwrap(),
        Preference::Cpu,
    ))
    .unwrap()
}

#[test]
fn segment_reaches_its_mean_iou_on_held_out_scenes() {
    let segmenter = segmenter();
    let evaluation = Evaluation {
        segmenter: &segmenter,
        set: &TestSet::scenes(7, 40, 1).unwrap(),
        settings: vec![segmenter.default_pipeline().clone()],
        protocol: Protocol::Own(Own {
            backgrounds: vec![Background::Auto],
            options: Options::default(),
            encode: EncodeOptions::default(),
        }),
        shard: EvalShard::WHOLE,
        state: None,
        save: None,
        class_file: None,
    };
    let report = block_on(evaluation.run(|_| ())).unwrap().remove(0);
    println!(
        "mIoU {:.4}, pixel accuracy {:.4}",
        report.miou, report.pixel_accuracy
    );
    assert!(report.miou >= MIOU_FLOOR, "mIoU fell to {:.4}", report.miou);
}

/// Held-out scenes that show two things of one kind in two colours, both plain to see.
fn pairs() -> impl Iterator<Item = (Scene, [usize; 2])> {
    (0u64..).map(scene::generate).filter_map(|scene| {
        let seen = |thing: &scene::Thing| thing.visible > 0.7 && thing.pixels > 400;
        let (a, b) = (0..scene.things.len())
            .flat_map(|a| (0..a).map(move |b| (a, b)))
            .find(|&(a, b)| {
                let (a, b) = (&scene.things[a], &scene.things[b]);
                a.kind == b.kind && a.color != b.color && seen(a) && seen(b)
            })?;
        Some((scene, [a, b]))
    })
}

#[test]
fn segment_tells_things_of_one_kind_apart_by_color() {
    let segmenter = segmenter();
    let options = Options {
        background: Background::None,
        ..Options::default()
    };
    let (mut right, mut all) = (0usize, 0usize);
    for (scene, things) in pairs().take(40) {
        let words = things.map(|i| format!("{} {}", scene.things[i].color, scene.things[i].name));
        let classes = parse_words(&words).unwrap();
        let (width, height) = (scene.width as u32, scene.height as u32);
        let picture = Picture::from_rgb(width, height, scene.rgb.clone()).unwrap();
        let image = block_on(segmenter.encode(picture, &EncodeOptions::default(), &mut NoProgress))
            .unwrap();
        let result =
            block_on(segmenter.segment(&image, &classes, &options, &mut NoProgress)).unwrap();
        for (&instance, &label) in scene.instances.iter().zip(result.labels().labels()) {
            if let Some(class) = things.iter().position(|&i| i + 1 == usize::from(instance)) {
                all += 1;
                right += usize::from(class == usize::from(label));
            }
        }
    }
    let share = right as f64 / all as f64;
    println!("{share:.3} of {all} pixels went to the right colour");
    assert!(share >= COMBINATION_FLOOR, "only {share:.3}");
}
