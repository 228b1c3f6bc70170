/** What `bench.mjs` runs in the browser: this project and onnxruntime-web side by side in one page. */
import { Segmenter } from '/pkg/index.js';

/** The sides of a picture as a camera or a page would hand it over, and of one that needs no resizing. */
const large = 640;
const word = 'cat';

/** No background and no refinement: the vision tower, then as little as `segment` can do. */
const bare = { background: 'none', refine: [] };
const cells = { method: 'maskclip', ...bare };
const crops = { method: 'clip-diy', guidance: 'none', ...bare };

/** A picture with edges, slopes and noise, the same each time. */
function picture(width, height = width) {
  const data = new Uint8ClampedArray(width * height * 4);
  let seed = 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const [u, v] = [x / width, y / height];
      const disc = (u - 0.4) ** 2 + (v - 0.55) ** 2 < 0.06 ? 120 : 0;
      const stripe = Math.floor(u * 9) % 2 === 0 && v > 0.7 ? 60 : 0;
      const noise = seed / 2 ** 32;
      const rgba = [40 + 150 * u + 20 * noise, 60 + disc + 30 * noise, 200 * v + stripe, 255];
      data.set(rgba, (y * width + x) * 4);
    }
  }
  return new ImageData(data, width, height);
}

/** What the network sees of a picture that already has the right size: `[3, height, width]`. */
function planes({ data, width, height }, { pixel_mean: mean, pixel_std: std }) {
  const size = width * height;
  const out = new Float32Array(3 * size);
  for (let i = 0; i < 3 * size; i++) {
    const channel = Math.floor(i / size);
    out[i] = (data[(i % size) * 4 + channel] / 255 - mean[channel]) / std[channel];
  }
  return out;
}

/** onnxruntime-web on one thread. */
async function runtime(provider) {
  const ort = await import(`/ort/ort.${provider}.min.mjs`);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.logLevel = 'error';
  return ort;
}

const bytes = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

/** Inputs of a graph of pictures: the same picture `batch` times. */
async function pictureFeeds({ Tensor }, { graph, side, batch = 1, config }) {
  const table = new Float32Array((await bytes(`/graphs/${graph}/positions-${side}.f32`)).buffer);
  const width = config.vision.width;
  const one = planes(picture(side), config);
  const all = new Float32Array(batch * one.length);
  for (let i = 0; i < batch; i++) all.set(one, i * one.length);
  return {
    pixels: new Tensor('float32', all, [batch, 3, side, side]),
    positions: new Tensor('float32', table, [table.length / width, width]),
  };
}

/** A word in all templates, and that as token ids: a row for each template. */
async function sentences(graph) {
  return JSON.parse(new TextDecoder().decode(await bytes(`/graphs/${graph}/ids.json`)));
}

/** The input of a graph of texts: one batch, no longer than its longest text, as ours are not. */
async function textFeeds({ Tensor }, { graph }) {
  const { ids } = await sentences(graph);
  const all = BigInt64Array.from(ids.flat(), BigInt);
  return { ids: new Tensor('int64', all, [ids.length, ids[0].length]) };
}

/** One of the graphs, and its inputs. */
class Theirs {
  static async load(setting) {
    const { graph, output, precision, provider = 'wasm' } = setting;
    const theirs = new Theirs();
    theirs.ort = await runtime(provider);
    theirs.model = await bytes(`/graphs/${graph}/${precision}.onnx`);
    theirs.options = { executionProviders: [provider] };
    const feeds = output === 'texts' ? textFeeds : pictureFeeds;
    theirs.feeds = await feeds(theirs.ort, setting);
    return theirs;
  }

  async open() {
    this.session = await this.ort.InferenceSession.create(this.model, this.options);
    return this;
  }

  /** The only output, `[rows, projection]`. */
  async run() {
    const [tensor] = Object.values(await this.session.run(this.feeds));
    const out = Float32Array.from(await tensor.getData());
    tensor.dispose();
    return out;
  }
}

/** Milliseconds that a step takes. */
async function time(step) {
  const begin = performance.now();
  await step();
  return performance.now() - begin;
}

/** Times two steps in turn, so that what else the machine does meets both alike. */
async function alternate({ warm, runs }, ours, theirs) {
  const times = { ours: [], theirs: [] };
  for (let round = -warm; round < runs; round++) {
    const pair = [await time(ours), await time(theirs)];
    if (round < 0) continue;
    times.ours.push(pair[0]);
    times.theirs.push(pair[1]);
  }
  return times;
}

async function load({ bundle, device = 'cpu', engineUrl, cache = 'none' }) {
  return Segmenter.load(`/bundles/${bundle}/`, { device, cache, ...(engineUrl && { engineUrl }) });
}

/** Encodes a picture and asks it one ready word, so that all that the method computes is done. */
async function masks(segmenter, image, size, options = cells) {
  const encoded = await segmenter.encode(image, { size, method: options.method });
  const answer = await encoded.segment([word], options);
  answer.free();
  encoded.free();
}

