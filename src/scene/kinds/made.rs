//! Things that people make.

use super::super::rng::noise;
use super::super::shape::{INK, Rgb, WHITE, ellipse, fract, mix, slab, stick, triangle, turn};
use super::{Form, eye};

const GLASS: Rgb = [0.66, 0.86, 0.95];
const STEEL: Rgb = [0.72, 0.74, 0.78];

/// Painted sheet metal: a bright band of sky, a dark seam and door lines.
fn sheet(f: &Form, x: f32, y: f32) -> Rgb {
    let band = fract(y * 2.2 + 0.1);
    if band < 0.14 {
        mix(f.light, WHITE, 0.55)
    } else if band > 0.9 || fract(x * 1.6 + 0.2) < 0.06 {
        f.dark
    } else {
        mix(f.base, f.light, (0.5 - band).max(0.0))
    }
}

fn wheel(x: f32, y: f32, cx: f32, cy: f32, r: f32) -> Option<Rgb> {
    let (u, v) = (x - cx, y - cy);
    let d = (u * u + v * v).sqrt() / r;
    if d > 1.0 {
        None
    } else if d > 0.58 {
        Some(INK)
    } else if d < 0.16 || fract(turn(u, v) * 5.0) < 0.35 {
        Some([0.45, 0.46, 0.50])
    } else {
        Some(STEEL)
    }
}

pub(super) fn car(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let roof = -0.52 - 0.14 * f.v[0];
    let slope = 0.16 * (y - roof);
    if slab(
        x,
        y,
        0.02,
        (roof + 0.05) * 0.5,
        0.42 + slope,
        (0.05 - roof) * 0.5 + 0.05,
        0.12,
    ) {
        c = Some(sheet(f, x, y));
        let pane =
            y > roof + 0.1 && y < 0.0 && (x - 0.02).abs() < 0.34 + slope && (x - 0.04).abs() > 0.04;
        if pane {
            c = Some(if fract((x + y) * 2.4) < 0.25 {
                WHITE
            } else {
                GLASS
            });
        }
    }
    if slab(x, y, 0.0, 0.22, 0.96, 0.28, 0.16) {
        c = Some(sheet(f, x, y));
    }
    if ellipse(x, y, -0.9, 0.14, 0.07, 0.09) {
        c = Some([1.0, 0.95, 0.6]);
    }
    if slab(x, y, 0.2, 0.1, 0.09, 0.025, 0.02) {
        c = Some(INK);
    }
    wheel(x, y, -0.52, 0.5, 0.26)
        .or_else(|| wheel(x, y, 0.52, 0.5, 0.26))
        .or(c)
}

pub(super) fn house(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    const ROOF: Rgb = [0.48, 0.30, 0.30];
    let mut c = None;
    if slab(x, y, 0.5, -0.66, 0.1, 0.26, 0.0) {
        c = Some([0.55, 0.35, 0.30]);
    }
    if slab(x, y, 0.0, 0.38, 0.74, 0.56, 0.0) {
        c = Some(if fract(y * 5.2) < 0.18 {
            f.dark
        } else {
            f.base
        });
        // A grid of framed windows, and a door.
        let (u, v) = (fract(x * 2.1 + 0.5) - 0.5, fract(y * 2.1 + 0.6) - 0.5);
        let edge = u.abs().max(v.abs());
        if edge < 0.3 {
            let bar = u.abs() < 0.05 || v.abs() < 0.05 || edge > 0.24;
            c = Some(if bar { WHITE } else { [0.35, 0.55, 0.72] });
        }
        let door = -0.3 + 0.6 * f.v[0];
        if slab(x, y, door, 0.7, 0.15, 0.26, 0.03) {
            c = Some(if ellipse(x, y, door + 0.08, 0.7, 0.03, 0.03) {
                f.accent
            } else {
                [0.38, 0.24, 0.14]
            });
        }
    }
    if triangle(
        x,
        y,
        (-0.98, -0.14),
        (0.98, -0.14),
        (0.0, -0.82 - 0.14 * f.v[1]),
    ) {
        // Shingles.
        let row = (y * 6.0).floor();
        let joint = fract(x * 4.0 + row * 0.5) < 0.14 || fract(y * 6.0) < 0.2;
        c = Some(if joint {
            [0.28, 0.17, 0.18]
        } else {
            mix(ROOF, f.base, 0.45)
        });
    }
    c
}

