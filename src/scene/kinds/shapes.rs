//! Geometric shapes, each with a pattern of its own.

use super::super::shape::{Rgb, fract, slab, triangle, turn};
use super::Form;

/// Concentric rings.
pub(super) fn circle(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let r = (x * x + y * y).sqrt();
    (r < 0.92).then(|| {
        if fract(r * 3.8 + f.v[0]) < 0.42 {
            f.dark
        } else {
            f.base
        }
    })
}

/// A basket weave: blocks of lines that lie and stand by turns.
pub(super) fn square(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    slab(x, y, 0.0, 0.0, 0.84, 0.84, 0.06).then(|| {
        let (u, v) = (x * 1.8 + 0.5, y * 1.8 + 0.5);
        let lying = (u.floor() as i32 + v.floor() as i32) & 1 == 0;
        let line = fract(if lying { v * 3.0 } else { u * 3.0 });
        if line < 0.35 { f.light } else { f.base }
    })
}

/// Zigzag lines.
pub(super) fn triangle_(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let tip = (f.v[0] - 0.5) * 0.5;
    triangle(x, y, (tip, -0.95), (-0.98, 0.8), (0.98, 0.8)).then(|| {
        let zigzag = (fract(x * 2.2) - 0.5).abs() * 0.7;
        if fract((y + zigzag) * 3.0) < 0.4 {
            f.light
        } else {
            f.base
        }
    })
}

/// Rays from the middle.
pub(super) fn star(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let r = (x * x + y * y).sqrt();
    let t = turn(x, y) * 5.0 + 0.25;
    // The edge between a point and the notch beside it is a straight line.
    let from_point = (fract(t) - 0.5).abs() * 2.0;
    let a = (1.0 - from_point) * 0.628_318_5;
    let notch = 0.46 + 0.1 * f.v[0];
    let (nx, ny) = (notch * 0.809_017, notch * 0.587_785_3);
    let (px, py) = (r * libm::cosf(a), r * libm::sinf(a));
    let inside = (nx - 1.0) * py - ny * (px - 1.0) > 0.0;
    inside.then(|| {
        if r < 0.16 {
            f.light
        } else if fract(t * 4.0) < 0.45 {
            f.dark
        } else {
            f.base
        }
    })
}

/// Quilted, with a highlight.
pub(super) fn heart(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let (u, v) = (x * 1.22, -y * 1.22 + 0.12);
    let k = u * u + v * v - 1.0;
    (k * k * k - u * u * v * v * v < 0.0).then(|| {
        let (p, q) = (fract((x + y) * 2.4), fract((x - y) * 2.4));
        let gloss = (u + 0.55) * (u + 0.55) + (v - 0.5) * (v - 0.5);
        if gloss < 0.035 {
            [1.0, 0.97, 0.97]
        } else if p < 0.14 || q < 0.14 {
            f.light
        } else if p > 0.86 || q > 0.86 {
            f.dark
        } else {
            f.base
        }
    })
}

/// A crescent with craters.
pub(super) fn moon(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let bite = 0.42 + 0.16 * f.v[0];
    let cut = (x - bite) * (x - bite) + (y + 0.12) * (y + 0.12);
    (x * x + y * y < 0.9 && cut > 0.46).then(|| {
        let (u, v) = (x * 2.6 + fract((y * 2.6).floor() * 0.37), y * 2.6);
        let (cu, cv) = (fract(u) - 0.5, fract(v) - 0.5);
        let d = cu * cu + cv * cv;
        if d < 0.05 {
            f.dark
        } else if d < 0.11 {
            f.light
        } else {
            f.base
        }
    })
}
