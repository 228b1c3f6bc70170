/** The small model of the fixtures with more layers, so that it has several megabytes. */

/**
 * @param {{ config: Buffer, weights: Buffer }} model `config.json` and `model.safetensors`
 * @param {number} layers of its vision tower; those beyond its own repeat its last one
 */
export function deepened({ config, weights }, layers) {
  const described = JSON.parse(config.toString());
  const own = described.vision_config.num_hidden_layers;
  described.vision_config.num_hidden_layers = layers;
  const { header, data } = opened(weights);
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__');
  const last = `vision_model.encoder.layers.${own - 1}.`;
  const repeated = tensors.filter(([name]) => name.startsWith(last));
  for (let layer = own; layer < layers; layer++) {
    for (const [name, tensor] of repeated) {
      tensors.push([name.replace(last, `vision_model.encoder.layers.${layer}.`), tensor]);
    }
  }
  return { config: Buffer.from(JSON.stringify(described)), weights: closed(tensors, data) };
}

function opened(weights) {
  const length = Number(weights.readBigUInt64LE(0));
  const header = JSON.parse(weights.subarray(8, 8 + length).toString());
  return { header, data: weights.subarray(8 + length) };
}

function closed(tensors, data) {
  const header = {};
  const parts = [];
  let at = 0;
  for (const [name, { dtype, shape, data_offsets }] of tensors) {
    const part = data.subarray(...data_offsets);
    header[name] = { dtype, shape, data_offsets: [at, at + part.length] };
    parts.push(part);
    at += part.length;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...parts]);
}
