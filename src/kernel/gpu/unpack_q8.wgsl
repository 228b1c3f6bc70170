fn four(word: u32) -> vec4<f32> {
  let high = vec4<i32>(vec4<u32>(word << 24u, word << 16u, word << 8u, word));
  return vec4<f32>(high >> vec4<u32>(24u));
}

fn unpack(unit: vec2<u32>, eighth: u32, column: u32) -> Eight {
  return Eight(four(unit.x), four(unit.y));
}

fn output_scale(column: u32) -> f32 {
  return bitcast<f32>(scales[column]);
}
