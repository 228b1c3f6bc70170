//! Procedural test scenes with true masks: cartoon things and shapes on textured grounds.
//!
//! A scene follows from its seed alone, to the byte, on every platform: the random numbers are our
//! own, the arithmetic is IEEE 754 single precision in a fixed order, and the few transcendental
//! functions come from `libm`.
//!
//! Seeds from [`TRAINING_SEEDS`] upward made the pictures that the built-in model was trained on.
//! Smaller seeds are held out: measure with those.

mod caption;
mod ground;
mod kinds;
mod palette;
mod raster;
mod rng;
mod shape;
#[cfg(test)]
mod tests;
mod view;
#[cfg(not(target_arch = "wasm32"))]
mod write;

use serde::Serialize;

pub use ground::GROUNDS;
pub use kinds::{Kind, THINGS};
pub use palette::{COLORS, MATERIALS};
pub use view::{SceneView, Seen, Shown, Size, views};
#[cfg(not(target_arch = "wasm32"))]
pub use write::write_dataset;

use ground::Ground;
use kinds::Form;
use raster::{Canvas, Horizon, Look, Pose};
use rng::Rng;

/// The first seed that training may use; the built-in model has seen none below it.
pub const TRAINING_SEEDS: u64 = 1_000_000;

/// Things at most in one scene.
const MOST_THINGS: usize = 6;

/// One picture with everything that is true of it.
#[derive(Debug, Clone, Serialize)]
pub struct Scene {
    /// The seed that made it.
    pub seed: u64,
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Row-major, red, green and blue of each pixel: `width * height * 3` bytes.
    #[serde(skip)]
    pub rgb: Vec<u8>,
    /// The kind seen at each pixel: 0 is ground, `i + 1` is `THINGS[i]`; `width * height` bytes.
    #[serde(skip)]
    pub truth: Vec<u8>,
    /// The thing seen at each pixel: 0 is ground, `i + 1` is `things[i]`; `width * height` bytes.
    #[serde(skip)]
    pub instances: Vec<u8>,
    /// The ground at each pixel, under things too, as an index into [`GROUNDS`]; `width * height`
    /// bytes.
    #[serde(skip)]
    pub grounds_map: Vec<u8>,
    /// In the order of painting: later things cover earlier ones.
    pub things: Vec<Thing>,
    /// Names of the grounds, from above to below.
    pub grounds: Vec<&'static str>,
    /// Captions of the picture, in several wordings.
    pub captions: Vec<String>,
}

/// One thing of a scene.
#[derive(Debug, Clone, Serialize)]
pub struct Thing {
    /// What it is: an index into [`THINGS`].
    pub kind: usize,
    /// The word for the thing: `THINGS[kind].name`.
    pub name: &'static str,
    /// The colour, one of [`COLORS`].
    pub color: &'static str,
    /// The material, one of [`MATERIALS`].
    pub material: &'static str,
    /// Pixels of it that are seen.
    pub pixels: usize,
    /// The share of its pixels in the picture that no later thing covers, 0 to 1.
    pub visible: f32,
}

/// Makes the scene of a seed.
#[must_use]
pub fn generate(seed: u64) -> Scene {
    generate_scaled(seed, 1)
}

/// Makes the scene of a seed with so many times the pixels a side, for showing it to people.
#[must_use]
pub fn generate_scaled(seed: u64, scale: usize) -> Scene {
    let mut rng = Rng::new(seed);
    let (width, height) = frame(&mut rng);
    let (width, height) = (width * scale, height * scale);
    let (grounds, horizon) = stage(width, height, &mut rng);
    let mut canvas = Canvas::new(width, height, &grounds, &horizon);
    let mut cast = place(width, height, &mut rng);
    for (index, actor) in cast.iter_mut().enumerate() {
        actor.look.outline *= scale;
        actor.pixels = canvas.paint(index, &actor.look, &actor.pose);
    }
    let rgb = canvas.develop(&mut rng);
    let things = cast_list(&cast, &canvas.instances);
    let mut names = vec![GROUNDS[grounds[0].kind]];
    if grounds[1].kind != grounds[0].kind {
        names.push(GROUNDS[grounds[1].kind]);
    }
    let truth = canvas
        .instances
        .iter()
        .map(|&i| {
            if i == 0 {
                0
            } else {
                things[usize::from(i) - 1].kind as u8 + 1
            }
        })
        .collect();
    let said: Vec<&Thing> = things
        .iter()
        .filter(|t| t.visible > 0.3 && t.pixels > 60)
        .collect();
    let captions = (0..4)
        .map(|_| caption::write(&said, &names, &mut rng))
        .collect();
    Scene {
        seed,
        width,
        height,
        rgb,
        truth,
        instances: canvas.instances,
        grounds_map: canvas.grounds,
        things,
        grounds: names,
        captions,
    }
}

/// Width and height in pixels.
fn frame(rng: &mut Rng) -> (usize, usize) {
    const ASPECTS: [(usize, usize); 5] = [(1, 1), (1, 1), (4, 3), (3, 2), (5, 4)];
    let short = 128 + 16 * rng.below(9);
    let (long_part, short_part) = rng.pick(&ASPECTS);
    let long = short * long_part / short_part;
    if rng.chance(0.3) {
        (short, long)
    } else {
        (long, short)
    }
}

