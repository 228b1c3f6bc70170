// Four nibbles, each the integer plus eight.
fn four(word: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)) - 8.0;
}

// A block of four eighths has a scale, two blocks a word of scales.
fn unpack(unit: u32, eighth: u32, column: u32) -> Eight {
  let pair = unpack2x16float(scales[(eighth / 8u) * shape.padded + column]);
  let scale = select(pair.x, pair.y, (eighth & 4u) != 0u);
  return Eight(four(unit) * scale, four(unit >> 16u) * scale);
}

fn output_scale(column: u32) -> f32 {
  return 1.0;
}
