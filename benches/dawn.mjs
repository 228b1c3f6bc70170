/**
 * This project and onnxruntime-web on one WebGPU without a browser: Dawn for Node.
 *
 * A process of its own, which `bench.mjs` starts, because WebGPU has to be in place before either is loaded:
 * it takes `{"bundle", "side", …}` from standard input and prints `{"times": {"ours", "theirs"}, "adapter"}`.
 * Dawn uses the machine's Vulkan, Metal or Direct3D driver.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const setting = JSON.parse(readFileSync(process.stdin.fd, 'utf8'));
const { place, bundle, graph, precision, side, config, rounds } = setting;

const adapter = await provideWebGpu();
const ours = await loadOurs();
const theirs = await loadTheirs();
const times = { ours: [], theirs: [] };
for (let round = -rounds.warm; round < rounds.runs; round++) {
  const pair = [await time(ours), await time(theirs)];
  if (round < 0) continue;
  times.ours.push(pair[0]);
  times.theirs.push(pair[1]);
}
process.stdout.write(`${JSON.stringify({ times, adapter })}\n`);
// Dawn's threads would keep the process.
process.exit(0);

/** Makes this process look like a page that has WebGPU. */
async function provideWebGpu() {
  const program = createRequire(join(place, 'node', 'package.json')).resolve('webgpu');
  const { create, globals } = await import(pathToFileURL(program).href);
  Object.assign(globalThis, globals);
  const gpu = create([]);
  // What wgpu looks for before it asks the navigator.
  globalThis.Window = globalThis.constructor;
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  // Dawn for Node refuses views of shared memory, which onnxruntime-web has even on one thread.
  const { writeBuffer } = GPUQueue.prototype;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...range) {
    const isShared = ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer;
    return writeBuffer.call(this, buffer, offset, isShared ? data.slice() : data, ...range);
  };
  const found = await gpu.requestAdapter();
  if (!found) throw new Error('Dawn finds no GPU here: install the driver (docs/performance.md).');
  const { info } = found;
  return [info.vendor, info.architecture, info.description].filter(Boolean).join(' ');
}

/** A step: encoding a picture that has the right size, and one ready word. */
async function loadOurs() {
  const dist = join(place, 'pkg', 'engine');
  const { default: start, BundleLoader } = await import(
    pathToFileURL(join(dist, 'webgpu.js')).href
  );
  await start({ module_or_path: readFileSync(join(dist, 'wordmask-webgpu.wasm')) });
  const from = join(place, 'bundles', bundle);
  const loader = new BundleLoader(readFileSync(join(from, 'wordmask.json'), 'utf8'));
  for (const { name, part } of loader.files()) {
    if (part === 'vision' || part === 'words') loader.add(name, readFileSync(join(from, name)));
  }
  await loader.warm('webgpu');
  const engine = await loader.finish('webgpu');
  const { rgba } = picture();
  const go = async () => false;
  return async () => {
    const method = 'maskclip';
    const encoded = await engine.encodePixels(side, side, rgba, { size: side, method }, go);
    const options = { method, background: 'none', refine: [] };
    (await engine.segment(encoded, ['cat'], options, go)).free();
    encoded.free();
  };
}

/** A step: one run of the graph, read back. */
async function loadTheirs() {
  const ort = await import(pathToFileURL(join(place, 'ort', 'ort.webgpu.min.mjs')).href);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const from = join(place, 'graphs', graph);
  const session = await ort.InferenceSession.create(
    new Uint8Array(readFileSync(join(from, `${precision}.onnx`))),
    { executionProviders: ['webgpu'] },
  );
  const table = readFileSync(join(from, `positions-${side}.f32`));
  const positions = new Float32Array(
    table.buffer.slice(table.byteOffset, table.byteOffset + table.length),
  );
  const feeds = {
    pixels: new ort.Tensor('float32', picture().planes, [1, 3, side, side]),
    positions: new ort.Tensor('float32', positions, [
      positions.length / config.vision.width,
      config.vision.width,
    ]),
  };
  return async () => {
    const [tensor] = Object.values(await session.run(feeds));
    await tensor.getData();
    tensor.dispose();
  };
}

/** Slopes and stripes, as pixels and as planes. Times do not depend on what is to be seen. */
function picture() {
  const rgba = new Uint8Array(side * side * 4);
  const planes = new Float32Array(3 * side * side);
  for (let i = 0; i < side * side; i++) {
    rgba.set([i % 251, (i * 7) % 255, Math.floor((i / side / side) * 255), 255], 4 * i);
    for (let c = 0; c < 3; c++) planes[c * side * side + i] = rgba[4 * i + c] / 128 - 1;
  }
  return { rgba, planes };
}

async function time(step) {
  const begin = performance.now();
  await step();
  return performance.now() - begin;
}
