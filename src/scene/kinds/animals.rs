//! Animals: fur, scales, feathers, shells and wings.

use super::super::rng::noise;
use super::super::shape::{INK, Rgb, WHITE, ellipse, fract, mix, shade, stick, triangle, turn};
use super::{Form, eye};

const PINK: Rgb = [0.95, 0.55, 0.60];

/// Tabby: wavy dark bands made of short hairs.
fn tabby(f: &Form, x: f32, y: f32) -> Rgb {
    let wave = noise(f.seed, x * 2.5, y * 2.5) * 0.5;
    let hair = noise(f.seed ^ 1, x * 16.0, y * 5.0);
    if fract(x * 2.6 + wave + hair * 0.25) < 0.4 {
        f.dark
    } else {
        mix(f.base, f.light, hair * 0.4)
    }
}

pub(super) fn cat(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let tail = 0.1 + 0.4 * f.v[0];
    if stick(x, y, (0.45, 0.75), (0.85, 0.4), 0.12) || stick(x, y, (0.85, 0.4), (0.8, -tail), 0.12)
    {
        c = Some(tabby(f, y, x));
    }
    if ellipse(x, y, 0.02, 0.5, 0.52 + 0.1 * f.v[1], 0.46) {
        c = Some(tabby(f, x, y));
    }
    if ellipse(x, y, -0.26, 0.9, 0.2, 0.1) || ellipse(x, y, 0.24, 0.9, 0.2, 0.1) {
        c = Some(f.light);
    }
    for s in [-1.0, 1.0] {
        let u = (x + 0.1) * s;
        if triangle(u, y, (0.12, -0.62), (0.5, -0.98), (0.54, -0.34)) {
            c = Some(f.base);
        }
        if triangle(u, y, (0.24, -0.64), (0.45, -0.86), (0.46, -0.46)) {
            c = Some(PINK);
        }
    }
    if ellipse(x, y, -0.1, -0.26, 0.56, 0.46) {
        c = Some(tabby(f, x, y));
    }
    if ellipse(x, y, -0.1, -0.08, 0.24, 0.18) {
        c = Some(WHITE);
    }
    for s in [-1.0, 1.0] {
        let u = (x + 0.1) * s;
        if ellipse(u, y, 0.24, -0.32, 0.12, 0.13) {
            c = Some(if (u - 0.24).abs() < 0.04 {
                INK
            } else {
                [0.70, 0.88, 0.30]
            });
        }
        if stick(u, y, (0.2, -0.08), (0.66, -0.14), 0.018)
            || stick(u, y, (0.2, -0.03), (0.64, 0.04), 0.018)
        {
            c = Some(INK);
        }
    }
    if triangle(x, y, (-0.18, -0.16), (-0.02, -0.16), (-0.1, -0.06)) {
        c = Some(PINK);
    }
    c
}

/// Short curls, with large patches in a second tone.
fn curls(f: &Form, x: f32, y: f32) -> Rgb {
    let patch = noise(f.seed, x * 1.4, y * 1.4) > 0.55;
    let (u, v) = (x * 4.5 + fract((y * 4.5).floor() * 0.5), y * 4.5);
    let (p, q) = (fract(u) - 0.5, fract(v) - 0.5);
    let r = p * p + q * q;
    let coat = if patch { f.dark } else { f.base };
    if r > 0.05 && r < 0.13 && p + q < 0.25 {
        f.light
    } else {
        coat
    }
}

pub(super) fn dog(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let wag = -0.1 - 0.35 * f.v[0];
    if stick(x, y, (0.7, 0.15), (0.95, wag), 0.09) {
        c = Some(f.dark);
    }
    for leg in [-0.25, 0.0, 0.42, 0.66] {
        if stick(x, y, (leg, 0.4), (leg, 0.85), 0.1) {
            c = Some(if y > 0.8 { WHITE } else { curls(f, x, y) });
        }
    }
    if ellipse(x, y, 0.2, 0.22, 0.62, 0.36) || stick(x, y, (-0.2, 0.1), (-0.4, -0.3), 0.22) {
        c = Some(curls(f, x, y));
    }
    if stick(x, y, (-0.36, 0.06), (-0.12, -0.06), 0.07) {
        c = Some(f.accent);
    }
    if ellipse(x, y, -0.45, -0.42, 0.38, 0.36) || ellipse(x, y, -0.74, -0.26, 0.26, 0.2) {
        c = Some(curls(f, x, y));
    }
    if ellipse(x, y, -0.78, -0.18, 0.17, 0.1) {
        c = Some(f.light);
    }
    if ellipse(x, y, -0.95, -0.34, 0.09, 0.08) {
        c = Some(INK);
    }
    let droop = 0.3 + 0.15 * f.v[1];
    if ellipse(x, y, -0.24, -0.4, 0.15, droop) {
        c = Some(if fract(y * 6.0) < 0.3 { f.base } else { f.dark });
    }
    eye(x, y, -0.58, -0.5, 0.09).or(c)
}

