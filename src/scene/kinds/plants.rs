//! Plants and fruit.

use super::super::rng::{hash, noise};
use super::super::shape::{Rgb, WHITE, ellipse, fract, mix, shade, slab, stick, turn};
use super::Form;

const LEAF: Rgb = [0.22, 0.56, 0.20];
const BARK: Rgb = [0.43, 0.29, 0.17];

/// Foliage: small round leaves, lit from above.
fn leaves(f: &Form, x: f32, y: f32) -> Rgb {
    let row = (y * 6.0).floor();
    let u = x * 6.0 + row * 0.5;
    let (p, q) = (fract(u) - 0.5, fract(y * 6.0) - 0.5);
    let tone = hash(f.seed, u.floor() as i32, row as i32);
    if p * p + q * q > 0.2 {
        f.dark
    } else if q < -0.12 && tone > 0.35 {
        f.light
    } else {
        mix(f.base, f.dark, tone * 0.35)
    }
}

pub(super) fn tree(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let trunk = 0.11 + 0.07 * f.v[0];
    if slab(x, y, 0.0, 0.6, trunk, 0.38, 0.04) {
        let bark = noise(f.seed, x * 14.0, y * 3.0);
        c = Some(mix(BARK, shade(BARK, 0.55), bark));
    }
    let wide = 0.5 + 0.12 * f.v[1];
    if ellipse(x, y, -0.36, -0.02, wide, 0.42)
        || ellipse(x, y, 0.38, -0.04, wide, 0.42)
        || ellipse(x, y, 0.0, -0.48, 0.56, 0.48)
    {
        c = Some(leaves(f, x, y));
    }
    c
}

pub(super) fn flower(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    if stick(x, y, (0.0, 0.0), (0.06, 0.96), 0.05) {
        c = Some(shade(LEAF, 0.9));
    }
    if ellipse(x + y * 0.6, y, 0.72, 0.74, 0.3, 0.1)
        || ellipse(x - y * 0.6, y, -0.7, 0.72, 0.3, 0.1)
    {
        c = Some(if fract(x * 8.0) < 0.3 {
            shade(LEAF, 1.35)
        } else {
            LEAF
        });
    }
    let (u, v) = (x, y + 0.3);
    let r = (u * u + v * v).sqrt();
    let petals = 5.0 + (f.v[0] * 3.99).floor();
    let t = turn(u, v) * petals;
    let across = (fract(t) - 0.5).abs() * 2.0;
    if r < 0.46 + 0.24 * (1.0 - across * across) {
        // Petals: fine lines along, dark between.
        c = Some(if across > 0.86 {
            f.dark
        } else if fract(t * 4.0) < 0.35 {
            f.light
        } else {
            f.base
        });
    }
    if r < 0.2 {
        let (p, q) = (fract(u * 11.0) - 0.5, fract(v * 11.0) - 0.5);
        c = Some(if p * p + q * q < 0.1 {
            [0.62, 0.36, 0.08]
        } else {
            [0.96, 0.78, 0.18]
        });
    }
    c
}

pub(super) fn mushroom(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let stem = 0.2 + 0.1 * f.v[0];
    if slab(x, y, 0.0, 0.5, stem + y * 0.05, 0.46, 0.1) {
        let ridge = fract(x * 7.0) < 0.35;
        c = Some(if ridge {
            [0.80, 0.74, 0.62]
        } else {
            [0.95, 0.91, 0.82]
        });
    }
    if ellipse(x, y, 0.0, 0.12, 0.92, 0.16) {
        c = Some(if fract(x * 9.0) < 0.4 {
            [0.72, 0.60, 0.48]
        } else {
            [0.90, 0.82, 0.70]
        });
    }
    if ellipse(x, y, 0.0, 0.12, 0.95, 0.86 + 0.2 * f.v[1]) && y < 0.1 {
        // Warts of uneven size.
        let row = (y * 2.9).floor();
        let u = x * 2.6 + row * 0.5;
        let (p, q) = (fract(u) - 0.5, fract(y * 2.9) - 0.5);
        let size = 0.05 + 0.07 * hash(f.seed, u.floor() as i32, row as i32);
        let spot = if f.base[0] + f.base[1] + f.base[2] > 2.5 {
            f.dark
        } else {
            WHITE
        };
        c = Some(if p * p + q * q < size { spot } else { f.base });
    }
    c
}

pub(super) fn cactus(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let (left, right) = (-0.1 - 0.3 * f.v[0], -0.2 + 0.3 * f.v[1]);
    let body = stick(x, y, (0.0, -0.7), (0.0, 0.7), 0.26)
        || stick(x, y, (-0.2, 0.25), (-0.66, 0.25), 0.15)
        || stick(x, y, (-0.66, 0.25), (-0.66, left), 0.15)
        || stick(x, y, (0.2, 0.4), (0.64, 0.4), 0.14)
        || stick(x, y, (0.64, 0.4), (0.64, right), 0.14);
    if body {
        // Ribs, with a pale cross of spines on each.
        let (p, q) = (fract(x * 5.0) - 0.5, fract(y * 5.0) - 0.5);
        let spine = (p.abs() < 0.11 && q.abs() < 0.34) || (q.abs() < 0.11 && p.abs() < 0.34);
        c = Some(if spine {
            [0.97, 0.96, 0.80]
        } else if p.abs() > 0.4 {
            f.dark
        } else {
            f.base
        });
    }
    if slab(x, y, 0.0, 0.84, 0.42 - (y - 0.84) * 0.3, 0.16, 0.03) {
        c = Some(if y < 0.76 {
            [0.86, 0.50, 0.32]
        } else {
            [0.72, 0.38, 0.24]
        });
    }
    c
}

pub(super) fn apple(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let u = x.abs();
    if ellipse(u, y, 0.3, 0.16, 0.54, 0.72) && !(u < 0.12 && y < -0.46) {
        // Streaks that run from stem to base, and pale pores.
        let bow = x / (1.05 - (y - 0.1) * (y - 0.1) * 0.6);
        let streak = noise(f.seed, bow * 9.0, y * 1.3);
        let (p, q) = (fract(x * 4.2 + y) - 0.5, fract(y * 4.2) - 0.5);
        let gloss = ellipse(x, y, -0.4, -0.18, 0.12, 0.22);
        c = Some(if gloss {
            WHITE
        } else if p * p + q * q < 0.014 {
            [0.98, 0.93, 0.70]
        } else {
            mix(
                f.base,
                if streak > 0.5 { f.dark } else { f.light },
                (streak - 0.5).abs() * 1.5,
            )
        });
    }
    if stick(x, y, (0.0, -0.38), (0.08, -0.82), 0.05) {
        c = Some(BARK);
    }
    let lift = 0.1 * f.v[0];
    if ellipse(x, y + (x - 0.3) * 0.4, 0.34, -0.74 - lift, 0.26, 0.11) {
        c = Some(if (y + (x - 0.3) * 0.4 + 0.74 + lift).abs() < 0.025 {
            shade(LEAF, 1.4)
        } else {
            LEAF
        });
    }
    c
}