/// One ground, or two parted by a horizon.
fn stage(width: usize, height: usize, rng: &mut Rng) -> ([Ground; 2], Horizon) {
    let short = width.min(height) as f32;
    let single = rng.chance(0.45);
    let (above, below) = if single {
        let kind = rng.below(GROUNDS.len());
        (kind, kind)
    } else {
        let above = rng.pick(&ground::ABOVE);
        let below = rng.pick(&ground::BELOW);
        (above, if below == above { 0 } else { below })
    };
    let grounds = [
        Ground::new(above, short, rng),
        Ground::new(below, short, rng),
    ];
    let horizon = Horizon {
        height: if single {
            -1.0e3
        } else {
            height as f32 * rng.range(0.3, 0.7)
        },
        swell: if rng.chance(0.4) {
            0.0
        } else {
            short * rng.range(0.01, 0.06)
        },
        wave: rng.range(2.0, 12.0) / width as f32,
        phase: rng.range(0.0, 6.3),
    };
    (grounds, horizon)
}

struct Actor {
    look: Look,
    pose: Pose,
    kind: usize,
    color: usize,
    pixels: usize,
}

/// Chooses the things and where they stand: large first, so that small ones are not lost behind.
fn place(width: usize, height: usize, rng: &mut Rng) -> Vec<Actor> {
    const COUNTS: [usize; 12] = [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, MOST_THINGS];
    let count = rng.pick(&COUNTS);
    let short = width.min(height) as f32;
    let mut radii: Vec<f32> = (0..count).map(|_| short * size(count, rng)).collect();
    radii.sort_by(|a, b| b.total_cmp(a));
    let mut cast: Vec<Actor> = Vec::with_capacity(count);
    for radius in radii {
        // Two of a kind in different colours are what tells "red circle" from "circle".
        let twin = if rng.chance(0.22) {
            cast.last().map(|a| a.kind)
        } else {
            None
        };
        let kind = twin.unwrap_or_else(|| rng.below(THINGS.len()));
        let (cx, cy) = spot(width, height, radius, &cast, rng);
        cast.push(actor(kind, (cx, cy), radius, short, rng));
    }
    cast
}

/// Half the extent of a thing as a share of the short side.
fn size(count: usize, rng: &mut Rng) -> f32 {
    match (count, rng.below(3)) {
        (1, 0 | 1) | (2, 0) => rng.range(0.28, 0.46),
        (_, 0 | 1) => rng.range(0.17, 0.30),
        _ => rng.range(0.11, 0.19),
    }
}

/// The best of a few random spots: the one that overlaps what is there the least.
fn spot(width: usize, height: usize, radius: f32, cast: &[Actor], rng: &mut Rng) -> (f32, f32) {
    let margin = radius * 0.75;
    let mut best = (0.0, 0.0);
    let mut least = f32::INFINITY;
    for _ in 0..7 {
        let x = rng.range(margin, width as f32 - margin);
        let y = rng.range(margin, height as f32 - margin);
        let overlap: f32 = cast
            .iter()
            .map(|a| {
                let (dx, dy) = (a.pose.cx - x, a.pose.cy - y);
                (a.pose.radius + radius - (dx * dx + dy * dy).sqrt()).max(0.0)
            })
            .sum();
        if overlap < least {
            (best, least) = ((x, y), overlap);
        }
    }
    best
}

fn actor(kind: usize, (cx, cy): (f32, f32), radius: f32, short: f32, rng: &mut Rng) -> Actor {
    let natural = THINGS[kind].natural;
    let color = if !natural.is_empty() && rng.chance(0.45) {
        rng.pick(natural)
    } else {
        rng.below(COLORS.len())
    };
    // A material on a thing of a few cells would leave nothing of the thing.
    let material = if radius > short * 0.15 && rng.chance(0.35) {
        1 + rng.below(3)
    } else {
        0
    };
    let tilt = if THINGS[kind].upright {
        0.3
    } else {
        core::f32::consts::PI
    };
    let angle = rng.range(-tilt, tilt);
    let mirrored = if rng.chance(0.5) { -1.0 } else { 1.0 };
    let outline = if rng.chance(0.5) {
        1 + usize::from(radius > 50.0)
    } else {
        0
    };
    Actor {
        look: Look {
            kind: THINGS[kind],
            form: Form::new(color, rng),
            material,
            outline,
        },
        pose: Pose {
            cx,
            cy,
            radius,
            cos: libm::cosf(angle),
            sin: libm::sinf(angle),
            stretch: mirrored * rng.range(0.88, 1.12),
        },
        kind,
        color,
        pixels: 0,
    }
}

/// The things as the reader sees them, once all are painted.
fn cast_list(cast: &[Actor], instances: &[u8]) -> Vec<Thing> {
    let mut seen = [0_usize; MOST_THINGS + 1];
    for &i in instances {
        seen[usize::from(i)] += 1;
    }
    cast.iter()
        .enumerate()
        .map(|(index, actor)| Thing {
            kind: actor.kind,
            name: THINGS[actor.kind].name,
            color: COLORS[actor.color],
            material: MATERIALS[actor.look.material],
            pixels: seen[index + 1],
            visible: seen[index + 1] as f32 / actor.pixels.max(1) as f32,
        })
        .collect()
}