/** Every cell of a picture of `side` pixels: encoding and one word against the graph `cells`. */
export async function dense(setting) {
  const { side, rounds } = setting;
  const segmenter = await load(setting);
  const theirs = await (await Theirs.load(setting)).open();
  const image = picture(large);
  const times = await alternate(
    rounds,
    () => masks(segmenter, image, side),
    () => theirs.run(),
  );
  return { ...times, adapter: segmenter.device.name };
}

/** Ten crops of a picture against a batch of ten pictures. */
export async function tenCrops(setting) {
  return whole({ ...setting, batch: 10 }, { ...crops, crops: 10 });
}

/** One picture as a whole: the first crop of CLIP-DIY, which is all that encoding for it does. */
export async function oneCrop(setting) {
  return whole({ ...setting, batch: 1 }, undefined);
}

/** Crops through the whole tower and, with options, their masks, against a batch of pictures. */
async function whole(setting, options) {
  const { side, rounds } = setting;
  const segmenter = await load(setting);
  const theirs = await (await Theirs.load(setting)).open();
  const image = picture(large);
  const encode = async () => {
    (await segmenter.encode(image, { size: side, method: 'clip-diy' })).free();
  };
  const ours = options ? () => masks(segmenter, image, side, options) : encode;
  return alternate(rounds, ours, () => theirs.run());
}

/** From a model that lies in the browser's cache to the first masks, in a page that has loaded nothing yet. */
export async function coldOurs(setting) {
  const image = picture(large);
  return time(async () => {
    const segmenter = await load({ ...setting, cache: 'default' });
    if (!segmenter.cached) throw new Error('The model was not kept in the cache.');
    await masks(segmenter, image, setting.side);
  });
}

/** From a model in memory to the first output, in a page that has loaded nothing but the script. */
export async function coldTheirs(setting) {
  const theirs = await Theirs.load(setting);
  return time(async () => {
    await theirs.open();
    await theirs.run();
  });
}

/** A word more for a picture that is encoded, with the model's own setting, against encoding it. */
export async function addWord(setting) {
  const { side, ready, rounds } = setting;
  const segmenter = await load(setting);
  const image = picture(large);
  const own = { background: 'none' };
  const [old, rest] = [ready.names.slice(0, 3), ready.names.slice(3)];
  let encoded = await segmenter.encode(image, { size: side });
  let turn = 0;
  const encode = async () => {
    encoded.free();
    encoded = await segmenter.encode(image, { size: side });
  };
  const add = async () => {
    (await encoded.segment([...old, rest[turn++ % rest.length]], own)).free();
  };
  const times = { ours: [], theirs: [] };
  for (let round = -rounds.warm; round < rounds.runs; round++) {
    const encoding = await time(encode);
    // What the method computes once for a picture belongs to the first words.
    (await encoded.segment(old, own)).free();
    const adding = await time(add);
    if (round < 0) continue;
    times.ours.push(adding);
    times.theirs.push(encoding);
  }
  return times;
}

/**
 * A word that is not ready, in all templates, against the text tower on the sentences of one such word.
 *
 * Theirs is one batch as long as its longest sentence; in three batches by length, as the engine goes about
 * it, theirs takes a fifth less. Ours is all that asking an encoded picture for the word costs: tokens, the
 * tower, the mean of the sentences, the masks. From the eleventh word on ours are a token longer than theirs.
 */
export async function newWord(setting) {
  const segmenter = await load(setting);
  const ours = await steps.newWord({ ...setting, segmenter, image: picture(large) });
  const theirs = await (await Theirs.load(setting)).open();
  return alternate(setting.rounds, ours, () => theirs.run());
}

// -------------------------------------------------------------------------------- ours alone

const steps = {
  /** The least that one word costs, encoding included. */
  async encodeAndWord({ segmenter, image, side, method }) {
    return () => masks(segmenter, image, side, { ...cells, method });
  },

  /** What a visitor waits for. */
  async encodeAndWords({ segmenter, image, side, ready, method, crops: count }) {
    const options = { method, background: 'none', ...(count && { crops: count }) };
    return async () => {
      const encoded = await segmenter.encode(image, { size: side, method });
      (await encoded.segment(ready.names.slice(0, 4), options)).free();
      encoded.free();
    };
  },

  async classes({ segmenter, image, side, ready, count }) {
    return words(segmenter, image, side, ready.names.slice(0, count));
  },

  async names({ segmenter, image, side, ready, count }) {
    return words(segmenter, image, side, [ready.names.slice(0, count).join('/')]);
  },

  /** A word that is not ready; the first of them also loads the text tower, and is not measured. */
  async newWord({ segmenter, image, side }) {
    const encoded = await segmenter.encode(image, { size: side });
    let turn = 0;
    return async () => {
      (await encoded.segment([`thing number ${turn++}`], { background: 'none' })).free();
    };
  },
};

async function words(segmenter, image, side, list) {
  const encoded = await segmenter.encode(image, { size: side });
  return async () => (await encoded.segment(list, { background: 'none' })).free();
}

