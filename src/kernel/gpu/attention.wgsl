// softmax(q · kᵀ / √size) · v for each head, without the matrix of all pairs of tokens.
//
// A workgroup has 32 queries of one head. Four invocations share a query; each has every fourth
// vector of it and of its answer in registers. Keys and values come eight at a time. The four add up
// their parts of the eight products in workgroup memory, then each rescales its part of the answer
// by what the largest product so far demands (Milakov and Gimelshein, arXiv 1805.02867).
//
// Filled in: QUADS, the vectors of four numbers that an invocation has; CAUSAL, whether a token sees
// only itself and those before it; directives, From, To and narrow, how numbers lie in memory.

{{directives}}

struct Shape {
  tokens: u32,
  heads: u32,
  // Numbers of a head.
  size: u32,
  // 1 / √size
  scale: f32,
}

// Queries, keys and values of a token side by side: [batch, tokens, 3, heads, size].
@group(0) @binding(0) var<storage, read_write> projected: array<vec4<{{From}}>>;
// [batch, tokens, heads, size]
@group(0) @binding(1) var<storage, read_write> attended: array<vec4<{{To}}>>;
@group(0) @binding(2) var<uniform> shape: Shape;

const QUADS = {{QUADS}}u;
const CAUSAL = {{CAUSAL}};
const QUERIES = 32u;
const PARTS = 4u;
const KEYS = 8u;
// Vectors of a key in workgroup memory.
const PITCH = PARTS * QUADS;
const INVOCATIONS = QUERIES * PARTS;
// Below every product, and finite: the difference of two of them is a number.
const LEAST = -3.0e38;

var<workgroup> keys: array<vec4<f32>, KEYS * PITCH>;
var<workgroup> values: array<vec4<f32>, KEYS * PITCH>;
// Parts of the products, by key and query.
var<workgroup> parts: array<array<f32, 4>, KEYS * QUERIES>;

{{narrow}}

@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let head = group.y;
  let first_token = group.z * shape.tokens;
  let mine = index / PARTS;
  let part = index % PARTS;
  let query = group.x * QUERIES + mine;

  let head_quads = shape.size / 4u;
  let kind_quads = shape.heads * head_quads;
  let token_quads = 3u * kind_quads;

  var q: array<vec4<f32>, QUADS>;
  var answer: array<vec4<f32>, QUADS>;
  for (var i = 0u; i < QUADS; i++) {
    let quad = i * PARTS + part;
    if (query < shape.tokens && quad < head_quads) {
      let at = (first_token + query) * token_quads + head * head_quads + quad;
      q[i] = vec4<f32>(projected[at]) * shape.scale;
    }
  }
  var largest = LEAST;
  var total = 0.0;

  var seen = shape.tokens;
  if (CAUSAL) {
    seen = min(seen, (group.x + 1u) * QUERIES);
  }
  for (var first = 0u; first < seen; first += KEYS) {
    for (var slot = index; slot < KEYS * PITCH; slot += INVOCATIONS) {
      let key = slot / PITCH;
      let quad = slot % PITCH;
      var k = vec4<f32>();
      var v = vec4<f32>();
      if (first + key < shape.tokens && quad < head_quads) {
        let at = (first_token + first + key) * token_quads + kind_quads + head * head_quads + quad;
        k = vec4<f32>(projected[at]);
        v = vec4<f32>(projected[at + kind_quads]);
      }
      keys[slot] = k;
      values[slot] = v;
    }
    workgroupBarrier();

    for (var key = 0u; key < KEYS; key++) {
      var sum = vec4<f32>();
      for (var i = 0u; i < QUADS; i++) {
        sum = fma(q[i], keys[key * PITCH + i * PARTS + part], sum);
      }
      parts[key * QUERIES + mine][part] = (sum.x + sum.y) + (sum.z + sum.w);
    }
    workgroupBarrier();

    var products: array<f32, KEYS>;
    var new_largest = largest;
    for (var key = 0u; key < KEYS; key++) {
      let four = parts[key * QUERIES + mine];
      let visible = first + key < shape.tokens && (!CAUSAL || first + key <= query);
      products[key] = select(LEAST, (four[0] + four[1]) + (four[2] + four[3]), visible);
      new_largest = max(new_largest, products[key]);
    }
    let shrink = exp(largest - new_largest);
    largest = new_largest;
    total *= shrink;
    for (var i = 0u; i < QUADS; i++) {
      answer[i] *= shrink;
    }
    for (var key = 0u; key < KEYS; key++) {
      // Written so that a product that is hidden weighs nothing and a NaN stays one.
      let weight = select(exp(products[key] - largest), 0.0, products[key] == LEAST);
      total += weight;
      for (var i = 0u; i < QUADS; i++) {
        answer[i] = fma(vec4<f32>(weight), values[key * PITCH + i * PARTS + part], answer[i]);
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < QUADS; i++) {
    let quad = i * PARTS + part;
    if (query < shape.tokens && quad < head_quads) {
      let at = (first_token + query) * kind_quads + head * head_quads + quad;
      attended[at] = narrow(answer[i] / total);
    }
  }
}
