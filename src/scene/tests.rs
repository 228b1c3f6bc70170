use super::*;

/// FNV-1a, 64 bits.
fn fingerprint(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The built-in model was trained on these very pictures: a change here needs a new model.
#[test]
fn scenes_are_the_same_on_every_platform() {
    let expected: [(u64, u64); 6] = [
        (0, 98_021_566_059_758_154),
        (1, 4_354_265_321_840_158_376),
        (7, 16_005_163_841_232_386_955),
        (7_063, 13_281_218_973_847_984_605),
        (TRAINING_SEEDS, 10_340_029_973_447_583_866),
        (u64::MAX, 17_925_949_122_982_010_185),
    ];
    let found = expected.map(|(seed, _)| {
        let scene = generate(seed);
        (
            seed,
            fingerprint(scene.rgb.iter().chain(&scene.truth).copied()),
        )
    });
    assert_eq!(found, expected);
}

#[test]
fn planes_have_the_size_of_the_picture() {
    for seed in 0..60 {
        let scene = generate(seed);
        let pixels = scene.width * scene.height;
        assert_eq!(scene.rgb.len(), pixels * 3);
        for plane in [&scene.truth, &scene.instances, &scene.grounds_map] {
            assert_eq!(plane.len(), pixels);
        }
        let short = scene.width.min(scene.height);
        assert!(
            (128..=256).contains(&short),
            "seed {seed}: short side {short}"
        );
        assert!((1..=MOST_THINGS).contains(&scene.things.len()));
    }
}

#[test]
fn every_kind_color_material_and_ground_occurs() {
    let scenes: Vec<Scene> = (0..250).map(generate).collect();
    let things = || scenes.iter().flat_map(|s| &s.things);
    for (index, kind) in THINGS.iter().enumerate() {
        let value = index as u8 + 1;
        assert!(
            scenes.iter().any(|s| s.truth.contains(&value)),
            "no {} is seen",
            kind.name
        );
    }
    for color in COLORS {
        assert!(things().any(|t| t.color == color), "nothing is {color}");
    }
    for material in MATERIALS {
        assert!(
            things().any(|t| t.material == material),
            "nothing is {material}"
        );
    }
    for ground in GROUNDS {
        assert!(
            scenes.iter().any(|s| s.grounds.contains(&ground)),
            "there is no {ground}"
        );
    }
}

#[test]
fn the_masks_and_the_list_of_things_agree() {
    for seed in 0..60 {
        let scene = generate(seed);
        let mut pixels = vec![0; scene.things.len()];
        for (&class, &instance) in scene.truth.iter().zip(&scene.instances) {
            if instance == 0 {
                assert_eq!(class, 0);
            } else {
                let index = usize::from(instance) - 1;
                pixels[index] += 1;
                assert_eq!(usize::from(class), scene.things[index].kind + 1);
            }
        }
        for (thing, count) in scene.things.iter().zip(pixels) {
            assert_eq!(thing.pixels, count);
            assert_eq!(thing.name, THINGS[thing.kind].name);
            assert!((0.0..=1.0).contains(&thing.visible));
        }
        let names: Vec<&str> = scene
            .grounds_map
            .iter()
            .map(|&g| GROUNDS[usize::from(g)])
            .collect();
        for name in names {
            assert!(scene.grounds.contains(&name));
        }
    }
}

/// A thing must differ from the ground where the truth says that it is.
#[test]
fn things_change_the_pixels_that_they_own() {
    let mut form_rng = Rng::new(3);
    for kind in THINGS {
        let form = Form::new(0, &mut form_rng);
        let inside = (0..40 * 40)
            .filter(|i| {
                let (x, y) = ((i % 40) as f32 / 20.0 - 1.0, (i / 40) as f32 / 20.0 - 1.0);
                (kind.paint)(&form, x, y).is_some()
            })
            .count();
        assert!(
            (250..1500).contains(&inside),
            "{} fills {inside} of 1600",
            kind.name
        );
        assert!(
            (kind.paint)(&form, 1.6, 1.6).is_none(),
            "{} has no edge",
            kind.name
        );
    }
}

fn says(caption: &str, word: &str) -> bool {
    caption
        .split(|c: char| !c.is_alphabetic())
        .any(|w| w == word)
}

/// What a caption names, among all things and colours, is what `things` has.
fn assert_true_of(caption: &str, things: &[&Thing], seed: u64) {
    for kind in THINGS {
        if says(caption, kind.name) || says(caption, kind.plural) {
            assert!(
                things.iter().any(|t| t.name == kind.name),
                "seed {seed}: {caption}"
            );
        }
    }
    for thing in COLORS {
        if says(caption, thing) {
            assert!(
                things.iter().any(|t| t.color == thing),
                "seed {seed}: {caption}"
            );
        }
    }
    for material in MATERIALS {
        if says(caption, material) {
            assert!(
                things.iter().any(|t| t.material == material),
                "seed {seed}: {caption}"
            );
        }
    }
}

#[test]
fn captions_name_only_what_is_there() {
    for seed in 0..150 {
        let scene = generate(seed);
        let things: Vec<&Thing> = scene.things.iter().filter(|t| t.visible > 0.3).collect();
        assert!(!scene.captions.is_empty());
        for caption in &scene.captions {
            assert_true_of(caption, &things, seed);
        }
    }
}

#[test]
fn views_lie_inside_and_say_what_they_show() {
    for seed in 0..40 {
        let scene = generate(seed);
        let found = views(&scene, 24);
        assert_eq!(found.len(), 24);
        for view in &found {
            assert!(view.x + view.side <= scene.width && view.y + view.side <= scene.height);
            let things: Vec<&Thing> = view.things.iter().map(|s| &scene.things[s.thing]).collect();
            for caption in &view.captions {
                assert_true_of(caption, &things, seed);
            }
            let cover: f32 = view.things.iter().map(|s| s.cover).sum::<f32>()
                + view.grounds.iter().map(|g| g.cover).sum::<f32>();
            assert!(
                (cover - 1.0).abs() < 1e-3,
                "seed {seed}: {cover} of the window is accounted for"
            );
        }
        let sizes = |size| found.iter().filter(|v| v.size == size).count();
        assert_eq!(
            (sizes(Size::Small), sizes(Size::Medium), sizes(Size::Whole)),
            (15, 6, 3)
        );
    }
}

#[test]
fn random_numbers_stay_in_range() {
    let mut rng = Rng::new(9);
    let units: Vec<f32> = (0..10_000).map(|_| rng.unit()).collect();
    assert!(units.iter().all(|u| (0.0..1.0).contains(u)));
    let mean = units.iter().sum::<f32>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
    assert!((0..1000).all(|_| rng.below(7) < 7));
    assert_eq!(rng.below(0), 0);
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn a_dataset_is_written_and_reads_back() {
    let out = std::env::temp_dir().join(format!("wordmask-scenes-{}", std::process::id()));
    let mut done = Vec::new();
    write_dataset(&out, 5, 2, 3, 1, &mut |n| done.push(n)).expect("a temporary folder is writable");
    assert_eq!(done, [1, 2]);
    let scene = generate(6);
    let open = |folder: &str| {
        image::open(out.join(folder).join("000001.png")).expect("the file was just written")
    };
    assert_eq!(open("pictures").to_rgb8().into_raw(), scene.rgb);
    assert_eq!(open("masks").to_luma8().into_raw(), scene.truth);
    assert_eq!(open("instances").to_luma8().into_raw(), scene.instances);
    let list =
        std::fs::read_to_string(out.join("scenes.jsonl")).expect("the file was just written");
    let lines: Vec<serde_json::Value> = list
        .lines()
        .map(|l| serde_json::from_str(l).expect("one object a line"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["seed"], 6);
    assert_eq!(lines[1]["file"], "000001.png");
    assert_eq!(lines[1]["views"].as_array().map(Vec::len), Some(3));
    std::fs::remove_dir_all(&out).expect("the folder was just written");
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn an_unwritable_folder_is_an_io_error() {
    let file = std::env::temp_dir().join(format!("wordmask-file-{}", std::process::id()));
    std::fs::write(&file, b"in the way").expect("a temporary folder is writable");
    let failed = write_dataset(&file, 0, 1, 0, 1, &mut |_| ());
    std::fs::remove_file(&file).expect("the file was just written");
    assert_eq!(failed.map_err(|e| e.code()), Err("io"));
}

#[test]
fn generate_scaled_shows_the_same_scene_in_more_pixels() {
    for seed in [1, 6, 9] {
        let (small, large) = (generate(seed), generate_scaled(seed, 3));
        assert_eq!(
            (large.width, large.height),
            (small.width * 3, small.height * 3)
        );
        let names = |scene: &Scene| -> Vec<_> { scene.things.iter().map(|t| t.name).collect() };
        assert_eq!(names(&large), names(&small));
        let alike = (0..small.truth.len()).filter(|&at| {
            let (x, y) = (at % small.width, at / small.width);
            large.truth[(3 * y + 1) * large.width + 3 * x + 1] == small.truth[at]
        });
        // Edges may fall to either side.
        assert!(alike.count() * 100 > small.truth.len() * 97, "seed {seed}");
    }
}
