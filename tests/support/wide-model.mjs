/** The small model of the fixtures with a vision tower as wide as ViT-B's, which fills several files of a bundle. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib.mjs';

const fixture = join(root, 'tests/fixtures/tiny-clip');

/** The files of a published model. */
export const files = [
  'config.json',
  'model.safetensors',
  'preprocessor_config.json',
  'tokenizer.json',
];

/** Puts the model into a new folder. */
export function putWideModel(folder) {
  mkdirSync(folder);
  for (const name of files) cpSync(join(fixture, name), join(folder, name));
  widen(folder);
}

/** Gives the small model of the fixtures, in its place, a vision tower with the width of ViT-B. */
function widen(folder) {
  const [width, mlp, layers, patch, side] = [768, 3072, 3, 16, 224];
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  Object.assign(config.vision_config, {
    hidden_size: width,
    intermediate_size: mlp,
    num_hidden_layers: layers,
    num_attention_heads: width / 64,
    image_size: side,
    patch_size: patch,
  });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const processor = join(folder, 'preprocessor_config.json');
  const { crop_size: _, size: __, ...rest } = JSON.parse(readFileSync(processor, 'utf8'));
  writeFileSync(processor, JSON.stringify(rest));

  const tower = 'vision_model';
  const shapes = {
    [`${tower}.embeddings.class_embedding`]: [width],
    [`${tower}.embeddings.patch_embedding.weight`]: [width, 3, patch, patch],
    [`${tower}.embeddings.position_embedding.weight`]: [1 + (side / patch) ** 2, width],
    'visual_projection.weight': [config.projection_dim, width],
  };
  const affine = (name, out, inputs) => {
    shapes[`${name}.weight`] = inputs ? [out, inputs] : [out];
    shapes[`${name}.bias`] = [out];
  };
  affine(`${tower}.pre_layrnorm`, width);
  affine(`${tower}.post_layernorm`, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = `${tower}.encoder.layers.${layer}`;
    affine(`${block}.layer_norm1`, width);
    affine(`${block}.layer_norm2`, width);
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
      affine(`${block}.self_attn.${name}`, width, width);
    }
    affine(`${block}.mlp.fc1`, mlp, width);
    affine(`${block}.mlp.fc2`, width, mlp);
  }
  const path = join(folder, 'model.safetensors');
  const kept = tensors(readFileSync(path)).filter(
    ({ name }) => !name.startsWith(tower) && !(name in shapes),
  );
  const drawn = draw(Math.max(...Object.values(shapes).map(product)));
  const wide = Object.entries(shapes).map(([name, shape]) => {
    return { name, dtype: 'F32', shape, bytes: drawn.subarray(0, 4 * product(shape)) };
  });
  writeFileSync(path, safetensors([...kept, ...wide]));
}

function product(shape) {
  return shape.reduce((size, axis) => size * axis, 1);
}

/** Numbers that keep what runs through the tower finite; time does not depend on them. */
function draw(count) {
  const values = new Float32Array(count);
  let seed = 1;
  for (let i = 0; i < count; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    values[i] = (seed / 2 ** 31 - 1) * 0.05;
  }
  return new Uint8Array(values.buffer);
}

function tensors(file) {
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start));
  delete header.__metadata__;
  return Object.entries(header).map(([name, { dtype, shape, data_offsets: offsets }]) => {
    const [from, to] = offsets.map((offset) => start + offset);
    return { name, dtype, shape, bytes: file.subarray(from, to) };
  });
}

function safetensors(list) {
  let at = 0;
  const entries = list.map(({ name, dtype, shape, bytes }) => {
    const from = at;
    at += bytes.length;
    return [name, { dtype, shape, data_offsets: [from, at] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.concat([text, Buffer.alloc(-text.length & 7, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...list.map(({ bytes }) => bytes)]);
}
