/**
 * What Lighthouse says of the built page, on a desk and on a phone. How fast it is depends on the machine, and on
 * what else runs there: below these marks lies a fault of the page, between them and 100 noise.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from 'chrome-launcher';
import lighthouse, { desktopConfig } from 'lighthouse';
import { chromium, chromiumFlags } from '../../scripts/lib.mjs';
import { serve } from '../../scripts/serve.mjs';

const PERFORMANCE = 0.9;

let server;
let browser;

before(async () => {
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)), { port: 0 });
  const chromeFlags = ['--headless=new', ...chromiumFlags];
  browser = await launch({ chromePath: await chromium(), chromeFlags });
});

after(async () => {
  browser?.kill();
  await server?.close();
});

for (const [where, config] of [
  ['a desk', desktopConfig],
  ['a phone', undefined],
]) {
  test(`Lighthouse finds nothing to better on ${where}`, async () => {
    const flags = { port: browser.port, output: 'json', logLevel: 'error' };
    const { lhr } = await lighthouse(server.url, flags, config);
    const { performance, ...others } = Object.fromEntries(
      Object.values(lhr.categories).map(({ id, score }) => [id, score]),
    );
    console.log(`# performance on ${where}: ${performance}`);
    const found = Object.values(lhr.audits)
      .filter(
        ({ score, scoreDisplayMode: mode }) => score !== null && score < 1 && mode === 'binary',
      )
      .map(({ id, details }) => `${id} ${JSON.stringify(details?.items?.slice(0, 3))}`);
    for (const [id, score] of Object.entries(others))
      assert.equal(score, 1, `${id}: ${found.join('\n')}`);
    assert.ok(performance >= PERFORMANCE, `performance ${performance}`);
  });
}