pub(super) fn boat(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    if stick(x, y, (0.0, -0.95), (0.0, 0.4), 0.045) {
        c = Some([0.40, 0.27, 0.16]);
    }
    let top = -0.9 + 0.1 * f.v[0];
    let seam = |t: f32| {
        if fract(t) < 0.16 {
            [0.72, 0.72, 0.80]
        } else {
            [0.97, 0.96, 0.92]
        }
    };
    if triangle(x, y, (0.08, top), (0.08, 0.22), (0.86, 0.22)) {
        c = Some(if y > 0.0 { f.base } else { seam(y * 4.0) });
    }
    if triangle(x, y, (-0.08, top + 0.15), (-0.08, 0.22), (-0.68, 0.22)) {
        c = Some(seam(y * 4.0 + x * 2.0));
    }
    if x.abs() < 0.96 - (y - 0.3) * 0.6 && y > 0.3 && y < 0.86 {
        // Clinker planks: light upper edge, dark lower one.
        let plank = fract((y - 0.3) * 6.2 - x * x * 0.5);
        c = Some(if plank < 0.22 {
            f.light
        } else if plank > 0.8 {
            f.dark
        } else {
            f.base
        });
        let (u, v) = (fract(x * 2.2) - 0.5, (y - 0.56) * 2.2);
        let d = u * u + v * v;
        if d < 0.07 {
            c = Some(if d < 0.03 { [0.20, 0.30, 0.42] } else { WHITE });
        }
    }
    if triangle(x, y, (0.0, -0.98), (0.0, -0.8), (-0.26, -0.89)) {
        c = Some(f.accent);
    }
    c
}

pub(super) fn cup(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let (u, v) = ((x - 0.58) / 0.36, (y - 0.05) / 0.4);
    let ring = u * u + v * v;
    if ring < 1.0 && ring > 0.36 {
        c = Some(f.dark);
    }
    let half = 0.66 - 0.12 * (y + 0.6) * (0.4 + f.v[0]);
    let bottom = 0.74 + 0.08 * f.v[1];
    if (x + 0.06).abs() < half && y > -0.56 && y < bottom {
        // Flutes: each a soft light-to-dark step.
        let flute = fract((x + 0.06) / half * 3.5);
        c = Some(mix(f.light, f.dark, flute));
        if (y + 0.28).abs() < 0.05 || (y - bottom + 0.12).abs() < 0.04 {
            c = Some(f.accent);
        }
    }
    if ellipse(x, y, -0.06, -0.56, 0.66, 0.17) {
        c = Some(if ellipse(x, y, -0.06, -0.55, 0.54, 0.11) {
            [0.32, 0.18, 0.10]
        } else {
            f.light
        });
    }
    c
}

pub(super) fn umbrella(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    const HANDLE: Rgb = [0.50, 0.32, 0.18];
    let mut c = None;
    let (u, v) = (x - 0.14, y - 0.72);
    let crook = u * u + v * v;
    if stick(x, y, (0.0, -0.9), (0.0, 0.72), 0.04) || (v > 0.0 && crook < 0.034 && crook > 0.01) {
        c = Some(HANDLE);
    }
    let tall = 0.86 + 0.12 * f.v[0];
    // The lower edge is a row of scallops.
    let scallop = (fract((x + 0.95) / 0.475) - 0.5).abs() * 0.28;
    if ellipse(x, y, 0.0, 0.1, 0.95, tall) && y < 0.1 - 0.14 + scallop {
        // Gores between curved ribs, light and dark by turns.
        let slant = x
            / (1.02 - ((y - 0.1) / tall) * ((y - 0.1) / tall))
                .max(0.02)
                .sqrt();
        let gore = slant * 4.0;
        c = Some(if fract(gore) < 0.09 || fract(gore) > 0.91 {
            INK
        } else if (gore.floor() as i32) & 1 == 0 {
            f.base
        } else {
            f.light
        });
    }
    c
}

pub(super) fn balloon(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let sway = 0.08 * libm::sinf(y * 9.0 + f.v[0] * 6.0);
    if y > 0.6 && y < 1.0 && (x - sway * (y - 0.6) * 2.5).abs() < 0.03 {
        c = Some([0.92, 0.92, 0.90]);
    }
    if triangle(x, y, (-0.12, 0.68), (0.12, 0.68), (0.0, 0.5)) {
        c = Some(f.dark);
    }
    let rx = 0.66 + 0.08 * f.v[1];
    if ellipse(x, y, 0.0, -0.2, rx, 0.78) {
        // Smooth rubber: nothing but a soft light and a rim, unlike any other kind.
        let (u, v) = (x + 0.26, y + 0.5);
        let d = (u * u + v * v).sqrt();
        let body = mix(mix(f.light, WHITE, 0.5), f.base, (d * 2.0).min(1.0));
        let rim = ((d - 0.62) * 1.6).clamp(0.0, 1.0);
        c = Some(if ellipse(x + y * 0.3, y, -0.42, -0.52, 0.1, 0.17) {
            WHITE
        } else {
            mix(body, f.dark, rim)
        });
    }
    c
}

