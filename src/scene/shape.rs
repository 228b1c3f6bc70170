//! Colours and the implicit shapes that things are built from.

/// Red, green and blue, each 0 to 1, gamma-encoded as in the file.
pub(super) type Rgb = [f32; 3];

pub(super) const WHITE: Rgb = [0.97, 0.97, 0.97];
pub(super) const INK: Rgb = [0.08, 0.07, 0.09];

/// `a` at `t = 0`, `b` at `t = 1`.
pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

pub(super) fn shade(c: Rgb, k: f32) -> Rgb {
    c.map(|v| (v * k).clamp(0.0, 1.0))
}

/// Inside the axis-aligned ellipse around `(cx, cy)`.
pub(super) fn ellipse(x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32) -> bool {
    let (u, v) = ((x - cx) / rx, (y - cy) / ry);
    u * u + v * v < 1.0
}

/// Inside the axis-aligned box around `(cx, cy)` with corners rounded by `r`.
pub(super) fn slab(x: f32, y: f32, cx: f32, cy: f32, hx: f32, hy: f32, r: f32) -> bool {
    let (qx, qy) = ((x - cx).abs() - hx + r, (y - cy).abs() - hy + r);
    if qx > 0.0 && qy > 0.0 {
        qx * qx + qy * qy < r * r
    } else {
        qx < r && qy < r
    }
}

/// Inside the triangle `a b c`, whichever way round.
pub(super) fn triangle(x: f32, y: f32, a: (f32, f32), b: (f32, f32), c: (f32, f32)) -> bool {
    let side = |p: (f32, f32), q: (f32, f32)| (q.0 - p.0) * (y - p.1) - (q.1 - p.1) * (x - p.0);
    let (s, t, u) = (side(a, b), side(b, c), side(c, a));
    (s >= 0.0 && t >= 0.0 && u >= 0.0) || (s <= 0.0 && t <= 0.0 && u <= 0.0)
}

/// Within `r` of the segment from `a` to `b`.
pub(super) fn stick(x: f32, y: f32, a: (f32, f32), b: (f32, f32), r: f32) -> bool {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let t = (((x - a.0) * dx + (y - a.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    let (u, v) = (x - a.0 - dx * t, y - a.1 - dy * t);
    u * u + v * v < r * r
}

/// The fractional part, in `[0, 1)` for negative numbers too.
pub(super) fn fract(x: f32) -> f32 {
    x - x.floor()
}

/// The share `[0, 1)` of a full turn at which `(x, y)` lies.
pub(super) fn turn(x: f32, y: f32) -> f32 {
    fract(libm::atan2f(y, x) / core::f32::consts::TAU)
}