/// Rows of round scales, each over the next.
fn scales(f: &Form, x: f32, y: f32) -> Rgb {
    let row = (x * 4.2).floor();
    let u = fract(x * 4.2);
    let v = fract(y * 3.6 + row * 0.5) - 0.5;
    let edge = u - 0.85 + v * v * 2.2;
    if edge > 0.0 {
        f.dark
    } else if edge > -0.22 {
        f.light
    } else {
        f.base
    }
}

pub(super) fn fish(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let fin = |t: f32| {
        if fract(t * 6.0) < 0.4 {
            f.dark
        } else {
            f.light
        }
    };
    let spread = 0.4 + 0.15 * f.v[0];
    if triangle(x, y, (0.45, 0.0), (0.98, -spread), (0.86, 0.0))
        || triangle(x, y, (0.45, 0.0), (0.98, spread), (0.86, 0.0))
    {
        c = Some(fin(y));
    }
    if triangle(x, y, (-0.3, -0.3), (0.35, -0.3), (0.2, -0.72))
        || triangle(x, y, (0.0, 0.3), (0.3, 0.3), (0.25, 0.62))
    {
        c = Some(fin(x));
    }
    if ellipse(x, y, -0.14, 0.0, 0.78, 0.42 + 0.12 * f.v[1]) {
        c = Some(if x < -0.5 { f.base } else { scales(f, x, y) });
        if (x + 0.48).abs() < 0.035 {
            c = Some(f.dark);
        }
    }
    if triangle(x, y, (-0.1, 0.05), (0.2, -0.1), (0.2, 0.25)) {
        c = Some(fin(y));
    }
    if stick(x, y, (-0.92, 0.12), (-0.74, 0.14), 0.025) {
        c = Some(INK);
    }
    eye(x, y, -0.64, -0.12, 0.11).or(c)
}

/// Rows of pointed feathers.
fn feathers(f: &Form, x: f32, y: f32) -> Rgb {
    let v = fract(y * 3.4 + (fract(x * 3.0) - 0.5).abs() * 1.3);
    if v < 0.22 {
        f.dark
    } else if v > 0.8 {
        f.light
    } else {
        f.base
    }
}

pub(super) fn bird(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    const BEAK: Rgb = [0.97, 0.62, 0.12];
    let mut c = None;
    for leg in [0.0, 0.22] {
        if stick(x, y, (leg, 0.5), (leg, 0.92), 0.035)
            || stick(x, y, (leg, 0.92), (leg - 0.16, 0.94), 0.035)
        {
            c = Some(BEAK);
        }
    }
    let tail = -0.1 - 0.35 * f.v[0];
    if triangle(x, y, (0.4, 0.05), (0.98, tail), (0.95, tail + 0.4)) {
        c = Some(if fract((y - x * 0.5) * 5.0) < 0.4 {
            f.dark
        } else {
            f.base
        });
    }
    if triangle(x, y, (-0.6, -0.5), (-0.6, -0.24), (-0.98, -0.34)) {
        c = Some(BEAK);
    }
    if ellipse(x, y, 0.08, 0.16, 0.56, 0.46) || ellipse(x, y, -0.4, -0.38, 0.34, 0.33) {
        c = Some(feathers(f, x, y));
    }
    if ellipse(x, y, -0.12, 0.32, 0.26, 0.22) {
        c = Some(if fract(x * 7.0) < 0.3 {
            f.light
        } else {
            mix(f.light, WHITE, 0.5)
        });
    }
    if ellipse(x, y, 0.26, 0.08, 0.38, 0.22 + 0.08 * f.v[1]) {
        c = Some(if fract(x * 4.0 + y * 2.0) < 0.35 {
            f.light
        } else {
            f.dark
        });
    }
    eye(x, y, -0.48, -0.44, 0.1).or(c)
}

/// The plates of a shell: a hexagonal grid.
fn plates(f: &Form, x: f32, y: f32) -> Rgb {
    let (sx, sy) = (x * 3.2, y * 1.848);
    let a = (fract(sx) - 0.5, (fract(sy) - 0.5) * 1.732);
    let b = (fract(sx + 0.5) - 0.5, (fract(sy + 0.5) - 0.5) * 1.732);
    let (p, q) = if a.0 * a.0 + a.1 * a.1 < b.0 * b.0 + b.1 * b.1 {
        a
    } else {
        b
    };
    let edge = p.abs().max(p.abs() * 0.5 + q.abs() * 0.866);
    if edge > 0.41 {
        f.dark
    } else if edge < 0.2 {
        f.light
    } else {
        f.base
    }
}

