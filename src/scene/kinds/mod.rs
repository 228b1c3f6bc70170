//! The kinds of things. Each paints itself in its own units: the body fills about -1 to 1, y down.
//!
//! A kind is told apart by the parts and the texture all over its body as much as by its outline,
//! as real things are, so that a small part of it already shows what it is.

mod animals;
mod made;
mod plants;
mod shapes;

use super::palette::PALETTE;
use super::rng::Rng;
use super::shape::{INK, Rgb, WHITE, mix, shade};

/// A kind of thing that can be in a scene.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The word for one such thing.
    pub name: &'static str,
    /// The word for several such things.
    pub plural: &'static str,
    /// Colours that it often has, as indices into [`super::COLORS`]; empty where any will do.
    pub(super) natural: &'static [usize],
    /// Whether it has a right way up, which bounds how far it is turned.
    pub(super) upright: bool,
    /// The colour at a point, or none outside.
    pub(super) paint: fn(&Form, f32, f32) -> Option<Rgb>,
}

const ACCENTS: [Rgb; 4] = [
    [0.98, 0.80, 0.20],
    [0.95, 0.45, 0.15],
    [0.25, 0.65, 0.85],
    [0.92, 0.30, 0.45],
];

/// What varies between things of one kind.
pub(super) struct Form {
    pub(super) base: Rgb,
    pub(super) dark: Rgb,
    pub(super) light: Rgb,
    /// A bright second colour for small parts.
    pub(super) accent: Rgb,
    /// Proportions, each 0 to 1.
    pub(super) v: [f32; 3],
    pub(super) seed: u32,
}

impl Form {
    pub(super) fn new(color: usize, rng: &mut Rng) -> Self {
        let jitter = rng.range(0.9, 1.08);
        let base =
            shade(PALETTE[color].1, jitter).map(|v| (v + rng.range(-0.03, 0.03)).clamp(0.0, 1.0));
        let lightness = (base[0] + base[1] + base[2]) / 3.0;
        // Texture has to show on black and on white too.
        let (dark, light) = if lightness < 0.2 {
            (mix(base, WHITE, 0.24), mix(base, WHITE, 0.42))
        } else if lightness > 0.85 {
            (shade(base, 0.74), shade(base, 0.87))
        } else {
            (shade(base, 0.62), mix(base, WHITE, 0.42))
        };
        Self {
            base,
            dark,
            light,
            accent: rng.pick(&ACCENTS),
            v: [rng.unit(), rng.unit(), rng.unit()],
            seed: rng.next_u32(),
        }
    }
}

/// An eye that looks at the reader.
fn eye(x: f32, y: f32, cx: f32, cy: f32, r: f32) -> Option<Rgb> {
    let (u, v) = ((x - cx) / r, (y - cy) / r);
    let d = u * u + v * v;
    if d > 1.0 {
        None
    } else if d < 0.36 {
        Some(INK)
    } else {
        Some(WHITE)
    }
}

const fn kind(
    name: &'static str,
    plural: &'static str,
    natural: &'static [usize],
    upright: bool,
    paint: fn(&Form, f32, f32) -> Option<Rgb>,
) -> Kind {
    Kind {
        name,
        plural,
        natural,
        upright,
        paint,
    }
}

/// Every kind of thing. Class `i + 1` of [`super::Scene::truth`] is `THINGS[i]`.
pub const THINGS: [Kind; 28] = [
    kind("circle", "circles", &[], false, shapes::circle),
    kind("square", "squares", &[], false, shapes::square),
    kind("triangle", "triangles", &[], false, shapes::triangle_),
    kind("star", "stars", &[2, 1], false, shapes::star),
    kind("heart", "hearts", &[0, 6], true, shapes::heart),
    kind("moon", "moons", &[2, 9, 10], true, shapes::moon),
    kind("cat", "cats", &[1, 7, 8, 9, 10], true, animals::cat),
    kind("dog", "dogs", &[7, 8, 9, 2], true, animals::dog),
    kind("fish", "fish", &[1, 4, 0], true, animals::fish),
    kind("bird", "birds", &[4, 0, 2, 8], true, animals::bird),
    kind("turtle", "turtles", &[3, 7], true, animals::turtle),
    kind("snail", "snails", &[7, 1, 6], true, animals::snail),
    kind("ladybug", "ladybugs", &[0, 1], false, animals::ladybug),
    kind(
        "butterfly",
        "butterflies",
        &[1, 5, 4],
        false,
        animals::butterfly,
    ),
    kind("tree", "trees", &[3], true, plants::tree),
    kind("flower", "flowers", &[6, 2, 0, 5], true, plants::flower),
    kind("mushroom", "mushrooms", &[0, 7], true, plants::mushroom),
    kind("cactus", "cacti", &[3], true, plants::cactus),
    kind("apple", "apples", &[0, 3], true, plants::apple),
    kind("car", "cars", &[], true, made::car),
    kind("house", "houses", &[], true, made::house),
    kind("boat", "boats", &[], true, made::boat),
    kind("cup", "cups", &[], true, made::cup),
    kind("umbrella", "umbrellas", &[], true, made::umbrella),
    kind("balloon", "balloons", &[], true, made::balloon),
    kind("rocket", "rockets", &[9, 10], true, made::rocket),
    kind("robot", "robots", &[10, 4], true, made::robot),
    kind("gift", "gifts", &[], true, made::gift),
];
