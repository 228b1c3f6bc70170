/** The engine's network against PyTorch's answers, in a browser: in wasm and on WebGPU. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root, targetDir } from '../scripts/lib.mjs';
import { serve } from '../scripts/serve.mjs';
import { launch } from '../www/test/browser.mjs';

/** The mark; what was measured stays far below. */
const tolerance = 1e-3;

let folder;
let server;
let browser;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wordmask-'));
  cpSync(join(targetDir, 'browser-tests'), folder, { recursive: true });
  cpSync(join(root, 'tests', 'fixtures'), join(folder, 'fixtures'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>test</title>');
  server = await serve(folder, { port: 0 });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Calls a function of the tests that were compiled to wasm, in a page of its own. */
async function call(name, ...args) {
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    return await page.evaluate(
      async ([wanted, given]) => {
        const engine = await import('/wordmask.js');
        await engine.default({ module_or_path: '/wordmask_bg.wasm' });
        if (wanted !== 'parity') return engine[wanted](...given);
        const [device, fixture] = given;
        const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
        names.push('preprocessor_config.json', 'expected.safetensors', 'expected.json');
        const files = {};
        for (const file of names) {
          const response = await fetch(`/fixtures/${fixture}/${file}`);
          files[file] = new Uint8Array(await response.arrayBuffer());
        }
        return engine.parity(device, files);
      },
      [name, args],
    );
  } finally {
    await page.close();
  }
}

for (const device of ['cpu', 'webgpu']) {
  for (const [fixture, least] of [
    ['tiny-clip', 30],
    ['gelu-clip', 15],
  ]) {
    test(`${fixture} on ${device}`, { timeout: 300_000 }, async (t) => {
      const compared = await call('parity', device, fixture);
      assert.ok(compared.length >= least, `only ${compared.length} comparisons`);
      const [name, worst] = compared.reduce((a, b) => (b[1] > a[1] ? b : a));
      t.diagnostic(`largest relative error ${worst.toExponential(2)} (${name})`);
      assert.ok(worst <= tolerance, `${name} is off by ${worst}`);
    });
  }
}

for (const side of [14, 28]) {
  test(`${side * side + 1} tokens on webgpu`, { timeout: 300_000 }, async (t) => {
    const difference = await call('difference_at', 'webgpu', side);
    t.diagnostic(`largest relative difference to the CPU ${difference.toExponential(2)}`);
    assert.ok(difference <= tolerance, `off by ${difference}`);
  });
}
