/**
 * A module with one function that gives the relaxed dot product of two vectors of 8-bit integers
 * (`i16x8.relaxed_dot_i8x16_i7x16_s`), which is what the faster engine needs.
 */
// biome-ignore format: one section a line
const probe = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0,
  1, 5, 1, 96, 0, 1, 123,
  3, 2, 1, 0,
  10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 146, 2, 11,
);

/** Whether this browser runs WebAssembly with relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(probe);
}