pub(super) fn turtle(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    const SKIN: Rgb = [0.62, 0.74, 0.36];
    let mut c = None;
    let spots = |x: f32, y: f32| {
        let (u, v) = (fract(x * 6.0) - 0.5, fract(y * 6.0) - 0.5);
        if u * u + v * v < 0.08 {
            shade(SKIN, 0.7)
        } else {
            SKIN
        }
    };
    if stick(x, y, (-0.5, 0.3), (-0.74, -0.06 - 0.2 * f.v[0]), 0.19)
        || ellipse(x, y, -0.38, 0.6, 0.18, 0.26)
        || ellipse(x, y, 0.48, 0.6, 0.18, 0.26)
        || triangle(x, y, (0.7, 0.3), (0.98, 0.5), (0.6, 0.5))
    {
        c = Some(spots(x, y));
    }
    if ellipse(x, y, 0.08, 0.44, 0.74, 0.78 + 0.14 * f.v[1]) && y < 0.46 {
        c = Some(if y > 0.34 { f.dark } else { plates(f, x, y) });
    }
    eye(x, y, -0.8, -0.16 - 0.16 * f.v[0], 0.08).or(c)
}

pub(super) fn snail(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    const BODY: Rgb = [0.88, 0.76, 0.52];
    let mut c = None;
    let wet = if fract((x + y * 0.4) * 4.5) < 0.3 {
        shade(BODY, 0.8)
    } else {
        BODY
    };
    let reach = -0.2 - 0.25 * f.v[0];
    if stick(x, y, (-0.66, 0.7), (0.84, 0.8), 0.16)
        || stick(x, y, (-0.68, 0.68), (-0.74, reach), 0.17)
    {
        c = Some(wet);
    }
    for dx in [-0.14, 0.12] {
        if stick(x, y, (-0.74, reach), (-0.74 + dx, reach - 0.32), 0.05) {
            c = Some(BODY);
        }
        if ellipse(x, y, -0.74 + dx, reach - 0.34, 0.08, 0.08) {
            c = Some(INK);
        }
    }
    let (u, v) = (x - 0.18, y - 0.06);
    let r = (u * u + v * v).sqrt();
    if r < 0.68 {
        // An Archimedean spiral: one more ring for each turn.
        let ring = fract(r * 4.4 - turn(u, v));
        c = Some(if ring < 0.2 {
            f.dark
        } else if ring < 0.5 {
            f.light
        } else {
            f.base
        });
    }
    c
}

pub(super) fn ladybug(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    for s in [-1.0, 1.0] {
        for leg in [-0.25, 0.15, 0.5] {
            if stick(x * s, y, (0.5, leg), (0.95, leg + 0.1), 0.05) {
                c = Some(INK);
            }
        }
        if stick(x * s, y, (0.15, -0.7), (0.35, -0.98), 0.04) {
            c = Some(INK);
        }
    }
    if ellipse(x, y, 0.0, -0.56, 0.42, 0.32) {
        c = Some(INK);
    }
    if ellipse(x.abs(), y, 0.2, -0.66, 0.1, 0.1) {
        c = Some(WHITE);
    }
    if ellipse(x, y, 0.0, 0.14, 0.72, 0.7) {
        let (p, q) = (x.abs() * 2.5 + 0.28 * f.v[0], y * 2.5 + 0.4);
        let (u, v) = (fract(p) - 0.5, fract(q) - 0.5);
        let dot = u * u + v * v < 0.085;
        // Black spots would not show on a black shell.
        let spot = if f.base[0] + f.base[1] + f.base[2] < 0.7 {
            [0.85, 0.2, 0.15]
        } else {
            INK
        };
        c = Some(if dot || x.abs() < 0.045 { spot } else { f.base });
    }
    c
}

pub(super) fn butterfly(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let u = x.abs();
    let reach = 0.5 + 0.08 * f.v[0];
    let wing = |cx: f32, cy: f32, rx: f32, ry: f32| {
        let (p, q) = ((u - cx) / rx, (y - cy) / ry);
        p * p + q * q
    };
    let (upper, lower) = (wing(reach, -0.38, 0.44, 0.5), wing(0.42, 0.46, 0.36, 0.42));
    let d = upper.min(lower);
    if d < 1.0 {
        let (dx, dy) = (u, y * 0.9 - if upper < lower { -0.05 } else { 0.1 });
        let vein = fract(turn(dx, dy) * 22.0) < 0.2;
        c = Some(if d > 0.72 {
            let bead = fract((u + y) * 5.0) < 0.3 && d < 0.88;
            if bead { WHITE } else { INK }
        } else if d < 0.1 {
            INK
        } else if d < 0.22 {
            f.accent
        } else if vein {
            f.dark
        } else {
            f.base
        });
    }
    if stick(u, y, (0.02, -0.5), (0.24, -0.95), 0.03) {
        c = Some(INK);
    }
    if ellipse(x, y, 0.0, 0.06, 0.1, 0.62) {
        c = Some(if fract(y * 6.0) < 0.4 {
            [0.45, 0.36, 0.30]
        } else {
            INK
        });
    }
    c
}
