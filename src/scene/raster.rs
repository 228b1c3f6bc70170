//! Painting grounds and things into pixels, with the truth beside the colour.

use super::ground::Ground;
use super::kinds::{Form, Kind};
use super::palette::overlay;
use super::rng::{Rng, hash};
use super::shape::{Rgb, mix, shade};

/// A picture being painted: row-major, one entry a pixel in every plane.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) color: Vec<Rgb>,
    /// 0 is ground, `i + 1` the thing painted `i`-th.
    pub(super) instances: Vec<u8>,
    /// Index of the ground, under things too.
    pub(super) grounds: Vec<u8>,
}

/// Where a thing stands: the unit square of its kind is turned, stretched and moved by this.
pub(super) struct Pose {
    pub(super) cx: f32,
    pub(super) cy: f32,
    /// Pixels of one unit.
    pub(super) radius: f32,
    pub(super) cos: f32,
    pub(super) sin: f32,
    /// Horizontal stretch; negative where mirrored.
    pub(super) stretch: f32,
}

impl Pose {
    /// From pixels to the thing's own units.
    fn local(&self, px: f32, py: f32) -> (f32, f32) {
        let (dx, dy) = ((px - self.cx) / self.radius, (py - self.cy) / self.radius);
        (
            (dx * self.cos + dy * self.sin) / self.stretch,
            dy * self.cos - dx * self.sin,
        )
    }
}

/// What a thing looks like.
pub(super) struct Look {
    pub(super) kind: Kind,
    pub(super) form: Form,
    pub(super) material: usize,
    /// Width of the outline in pixels; 0 for none.
    pub(super) outline: usize,
}

impl Canvas {
    /// Paints the upper ground above a wavy horizon and the lower one below. With one ground both
    /// are the same.
    pub(super) fn new(
        width: usize,
        height: usize,
        grounds: &[Ground; 2],
        horizon: &Horizon,
    ) -> Self {
        let mut canvas = Self {
            width,
            height,
            color: Vec::with_capacity(width * height),
            instances: vec![0; width * height],
            grounds: Vec::with_capacity(width * height),
        };
        for y in 0..height {
            for x in 0..width {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let ground = &grounds[usize::from(py > horizon.at(px))];
                canvas.color.push(ground.color(px, py, height as f32));
                canvas.grounds.push(ground.kind as u8);
            }
        }
        canvas
    }

    /// Paints thing number `index` over what is there and returns how many pixels it took.
    pub(super) fn paint(&mut self, index: usize, look: &Look, pose: &Pose) -> usize {
        let reach = pose.radius * 1.5;
        let (x0, x1) = span(pose.cx, reach, self.width);
        let (y0, y1) = span(pose.cy, reach, self.height);
        let (w, h) = (x1 - x0, y1 - y0);
        let mut inside = vec![false; w * h];
        let mut taken = 0;
        for y in y0..y1 {
            for x in x0..x1 {
                let (sum, hits) = sample(look, pose, x as f32, y as f32);
                if hits == 0 {
                    continue;
                }
                let at = y * self.width + x;
                let cover = hits as f32 / 4.0;
                let mean = sum.map(|v| v / hits as f32);
                self.color[at] = mix(self.color[at], mean, cover);
                if hits >= 2 {
                    self.instances[at] = index as u8 + 1;
                    inside[(y - y0) * w + x - x0] = true;
                    taken += 1;
                }
            }
        }
        if look.outline > 0 {
            self.outline(&inside, (x0, y0, w, h), look.outline);
        }
        taken
    }

    /// Darkens the pixels of the thing that lie within `width` of its edge.
    fn outline(
        &mut self,
        inside: &[bool],
        (x0, y0, w, h): (usize, usize, usize, usize),
        width: usize,
    ) {
        for y in width..h.saturating_sub(width) {
            for x in width..w.saturating_sub(width) {
                let at = y * w + x;
                let edge = !(inside[at - width]
                    && inside[at + width]
                    && inside[at - width * w]
                    && inside[at + width * w]);
                if inside[at] && edge {
                    let pixel = &mut self.color[(y + y0) * self.width + x + x0];
                    *pixel = mix(*pixel, [0.07, 0.06, 0.10], 0.8);
                }
            }
        }
    }

    /// The finished picture: light that falls off to one side, and sensor noise.
    pub(super) fn develop(&self, rng: &mut Rng) -> Vec<u8> {
        let (gx, gy) = (rng.range(-0.14, 0.14), rng.range(-0.14, 0.14));
        let grain = rng.range(0.0, 0.05);
        let seed = rng.next_u32();
        let mut rgb = Vec::with_capacity(self.color.len() * 3);
        for (i, color) in self.color.iter().enumerate() {
            let (x, y) = (i % self.width, i / self.width);
            let u = x as f32 / self.width as f32 - 0.5;
            let v = y as f32 / self.height as f32 - 0.5;
            let lit = shade(*color, 1.0 + gx * u * 2.0 + gy * v * 2.0);
            for (channel, value) in lit.iter().enumerate() {
                let speck = hash(seed ^ channel as u32, x as i32, y as i32) - 0.5;
                rgb.push(((value + speck * grain).clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
        rgb
    }
}

/// The pixels `[centre - reach, centre + reach)` that are on a line of `length`.
fn span(centre: f32, reach: f32, length: usize) -> (usize, usize) {
    let low = (centre - reach).max(0.0) as usize;
    let high = (centre + reach).max(0.0) as usize;
    (low.min(length), high.min(length))
}

/// The sum of the colours and the number of hits of 2 by 2 samples in a pixel.
fn sample(look: &Look, pose: &Pose, px: f32, py: f32) -> (Rgb, usize) {
    let mut sum = [0.0; 3];
    let mut hits = 0;
    for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
        let (x, y) = pose.local(px + dx, py + dy);
        if let Some(surface) = (look.kind.paint)(&look.form, x, y) {
            let color = overlay(look.material, look.form.base, surface, x, y);
            sum = [sum[0] + color[0], sum[1] + color[1], sum[2] + color[2]];
            hits += 1;
        }
    }
    (sum, hits)
}

/// The line between two grounds: a sine over a height.
pub(super) struct Horizon {
    pub(super) height: f32,
    pub(super) swell: f32,
    pub(super) wave: f32,
    pub(super) phase: f32,
}

impl Horizon {
    fn at(&self, px: f32) -> f32 {
        self.height + self.swell * libm::sinf(px * self.wave + self.phase)
    }
}
