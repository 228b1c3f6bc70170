// (x - mean) / √(variance + ε) · γ + β, a row a workgroup.
//
// Filled in: directives, From, To and narrow, how numbers lie in memory.

{{directives}}

struct Shape {
  rows: u32,
  // Vectors of four numbers in a row.
  quads: u32,
  // ε
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<{{From}}>>;
@group(0) @binding(1) var<storage, read_write> gamma: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> beta: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<{{To}}>>;
@group(0) @binding(4) var<uniform> shape: Shape;

const INVOCATIONS = 64u;

{{narrow}}

var<workgroup> sums: array<f32, INVOCATIONS>;

// The sum over all invocations, in each.
fn sum_all(index: u32, mine: f32) -> f32 {
  sums[index] = mine;
  workgroupBarrier();
  for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
    if (index < half) {
      sums[index] += sums[index + half];
    }
    workgroupBarrier();
  }
  let sum = sums[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= shape.rows) {
    return;
  }
  let row = number * shape.quads;
  let count = 4.0 * f32(shape.quads);

  var sum = vec4<f32>();
  for (var i = index; i < shape.quads; i += INVOCATIONS) {
    sum += vec4<f32>(x[row + i]);
  }
  let mean = sum_all(index, (sum.x + sum.y) + (sum.z + sum.w)) / count;

  // From the differences, not as E[x²] - E[x]²: that loses all digits where the mean is large.
  var square = vec4<f32>();
  for (var i = index; i < shape.quads; i += INVOCATIONS) {
    let difference = vec4<f32>(x[row + i]) - mean;
    square = fma(difference, difference, square);
  }
  let variance = sum_all(index, (square.x + square.y) + (square.z + square.w)) / count;

  let scale = inverseSqrt(variance + shape.epsilon);
  for (var i = index; i < shape.quads; i += INVOCATIONS) {
    y[row + i] = narrow(fma((vec4<f32>(x[row + i]) - mean) * scale, gamma[i], beta[i]));
  }
}
