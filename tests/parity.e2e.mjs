/** The engine's network against PyTorch's answers, in a browser: in wasm and on WebGPU. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, targetDir } from '../scripts/lib.mjs';
import { site } from '../www/test/browser.mjs';

/** The mark; what was measured stays far below. */
const tolerance = 1e-3;

const here = site((folder) => {
  cpSync(join(targetDir, 'browser-tests'), folder, { recursive: true });
  cpSync(join(root, 'tests', 'fixtures'), join(folder, 'fixtures'), { recursive: true });
  cpSync(join(root, 'weights', 'doodle'), join(folder, 'doodle'), { recursive: true });
  cpSync(join(root, 'tests/fixtures/scenes'), join(folder, 'scenes'), { recursive: true });
});

/** Calls a function of the tests that were compiled to wasm for a device, in a page of its own. */
function call(device, name, ...args) {
  return here.evaluate(
    async ([kind, wanted, given]) => {
      const engine = await import(`/${kind}/wordmask.js`);
      await engine.default({ module_or_path: `/${kind}/wordmask_bg.wasm` });
      if (wanted !== 'parity') return engine[wanted](...given);
      const [fixture] = given;
      const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
      names.push('preprocessor_config.json', 'expected.safetensors', 'expected.json');
      const bytes = async (path) =>
        new Uint8Array(await (await fetch(`/fixtures/${path}`)).arrayBuffer());
      const files = { methods: await bytes('methods/expected.safetensors') };
      for (const file of names) files[file] = await bytes(`${fixture}/${file}`);
      return engine.parity(kind, fixture, files);
    },
    [device, name, args],
  );
}

for (const device of ['cpu', 'webgpu']) {
  for (const [fixture, least] of [
    ['tiny-clip', 30],
    ['gelu-clip', 15],
  ]) {
    test(`${fixture} on ${device}`, { timeout: 300_000 }, async (t) => {
      const compared = await call(device, 'parity', fixture);
      assert.ok(compared.length >= least, `only ${compared.length} comparisons`);
      const [name, worst] = compared.reduce((a, b) => (b[1] > a[1] ? b : a));
      t.diagnostic(`largest relative error ${worst.toExponential(2)} (${name})`);
      assert.ok(worst <= tolerance, `${name} is off by ${worst}`);
    });
  }
}

for (const [folder, expected] of [
  ['cpu', /^SIMD$/],
  ['cpu-relaxed', /^relaxed SIMD, /],
]) {
  test(`kernels of the CPU: ${folder}`, { timeout: 300_000 }, async (t) => {
    const [way, ...checks] = await call(folder, 'kernels');
    t.diagnostic(`${checks.length} checks on ${way}`);
    assert.match(way, expected);
    assert.ok(checks.length >= 10);
  });
}

test('kernels of the GPU', { timeout: 600_000 }, async (t) => {
  const [cases, worst] = await here.evaluate(async () => {
    const open = async (kind) => {
      const engine = await import(`/${kind}/wordmask.js`);
      await engine.default({ module_or_path: `/${kind}/wordmask_bg.wasm` });
      return engine;
    };
    const [cpu, webgpu] = [await open('cpu'), await open('webgpu')];
    const check = async (index) => webgpu.check_block(index, await cpu.block_answers(index));
    await webgpu.warm_blocks();
    let worst = 0;
    for (let index = 0; index < webgpu.blocks(); index++) {
      worst = Math.max(worst, await check(index));
    }
    return [webgpu.blocks(), worst];
  });
  t.diagnostic(`${cases} blocks, differences up to ${worst.toFixed(2)} of what is allowed`);
  assert.ok(cases >= 20);
});

for (const side of [14, 28]) {
  test(`${side * side + 1} tokens on webgpu`, { timeout: 300_000 }, async (t) => {
    const [a, b] = await Promise.all(
      ['webgpu', 'cpu'].map((device) =>
        here.evaluate(
          async ([kind, wanted]) => {
            const engine = await import(`/${kind}/wordmask.js`);
            await engine.default({ module_or_path: `/${kind}/wordmask_bg.wasm` });
            return Array.from(await engine.tokens_at(kind, wanted));
          },
          [device, side],
        ),
      ),
    );
    const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
    t.diagnostic(
      `largest relative difference to the CPU ${(difference / largest).toExponential(2)}`,
    );
    assert.equal(a.length, b.length);
    // Written so that a NaN fails.
    assert.ok(difference / largest <= tolerance, `off by ${difference / largest}`);
  });
}

test('every method and refinement answers alike on webgpu and cpu', {
  timeout: 600_000,
}, async (t) => {
  const truth = JSON.parse(readFileSync(join(root, 'tests/fixtures/scenes/truth.json'), 'utf8'));
  const compared = await here.evaluate(
    async ([scene, words, background]) => {
      const open = async (kind) => {
        const engine = await import(`/${kind}/wordmask.js`);
        await engine.default({ module_or_path: `/${kind}/wordmask_bg.wasm` });
        return engine;
      };
      const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
      const manifest = await (await fetch('/doodle/wordmask.json')).json();
      const files = {};
      const names = [manifest.tokenizer, manifest.words, ...manifest.shards].map((f) => f.file);
      for (const file of ['wordmask.json', ...names]) {
        files[file] = await bytes(`/doodle/${file}`);
      }
      const [cpu, webgpu] = [await open('cpu'), await open('webgpu')];
      const vectors = await cpu.word_vectors(files, [...words, ...background]);
      const given = [files, await bytes(`/scenes/${scene}`), words, background, vectors];
      const there = await cpu.answers('cpu', ...given);
      const here = await webgpu.answers('webgpu', ...given);
      return here.map(([setting, labels, scores], index) => {
        const [name, otherLabels, otherScores] = there[index];
        const alike = labels.filter((label, i) => label === otherLabels[i]).length;
        const apart = scores.map((score, i) => Math.abs(score - otherScores[i]));
        const difference = apart.reduce((most, one) => Math.max(most, one), 0);
        return [
          setting === name ? name : `${setting} and ${name}`,
          alike / labels.length,
          difference,
        ];
      });
    },
    [truth.picture, truth.things.map(({ name }) => name), truth.grounds],
  );
  assert.equal(compared.length, 14);
  for (const [setting, alike, difference] of compared) {
    t.diagnostic(`${setting}: ${(100 * alike).toFixed(2)} %, ${difference.toExponential(1)}`);
    assert.ok(alike >= 0.995, `${setting}: only ${alike} of the pixels are labelled alike`);
    assert.ok(difference <= 1e-2, `${setting}: a score differs by ${difference}`);
  }
});