pub(super) fn rocket(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let lick = noise(f.seed, x * 9.0, y * 3.0) * 0.2;
    if triangle(x, y, (-0.22, 0.6), (0.22, 0.6), (0.0, 1.0)) {
        c = Some(if x.abs() + (y - 0.6) * 0.6 < 0.1 + lick {
            [1.0, 0.93, 0.45]
        } else {
            [0.96, 0.48, 0.10]
        });
    }
    let u = x.abs();
    if triangle(u, y, (0.25, 0.1), (0.72, 0.72), (0.25, 0.6)) {
        c = Some(f.accent);
    }
    let half = 0.36 + 0.06 * f.v[0] - 0.42 * ((y + 0.05) * (y + 0.05)).min(0.9);
    if u < half && y > -0.98 && y < 0.66 {
        // Riveted plates.
        let (p, q) = (fract(x * 5.0) - 0.5, fract(y * 3.2) - 0.5);
        c = Some(if q.abs() > 0.44 {
            f.dark
        } else if (q.abs() - 0.3).abs() < 0.07 && p.abs() < 0.2 {
            f.light
        } else {
            f.base
        });
        if y < -0.62 {
            c = Some(f.accent);
        }
    }
    let (p, q) = (x, y + 0.22);
    let d = p * p + q * q;
    if d < 0.045 {
        c = Some(if d > 0.026 { f.dark } else { GLASS });
    }
    c
}

pub(super) fn robot(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let u = x.abs();
    let arm = 0.1 + 0.4 * f.v[0];
    // Limbs: ribbed hoses.
    let hose = if fract((y + u) * 7.0) < 0.45 {
        STEEL
    } else {
        [0.40, 0.41, 0.45]
    };
    if stick(u, y, (0.5, 0.1), (0.86, arm), 0.09) || stick(u, y, (0.24, 0.6), (0.24, 0.9), 0.1) {
        c = Some(hose);
    }
    if slab(u, y, 0.26, 0.92, 0.17, 0.07, 0.04) || ellipse(u, y, 0.86, arm, 0.12, 0.12) {
        c = Some([0.32, 0.33, 0.37]);
    }
    if stick(x, y, (0.0, -0.7), (0.0, -0.92), 0.035) {
        c = Some(STEEL);
    }
    if ellipse(x, y, 0.0, -0.92, 0.07, 0.07) {
        c = Some(f.accent);
    }
    // Circuit-board lines: right angles and pads.
    let board = || {
        let (p, q) = (fract(x * 3.0 + 0.5) - 0.5, fract(y * 3.0) - 0.5);
        let pad = p * p + q * q < 0.03;
        let path = (p.abs() < 0.07 && q > 0.0) || (q.abs() < 0.07 && p > 0.0);
        if pad {
            f.light
        } else if path {
            f.dark
        } else {
            f.base
        }
    };
    if slab(x, y, 0.0, 0.26, 0.52, 0.42, 0.06) || slab(x, y, 0.0, -0.46, 0.44, 0.28, 0.08) {
        c = Some(board());
    }
    if slab(x, y, 0.0, 0.2, 0.3, 0.16, 0.03) {
        let lamp = (fract(x * 5.0) - 0.5).abs() < 0.3 && (fract(y * 5.0) - 0.5).abs() < 0.3;
        c = Some(if lamp { f.accent } else { INK });
    }
    if slab(x, y, 0.0, -0.3, 0.24, 0.06, 0.0) {
        c = Some(if fract(x * 9.0) < 0.5 { WHITE } else { INK });
    }
    eye(u, y, 0.19, -0.52, 0.11).or(c)
}

pub(super) fn gift(f: &Form, x: f32, y: f32) -> Option<Rgb> {
    let mut c = None;
    let ribbon = f.accent;
    let u = x.abs();
    if ellipse(u - y * 0.2, y, 0.38, -0.7, 0.26, 0.17) {
        c = Some(if ellipse(u - y * 0.2, y, 0.36, -0.7, 0.12, 0.07) {
            mix(ribbon, INK, 0.4)
        } else {
            ribbon
        });
    }
    let lid = slab(x, y, 0.0, -0.42, 0.88, 0.16, 0.03);
    if slab(x, y, 0.0, 0.28, 0.78, 0.62, 0.02) || lid {
        // Wrapping paper with small plus signs.
        let (p, q) = (fract(x * 3.4) - 0.5, fract(y * 3.4) - 0.5);
        let plus = (p.abs() < 0.1 && q.abs() < 0.3) || (q.abs() < 0.1 && p.abs() < 0.3);
        let wrapped = if plus { f.light } else { f.base };
        c = Some(if (y + 0.24).abs() < 0.03 {
            f.dark
        } else {
            wrapped
        });
        if u < 0.13 || ((y - 0.34).abs() < 0.11 && f.v[0] > 0.35) {
            c = Some(if fract((x + y) * 8.0) < 0.25 {
                mix(ribbon, WHITE, 0.5)
            } else {
                ribbon
            });
        }
    }
    if ellipse(x, y, 0.0, -0.62, 0.11, 0.11) {
        c = Some(mix(ribbon, WHITE, 0.35));
    }
    c
}
