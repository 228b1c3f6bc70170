//! What things stand on or before: textured grounds.

use super::rng::{Rng, hash, noise};
use super::shape::{Rgb, fract, mix, shade};

/// Names of the grounds, in the order of [`super::Scene::grounds_map`].
pub const GROUNDS: [&str; 9] = [
    "grass", "sand", "water", "sky", "brick", "wood", "snow", "road", "wall",
];

/// Grounds that look right above a horizon, and below one.
pub(super) const ABOVE: [usize; 5] = [3, 4, 8, 2, 3];
pub(super) const BELOW: [usize; 6] = [0, 1, 2, 5, 6, 7];

/// One ground with its tone and scale.
pub(super) struct Ground {
    pub(super) kind: usize,
    seed: u32,
    /// Pixels of one unit of texture.
    scale: f32,
    tone: f32,
    hue: Rgb,
}

impl Ground {
    pub(super) fn new(kind: usize, short_side: f32, rng: &mut Rng) -> Self {
        const PASTELS: [Rgb; 5] = [
            [0.93, 0.88, 0.76],
            [0.78, 0.86, 0.80],
            [0.86, 0.79, 0.86],
            [0.80, 0.84, 0.92],
            [0.94, 0.82, 0.76],
        ];
        Self {
            kind,
            seed: rng.next_u32(),
            scale: short_side * rng.range(0.085, 0.14),
            tone: rng.range(0.86, 1.1),
            hue: rng.pick(&PASTELS),
        }
    }

    /// The colour at a pixel; `height` is the picture's.
    pub(super) fn color(&self, px: f32, py: f32, height: f32) -> Rgb {
        let (x, y) = (px / self.scale, py / self.scale);
        let c = match self.kind {
            0 => self.grass(x, y),
            1 => self.sand(x, y),
            2 => self.water(x, y),
            3 => self.sky(x, y, py / height),
            4 => self.brick(x, y),
            5 => self.wood(x, y),
            6 => self.snow(x, y),
            7 => self.road(x, y),
            _ => self.wall(x, y),
        };
        shade(c, self.tone)
    }

    fn grass(&self, x: f32, y: f32) -> Rgb {
        let bend = noise(self.seed, x * 0.7, y * 0.7) * 1.6;
        let blade = noise(self.seed ^ 1, x * 6.0 + bend, y * 1.5);
        let patch = noise(self.seed ^ 2, x * 0.4, y * 0.4);
        mix(
            [0.20, 0.42, 0.10],
            [0.50, 0.74, 0.26],
            blade * 0.75 + patch * 0.25,
        )
    }

    fn sand(&self, x: f32, y: f32) -> Rgb {
        let drift = noise(self.seed, x * 0.5, y * 0.5) * 2.0;
        let ripple = (fract(y * 0.8 + drift + x * 0.12) - 0.5).abs();
        let grain = noise(self.seed ^ 1, x * 9.0, y * 9.0);
        mix(
            [0.76, 0.62, 0.40],
            [0.94, 0.84, 0.62],
            ripple * 0.7 + grain * 0.5,
        )
    }

    fn water(&self, x: f32, y: f32) -> Rgb {
        let swell = noise(self.seed, x * 0.6, y * 1.4);
        let line =
            (fract(y * 0.9 + swell * 1.5 + noise(self.seed ^ 1, x * 1.2, y) * 0.5) - 0.5).abs();
        let c = mix([0.08, 0.36, 0.58], [0.22, 0.58, 0.76], swell);
        if line > 0.42 {
            mix(c, [0.80, 0.93, 0.97], 0.6)
        } else {
            c
        }
    }

    fn sky(&self, x: f32, y: f32, depth: f32) -> Rgb {
        let cloud =
            noise(self.seed, x * 0.22, y * 0.45) * 0.7 + noise(self.seed ^ 1, x * 0.7, y) * 0.3;
        let blue = mix([0.38, 0.63, 0.93], [0.72, 0.87, 0.98], depth);
        mix(
            blue,
            [0.97, 0.98, 1.0],
            ((cloud - 0.52) * 5.0).clamp(0.0, 0.9),
        )
    }

    fn brick(&self, x: f32, y: f32) -> Rgb {
        let row = (y * 1.25).floor();
        let across = x * 0.6 + if row as i32 & 1 == 0 { 0.0 } else { 0.5 };
        let (u, v) = (fract(across), fract(y * 1.25));
        if u < 0.07 || v < 0.14 {
            return [0.80, 0.76, 0.70];
        }
        let tint = hash(self.seed, across.floor() as i32, row as i32);
        let rough = noise(self.seed ^ 1, x * 6.0, y * 6.0) * 0.25;
        mix([0.56, 0.25, 0.18], [0.74, 0.40, 0.29], tint * 0.8 + rough)
    }

    fn wood(&self, x: f32, y: f32) -> Rgb {
        let board = (y * 0.55).floor();
        let edge = fract(y * 0.55);
        if edge < 0.06 {
            return [0.30, 0.19, 0.10];
        }
        let tint = hash(self.seed, board as i32, 7);
        let wave = noise(self.seed ^ 1, x * 0.35, y * 1.2 + board * 9.0);
        let grain = (fract(wave * 5.0 + y * 1.6) - 0.5).abs() * 2.0;
        mix(
            [0.55, 0.37, 0.20],
            [0.78, 0.58, 0.36],
            tint * 0.5 + grain * 0.5,
        )
    }

    fn snow(&self, x: f32, y: f32) -> Rgb {
        let drift = noise(self.seed, x * 0.35, y * 0.6);
        let c = mix([0.83, 0.89, 0.96], [0.97, 0.98, 1.0], drift * 1.2);
        let (ix, iy) = ((x * 2.5).floor() as i32, (y * 2.5).floor() as i32);
        let glint = hash(self.seed ^ 1, ix, iy);
        let (jx, jy) = (hash(self.seed ^ 2, ix, iy), hash(self.seed ^ 3, ix, iy));
        let (u, v) = (
            fract(x * 2.5) - 0.25 - jx * 0.5,
            fract(y * 2.5) - 0.25 - jy * 0.5,
        );
        if glint > 0.6 && u * u + v * v < 0.05 {
            [0.66, 0.78, 0.93]
        } else {
            c
        }
    }

    fn road(&self, x: f32, y: f32) -> Rgb {
        let grit = noise(self.seed, x * 8.0, y * 8.0);
        let stone = hash(
            self.seed ^ 1,
            (x * 6.0).floor() as i32,
            (y * 6.0).floor() as i32,
        );
        let c = mix([0.24, 0.24, 0.26], [0.42, 0.42, 0.44], grit);
        if stone > 0.90 {
            mix(c, [0.72, 0.72, 0.72], 0.6)
        } else {
            c
        }
    }

    fn wall(&self, x: f32, y: f32) -> Rgb {
        let band = if fract(x * 0.5) < 0.5 { 1.0 } else { 0.93 };
        let (u, v) = (fract(x * 1.0) - 0.5, fract(y * 1.0) - 0.5);
        let sprig = u.abs() + v.abs() < 0.16;
        let c = shade(self.hue, band - noise(self.seed, x * 4.0, y * 4.0) * 0.03);
        if sprig { shade(c, 0.82) } else { c }
    }
}
