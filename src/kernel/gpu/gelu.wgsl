// x · Φ(x), by the error function's approximation 7.1.26 of Abramowitz and Stegun.
fn store(at: u32, sum: f32) {
  let size = abs(sum);
  let z = size * 0.70710678;
  let t = 1.0 / fma(z, 0.3275911, 1.0);
  let p = fma(fma(fma(fma(1.0614054, t, -1.453152), t, 1.4214137), t, -0.28449674), t, 0.2548296);
  // Half of 1 - erf: how far x falls short of itself, or is above zero on the other side.
  let tail = 0.5 * p * t * exp(max(-z * z, -80.0));
  y[at] = narrow(max(sum, 0.0) - size * tail);
}
