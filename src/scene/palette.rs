//! Colours and materials by name.

use super::shape::{Rgb, fract, mix};

/// The colours that a thing can have, with the middle of each.
pub(super) const PALETTE: [(&str, Rgb); 11] = [
    ("red", [0.86, 0.13, 0.12]),
    ("orange", [0.96, 0.53, 0.08]),
    ("yellow", [0.97, 0.86, 0.16]),
    ("green", [0.16, 0.66, 0.22]),
    ("blue", [0.13, 0.33, 0.86]),
    ("purple", [0.52, 0.18, 0.72]),
    ("pink", [0.98, 0.52, 0.75]),
    ("brown", [0.47, 0.28, 0.13]),
    ("black", [0.12, 0.11, 0.13]),
    ("white", [0.95, 0.95, 0.95]),
    ("grey", [0.55, 0.56, 0.58]),
];

/// Names of the colours, in the order of [`super::Thing::color`].
pub const COLORS: [&str; 11] = {
    let mut names = [""; 11];
    let mut i = 0;
    while i < names.len() {
        names[i] = PALETTE[i].0;
        i += 1;
    }
    names
};

/// Names of the materials, in the order of [`super::Thing::material`]. `plain` adds nothing to the
/// surface that each kind of thing has of its own.
pub const MATERIALS: [&str; 4] = ["plain", "striped", "dotted", "checked"];

/// Lays a material over a surface colour. `x` and `y` are in the thing's own units.
pub(super) fn overlay(material: usize, base: Rgb, surface: Rgb, x: f32, y: f32) -> Rgb {
    let lit = base[0] + base[1] + base[2] > 2.2;
    let print = if lit {
        [0.25, 0.30, 0.55]
    } else {
        [0.98, 0.97, 0.93]
    };
    let covered = match material {
        1 => fract((x + y) * 1.9) < 0.36,
        2 => {
            let (u, v) = (fract(x * 2.6) - 0.5, fract(y * 2.6) - 0.5);
            u * u + v * v < 0.075
        }
        3 => (fract(x * 1.5) < 0.5) != (fract(y * 1.5) < 0.5),
        _ => false,
    };
    let strength = if material == 3 { 0.42 } else { 0.72 };
    if covered {
        mix(surface, print, strength)
    } else {
        surface
    }
}
