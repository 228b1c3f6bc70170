/**
 * What Lighthouse says of the built page, on a desk and on a phone.
 *
 * How fast the page is depends on the machine, and on what else runs there. What the page alone decides is asserted
 * always: what blocks rendering, the chains of requests with their bytes, and how far things jump. The score for
 * performance is asserted where the machine was free enough for it to mean anything.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from 'chrome-launcher';
import lighthouse, { defaultConfig, desktopConfig } from 'lighthouse';
import { chromium, chromiumFlags } from '../../scripts/lib.mjs';
import { serve } from '../../scripts/serve.mjs';

/**
 * The benchmark index of the computer that Lighthouse's slowdowns are meant for: the lower end of a "high-end desktop"
 * (https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md).
 */
const REFERENCE_INDEX = 1500;
/** Below this, something else has the machine: the observed part of the speed index cannot be corrected. */
const LEAST_INDEX = REFERENCE_INDEX / 5;
/** Load only ever adds, so the best of these counts. */
const MOST_RUNS = 3;
/**
 * What else a machine does, of which the index does not tell: the best of three runs on a phone was 0.94 beside a
 * compiler, and 0.98 in the first run without it.
 */
const COST_OF_NEIGHBOURS = 0.1;

/** The document, the script of the page, what it shares with others, and the texts of a language. */
const LONGEST_CHAIN = 4;
/** Uncompressed, as this server sends them. */
const MOST_CRITICAL_BYTES = 220_000;
/** What counts as good (https://web.dev/articles/cls). */
const MOST_SHIFT = 0.1;

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

/** @param {number} slowdown of the processor, as a part of that which the configuration asks for */
async function measure(config, slowdown = 1, only = undefined) {
  const { throttling } = { ...defaultConfig.settings, ...config?.settings };
  const { lhr } = await lighthouse(
    server.url,
    {
      port: browser.port,
      logLevel: 'error',
      ...(only && { onlyCategories: only }),
      throttling: {
        ...throttling,
        cpuSlowdownMultiplier: throttling.cpuSlowdownMultiplier * slowdown,
      },
    },
    config,
  );
  return lhr;
}

const scoreOf = ({ categories }) => categories.performance.score;
const indexOf = ({ environment }) => environment.benchmarkIndex;

/** What does not depend on the machine. */
function assertLean({ audits }) {
  const blocking = (audits['render-blocking-resources'].details?.items ?? []).map(({ url }) => url);
  assert.ok(
    blocking.every((url) => url.endsWith('/style.css')) && blocking.length <= 1,
    `these block rendering: ${blocking.join(', ')}`,
  );
  const { length, bytes } = critical(audits['critical-request-chains'].details.chains);
  assert.ok(length <= LONGEST_CHAIN, `a chain of ${length} requests`);
  assert.ok(bytes <= MOST_CRITICAL_BYTES, `${bytes} bytes on the chains of requests`);
  const shift = audits['cumulative-layout-shift'].numericValue;
  assert.ok(shift <= MOST_SHIFT, `a layout shift of ${shift}`);
}

/** Of the document, its styles and its scripts: the longest chain, and all bytes. The engine follows once they run. */
function critical(chains) {
  const own = Object.values(chains).filter(({ request }) =>
    /(\/|\.css|(?<!\/worker)\.js)$/.test(request.url),
  );
  let length = 0;
  let bytes = 0;
  for (const { request, children = {} } of own) {
    const below = critical(children);
    length = Math.max(length, 1 + below.length);
    bytes += request.transferSize + below.bytes;
  }
  return { length, bytes };
}

/** The best score of some runs, or `null` where the machine was not free enough for one. */
async function performanceOf(first, config, mark) {
  let lhr = first;
  let best = null;
  for (let run = 1; ; run++) {
    const index = indexOf(lhr);
    console.log(`# run ${run}: performance ${scoreOf(lhr)}, benchmark index ${index}`);
    if (index < LEAST_INDEX) return best;
    best = Math.max(best ?? 0, scoreOf(lhr));
    if (best >= mark || run === MOST_RUNS) return best;
    lhr = await measure(config, Math.min(1, index / REFERENCE_INDEX), ['performance']);
  }
}

for (const [where, config, mark] of [
  ['a desk', desktopConfig, 1],
  ['a phone', undefined, 0.98],
]) {
  test(`Lighthouse finds nothing to better on ${where}`, async (t) => {
    const lhr = await measure(config);
    const found = Object.values(lhr.audits)
      .filter(
        ({ score, scoreDisplayMode: mode }) => score !== null && score < 1 && mode === 'binary',
      )
      .map(({ id, details }) => `${id} ${JSON.stringify(details?.items?.slice(0, 3))}`);
    for (const { id, score } of Object.values(lhr.categories))
      if (id !== 'performance') assert.equal(score, 1, `${id}: ${found.join('\n')}`);
    assertLean(lhr);
    const performance = await performanceOf(lhr, config, mark);
    if (performance === null) t.diagnostic('the machine was too busy to measure the performance');
    else t.diagnostic(`performance ${performance}; a machine of its own gives ${mark}`);
    assert.ok((performance ?? 1) >= mark - COST_OF_NEIGHBOURS, `performance ${performance}`);
  });
}
