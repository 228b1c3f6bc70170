// y = finish(x · wᵀ · scale + bias), w unpacked as its tiles are loaded.
//
// A workgroup of 16 × 8 computes ROWS × 64 outputs; an invocation computes ROWS / 8 rows of four
// columns that lie 16 apart, so that neighbours store neighbours. Both tiles keep four neighbouring
// inputs in a vector: one read of workgroup memory then serves sixteen products or more. Their rows
// have a vector to spare, without which eight invocations would read from the same bank.
//
// Filled in: ROWS, the rows of a tile, 8, 32 or 64; Unit and unpack, the form of the weights; finish,
// what becomes of a sum; SHAPE, the last binding; directives, From, To and narrow, how numbers lie in
// memory.

{{directives}}

struct Shape {
  rows: u32,
  input: u32,
  output: u32,
  // Outputs including those that fill the last tile of the packed matrix.
  padded: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<{{From}}>>;
@group(0) @binding(1) var<storage, read_write> weights: array<{{Unit}}>;
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<{{To}}>;
@group(0) @binding({{SHAPE}}) var<uniform> shape: Shape;

const ROWS = {{ROWS}}u;
const COLUMNS = 64u;
// Inputs of a step, in vectors of four.
const STEP = 4u;
const PITCH = STEP + 1u;
const ACROSS = 16u;
const DOWN = 8u;
const INVOCATIONS = ACROSS * DOWN;
const MINE = ROWS / DOWN;
const LOADS = (ROWS * STEP + INVOCATIONS - 1u) / INVOCATIONS;

var<workgroup> left: array<vec4<f32>, ROWS * PITCH>;
var<workgroup> right: array<vec4<f32>, COLUMNS * PITCH>;

// Eight neighbouring weights of an output.
struct Eight {
  low: vec4<f32>,
  high: vec4<f32>,
}

{{unpack}}

{{narrow}}

{{finish}}

// Four inputs of a row, zeros outside the matrix.
fn load_left(slot: u32, first_row: u32, step: u32) -> vec4<f32> {
  let row = first_row + slot / STEP;
  let quad = step * STEP + slot % STEP;
  let quads = shape.input / 4u;
  if (row < shape.rows && quad < quads) {
    return vec4<f32>(x[row * quads + quad]);
  }
  return vec4<f32>();
}

@compute @workgroup_size(16, 8)
fn main(
  @builtin(workgroup_id) tile: vec3<u32>,
  @builtin(local_invocation_id) me: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let first_row = tile.y * ROWS;
  let first_column = tile.x * COLUMNS;
  let steps = (shape.input / 4u + STEP - 1u) / STEP;

  // This invocation's unit of weights: an output, and the first or second eight inputs of a step.
  let unit_column = index % COLUMNS;
  let unit_half = index / COLUMNS;

  var sums: array<array<f32, 4>, MINE>;
  var next_left: array<vec4<f32>, LOADS>;
  for (var i = 0u; i < LOADS; i++) {
    next_left[i] = load_left(index + i * INVOCATIONS, first_row, 0u);
  }
  var next_right = weights[unit_half * shape.padded + first_column + unit_column];

  for (var step = 0u; step < steps; step++) {
    for (var i = 0u; i < LOADS; i++) {
      let slot = index + i * INVOCATIONS;
      if (slot < ROWS * STEP) {
        left[(slot / STEP) * PITCH + slot % STEP] = next_left[i];
      }
    }
    let eight = unpack(next_right, 2u * step + unit_half, first_column + unit_column);
    right[unit_column * PITCH + 2u * unit_half] = eight.low;
    right[unit_column * PITCH + 2u * unit_half + 1u] = eight.high;
    workgroupBarrier();

    // The next step's numbers are under way while this one's are multiplied.
    if (step + 1u < steps) {
      for (var i = 0u; i < LOADS; i++) {
        next_left[i] = load_left(index + i * INVOCATIONS, first_row, step + 1u);
      }
      next_right = weights[(2u * (step + 1u) + unit_half) * shape.padded + first_column + unit_column];
    }

    for (var quad = 0u; quad < STEP; quad++) {
      let b0 = right[me.x * PITCH + quad];
      let b1 = right[(me.x + ACROSS) * PITCH + quad];
      let b2 = right[(me.x + 2u * ACROSS) * PITCH + quad];
      let b3 = right[(me.x + 3u * ACROSS) * PITCH + quad];
      for (var i = 0u; i < MINE; i++) {
        let a = left[(me.y * MINE + i) * PITCH + quad];
        sums[i][0] = fma(a.w, b0.w, fma(a.z, b0.z, fma(a.y, b0.y, fma(a.x, b0.x, sums[i][0]))));
        sums[i][1] = fma(a.w, b1.w, fma(a.z, b1.z, fma(a.y, b1.y, fma(a.x, b1.x, sums[i][1]))));
        sums[i][2] = fma(a.w, b2.w, fma(a.z, b2.z, fma(a.y, b2.y, fma(a.x, b2.x, sums[i][2]))));
        sums[i][3] = fma(a.w, b3.w, fma(a.z, b3.z, fma(a.y, b3.y, fma(a.x, b3.x, sums[i][3]))));
      }
    }
    workgroupBarrier();
  }

  for (var j = 0u; j < 4u; j++) {
    let column = first_column + me.x + j * ACROSS;
    if (column < shape.output) {
      for (var i = 0u; i < MINE; i++) {
        let row = first_row + me.y * MINE + i;
        if (row < shape.rows) {
          let sum = fma(sums[i][j], output_scale(column), bias[column]);
          store(row * shape.output + column, sum);
        }
      }
    }
  }
}
