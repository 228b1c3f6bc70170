//! Captioned windows of a scene: a caption names only what the window shows.
//!
//! A model trained on them reads pictures and words. Which things a window shows is counted from
//! the masks here; the masks themselves stay behind.

use serde::Serialize;

use super::rng::Rng;
use super::{GROUNDS, Scene, Thing, caption};

/// How much of the picture a window takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// About a quarter of the short side.
    Small,
    /// About half of the short side.
    Medium,
    /// All of the short side.
    Whole,
}

/// A square window of a scene and what it shows.
#[derive(Debug, Clone, Serialize)]
pub struct SceneView {
    /// How large it is.
    pub size: Size,
    /// Left edge in pixels.
    pub x: usize,
    /// Upper edge in pixels.
    pub y: usize,
    /// Width and height in pixels.
    pub side: usize,
    /// The things in it, by index into [`Scene::things`].
    pub things: Vec<Seen>,
    /// The grounds in it.
    pub grounds: Vec<Shown>,
    /// Captions of it, in several wordings.
    pub captions: Vec<String>,
}

/// A thing in a window.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Index into [`Scene::things`].
    pub thing: usize,
    /// The share of what the picture shows of the thing that is in the window, 0 to 1.
    pub part: f32,
    /// The share of the window that the thing covers, 0 to 1.
    pub cover: f32,
}

/// A ground in a window.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The word for the ground, one of [`GROUNDS`].
    pub name: &'static str,
    /// The share of the window that is seen to be this ground, 0 to 1.
    pub cover: f32,
}

/// Draws `count` windows of a scene, the same ones for the same scene. Of every 24, 3 are whole,
/// 6 medium and 15 small.
#[must_use]
pub fn views(scene: &Scene, count: u32) -> Vec<SceneView> {
    let mut rng = Rng::new(scene.seed ^ 0x7669_6577);
    (0..count)
        .map(|i| {
            let size = match i % 24 {
                0 | 8 | 16 => Size::Whole,
                n if n % 3 == 1 && n < 21 => Size::Medium,
                _ => Size::Small,
            };
            view(scene, size, &mut rng)
        })
        .collect()
}

fn view(scene: &Scene, size: Size, rng: &mut Rng) -> SceneView {
    let short = scene.width.min(scene.height);
    let share = match size {
        Size::Small => rng.range(0.19, 0.31),
        Size::Medium => rng.range(0.40, 0.62),
        Size::Whole => 1.0,
    };
    let side = ((short as f32 * share) as usize).max(1);
    let (x, y) = corner(scene, side, rng);
    let (things, grounds) = count(scene, x, y, side);
    let said: Vec<&Thing> = things
        .iter()
        .filter(|s| worth_saying(s))
        .map(|s| &scene.things[s.thing])
        .collect();
    let names: Vec<&str> = grounds
        .iter()
        .filter(|g| g.cover > 0.1)
        .map(|g| g.name)
        .collect();
    let names = if names.is_empty() {
        scene.grounds.clone()
    } else {
        names
    };
    let captions = (0..2).map(|_| caption::write(&said, &names, rng)).collect();
    SceneView {
        size,
        x,
        y,
        side,
        things,
        grounds,
        captions,
    }
}

/// Whether somebody who sees the window would name the thing.
fn worth_saying(seen: &Seen) -> bool {
    seen.cover > 0.1 || (seen.part > 0.5 && seen.cover > 0.015)
}

/// Most of the windows lie around a random pixel of a thing, the others anywhere.
fn corner(scene: &Scene, side: usize, rng: &mut Rng) -> (usize, usize) {
    let (mut x, mut y) = (rng.below(scene.width), rng.below(scene.height));
    if rng.chance(0.6) {
        for _ in 0..12 {
            if scene.instances[y * scene.width + x] > 0 {
                break;
            }
            (x, y) = (rng.below(scene.width), rng.below(scene.height));
        }
    }
    let clip = |centre: usize, length: usize| centre.saturating_sub(side / 2).min(length - side);
    (clip(x, scene.width), clip(y, scene.height))
}

/// Counts what the window shows.
fn count(scene: &Scene, x: usize, y: usize, side: usize) -> (Vec<Seen>, Vec<Shown>) {
    let mut things = vec![0_usize; scene.things.len()];
    let mut grounds = [0_usize; GROUNDS.len()];
    for row in y..y + side {
        for at in row * scene.width + x..row * scene.width + x + side {
            match scene.instances[at] {
                0 => grounds[usize::from(scene.grounds_map[at])] += 1,
                i => things[usize::from(i) - 1] += 1,
            }
        }
    }
    let area = (side * side) as f32;
    let seen = things
        .iter()
        .enumerate()
        .filter(|(_, n)| **n > 0)
        .map(|(thing, &n)| Seen {
            thing,
            part: n as f32 / scene.things[thing].pixels.max(1) as f32,
            cover: n as f32 / area,
        });
    let shown = grounds
        .iter()
        .enumerate()
        .filter(|(_, n)| **n > 0)
        .map(|(ground, &n)| Shown {
            name: GROUNDS[ground],
            cover: n as f32 / area,
        });
    (seen.collect(), shown.collect())
}