/** Our own time for one of the steps. */
export async function alone(setting) {
  const segmenter = await load(setting);
  const step = await steps[setting.step]({ ...setting, segmenter, image: picture(large) });
  const ours = [];
  for (let round = -setting.rounds.warm; round < setting.rounds.runs; round++) {
    const took = await time(step);
    if (round >= 0) ours.push(took);
  }
  return { ours };
}

// ------------------------------------------------------------------------------------ agreement

/** The cosine of two rows of numbers. */
function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((x, i) => {
    ab += x * b[i];
    aa += x * x;
    bb += b[i] * b[i];
  });
  return ab / Math.sqrt(aa * bb);
}

/** Probabilities below this are not compared: a heat map holds them in 32 bits. */
const floor = 1e-6;

/** Logarithms of probabilities less their mean: up to the scale, what the cosines differ by. */
function logits(probabilities) {
  const logs = probabilities.map((p) => Math.log(Math.max(p, floor)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return logs.map((log) => log - mean);
}

/** Probabilities of the words for a row of features, as the engine makes them. */
function probabilities(row, { vectors, scale }) {
  const length = Math.hypot(...row);
  const scores = vectors.map((vector) => {
    return (scale * vector.reduce((sum, x, i) => sum + x * row[i], 0)) / length;
  });
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * How alike the answers of the two are: cosines between what each says of the words, ours against each
 * of the graphs.
 */
export async function agreement(setting) {
  const { ready, graphs } = setting;
  const segmenter = await load(setting);
  const ours = await (setting.output === 'cells' ? cellLogits : pictureLogits)(segmenter, setting);
  const found = {};
  for (const precision of graphs) {
    const features = await theirRows({ ...setting, precision });
    const other = features.flatMap((row) => logits(probabilities(row, ready)));
    found[precision] = cosine(ours, other);
  }
  return found;
}

/** What a graph gives, row by row. */
async function theirRows(setting) {
  const theirs = await (await Theirs.load(setting)).open();
  const all = await theirs.run();
  await theirs.session.release();
  const { projection } = setting.config;
  return Array.from({ length: all.length / projection }, (_, row) => {
    return all.slice(row * projection, (row + 1) * projection);
  });
}

/**
 * The same with a word more, which only the text tower can tell. The package gives nobody the embedding of a
 * word, so both are read with the features of cells that `agreement` compares; of theirs the f32 ones. One
 * word among seventeen shows: `thing number 1` for `thing number 0` takes the cosine from 0.995 to 0.91, half
 * the templates to 0.986, no causal mask to 0.73.
 */
export async function agreementOnWord({ pictures, ...setting }) {
  const { graph, graphs, ready } = setting;
  const { word } = await sentences(graph);
  const segmenter = await load(setting);
  const names = [...ready.names, word];
  const ours = await cellLogits(segmenter, { ...setting, ready: { names } });
  const cellGraph = { graph: pictures, output: 'cells', precision: 'f32' };
  const features = await theirRows({ ...setting, ...cellGraph });
  const found = {};
  for (const precision of graphs) {
    const vector = meanDirection(await theirRows({ ...setting, precision }));
    const words = { ...ready, vectors: [...ready.vectors, vector] };
    const other = features.flatMap((row) => logits(probabilities(row, words)));
    found[precision] = cosine(ours, other);
  }
  return found;
}

/** The direction of the mean of the directions of rows. */
function meanDirection(rows) {
  const units = rows.map(unit);
  return unit(units[0].map((_, i) => units.reduce((sum, row) => sum + row[i], 0)));
}

function unit(row) {
  const length = Math.hypot(...row);
  return row.map((x) => x / length);
}

/** What we say of the words at every cell. */
async function cellLogits(segmenter, { side, ready, config }) {
  const encoded = await segmenter.encode(picture(side), { size: side, method: 'maskclip' });
  const answer = await encoded.segment(ready.names, cells);
  const maps = [];
  for (const name of ready.names) maps.push(await answer.scores(name));
  answer.free();
  encoded.free();
  const { patch } = config.vision;
  const count = side / patch;
  return Array.from({ length: count * count }, (_, cell) => {
    const [row, col] = [Math.floor(cell / count), cell % count];
    return logits(maps.map((map) => atCell(map, side, patch, row, col)));
  }).flat();
}

/**
 * The value of a cell, read off a map that was interpolated from cells to pixels: between two cells it
 * is a line, and the first two pixels after a cell's centre are half a pixel and one and a half away.
 */
function atCell(map, side, patch, row, col) {
  const line = (y) => {
    const x = col * patch + patch / 2;
    return 1.5 * map[y * side + x] - 0.5 * map[y * side + x + 1];
  };
  const y = row * patch + patch / 2;
  return 1.5 * line(y) - 0.5 * line(y + 1);
}

/** What we say of the words for a mask that covers the whole picture. */
async function pictureLogits(segmenter, { side, ready }) {
  const encoded = await segmenter.encode(picture(side), { size: side, method: 'clip-diy' });
  const whole = { width: side, height: side, labels: new Uint8Array(side * side) };
  const [scores] = await encoded.classify(whole, ready.names);
  encoded.free();
  return logits(ready.names.map((name) => scores.find((entry) => entry.name === name).score));
}
