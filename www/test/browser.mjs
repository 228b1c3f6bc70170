/** What the tests in a real browser share: a browser, a served page that is watched, pictures. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { chromiumFlags, chromium as findChromium } from '../../scripts/lib.mjs';
import { serve } from '../../scripts/serve.mjs';

/** What takes longer hangs, software GPU or not: the other tests are still to run. */
const limit = { timeout: 900_000 };

/** @param {string} [profile] a folder in which the browser keeps what it stores */
export async function launch(flags = [], profile = undefined) {
  const options = { executablePath: await findChromium(), args: [...chromiumFlags, ...flags] };
  return profile === undefined
    ? chromium.launch(options)
    : chromium.launchPersistentContext(profile, options);
}

/** A context of a browser that forbids sites to store anything, and what ends both. */
export async function launchWithoutStorage() {
  const profile = mkdtempSync(join(tmpdir(), 'wordmask-profile-'));
  mkdirSync(join(profile, 'Default'));
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: await findChromium(),
    args: chromiumFlags,
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { context, close };
}

/**
 * A site and a browser for all tests of a file; started before them and ended after them.
 *
 * @param {string | ((folder: string) => unknown)} content a folder to serve, or what fills a fresh
 *   one, which has an empty page to begin with
 * @param {() => Promise<string[]>} [flags] more flags for the browser
 */
export function site(content, flags = async () => []) {
  let folder;
  let server;
  let browser;

  before(async () => {
    if (typeof content !== 'string') {
      folder = mkdtempSync(join(tmpdir(), 'wordmask-'));
      writeFileSync(join(folder, 'index.html'), '<!doctype html><title>test</title>');
      await content(folder);
    }
    server = await serve(folder ?? content, { port: 0 });
    browser = await launch(await flags());
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  return {
    get url() {
      return server.url;
    },

    /** Registers a test with a page of its own, which is watched and must end without a fault. */
    pageTest(name, options, body) {
      test(name, limit, async () => {
        const { page, seen, close } = await open(browser, server.url, options);
        try {
          await body(page, seen);
          assert.deepEqual(seen.faults, []);
        } finally {
          await close();
        }
      });
    },

    /**
     * Returns what registers tests like `pageTest`, but in one page, each of which goes on where the one before
     * has ended: an engine takes longer to start than most tests take. After one that fails the next begins anew.
     *
     * @param prepare what is done in a new page before the first test
     */
    story(options, prepare = async () => {}) {
      let shared;
      const end = async () => {
        await shared?.close();
        shared = undefined;
      };
      after(end);
      return (name, body) =>
        test(name, limit, async () => {
          try {
            if (!shared) {
              shared = await open(browser, server.url, options);
              await prepare(shared.page);
            }
            const { page, seen } = shared;
            await body(page, seen);
            assert.deepEqual(seen.faults, []);
          } catch (error) {
            await end();
            throw error;
          }
        });
    },

    /** Runs a function in a page of its own and returns what it returns. */
    async evaluate(body, given) {
      const page = await browser.newPage();
      try {
        await page.goto(server.url);
        return await page.evaluate(body, given);
      } finally {
        await page.close();
      }
    },
  };
}

/**
 * Opens the page and watches it: every request of the page and its workers, every broken rule of
 * the Content-Security-Policy, every error that nobody caught.
 */
async function open(browser, url, { query = '', ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    acceptDownloads: true,
    // It would keep megabytes in every test, and hide requests from those that watch for them.
    serviceWorkers: 'block',
    ...options,
  });
  // Machines stall; what never comes fails all the same.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const seen = { requests: [], faults: [] };
  context.on('request', (request) => {
    seen.requests.push({
      url: request.url(),
      method: request.method(),
      body: request.postData(),
      by: pageOf(request),
    });
  });
  page.on('pageerror', (error) => seen.faults.push(String(error)));
  page.on('console', (message) => {
    if (/Content.Security.Policy/i.test(message.text())) seen.faults.push(message.text());
  });
  await page.goto(url + query);
  await listens(page);
  return { page, seen, close: () => context.close() };
}

/** Waits until the page, where it is that of the project, has begun its work: what is dropped or typed before is lost. */
export async function listens(page) {
  if ((await page.locator('#stage').count()) === 0) return;
  await page.locator('#stage:not([data-state="empty"])').waitFor({ state: 'attached' });
}

/** The address of the page that makes a request, where it is one that does. */
function pageOf(request) {
  try {
    return request.frame().url();
  } catch {
    return ''; // A service worker, or a page that is only about to be shown.
  }
}

/** Waits until the work has come to rest in a given way: `done`, `stopped` or `failed`. */
export async function rest(page, how = 'done', timeout = 120_000) {
  await page.locator(`#stage[data-state="${how}"]`).waitFor({ timeout });
}

/** Waits until the legend has these rows, and the work is at rest. */
export async function legend(page, names, timeout = 120_000) {
  await page.waitForFunction(
    (wanted) => {
      const rows = [...document.querySelectorAll('#legend .row:not(.rest) .name')];
      const shown = rows.map((row) => row.textContent);
      const stage = document.querySelector('#stage');
      return JSON.stringify(shown) === JSON.stringify(wanted) && stage.dataset.state === 'done';
    },
    names,
    { timeout },
  );
}

/** Waits until something that is looked at from outside the page has become true. */
export async function until(isTrue, timeout = 120_000) {
  for (const deadline = Date.now() + timeout; !(await isTrue()); ) {
    if (Date.now() > deadline) throw new Error(`It did not come true in time: ${isTrue}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export const encodes = (page) => page.locator('#stage').getAttribute('data-encodes');
export const chips = (page) => page.locator('#chips .name').allTextContents();
export const alertText = (page) => page.locator('#alert').textContent();

/** Drops a file on the page, as a hand would: enter, over, drop. */
export const drop = (page, name, bytes, type) => dropAll(page, [{ name, bytes, type }]);

/** Drops several files at once. */
export async function dropAll(page, files) {
  await listens(page);
  const transfer = await page.evaluateHandle(
    (list) => {
      const made = new DataTransfer();
      for (const { name, base64, type } of list) {
        const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        made.items.add(new File([data], name, { type }));
      }
      return made;
    },
    files.map(({ name, bytes, type = '' }) => ({ name, base64: bytes.toString('base64'), type })),
  );
  for (const event of ['dragenter', 'dragover', 'drop']) {
    await page.dispatchEvent('body', event, { dataTransfer: transfer });
  }
}

/** Drops files or folders that lie on the disk, through the browser itself. */
export async function dropPaths(page, paths) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await session.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
  }
  await session.detach();
}

/** Chromium drops the eleventh download within a second, without a word. */
const DOWNLOAD_PAUSE_MS = 110;

/** The file that the page gives when something is done, with its name. */
export async function download(page, act) {
  await page.waitForTimeout(DOWNLOAD_PAUSE_MS);
  const [given] = await Promise.all([page.waitForEvent('download'), act()]);
  return { name: given.suggestedFilename(), bytes: await readFile(await given.path()) };
}

/** The width that would have to be scrolled sideways. */
export const overhang = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

/** An RGB picture as PNG; `color` gives the three channels at a point. */
export function png(width, height, color) {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rows.set(color(x, y), y * (1 + width * 3) + 1 + x * 3);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(8 + body.length);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), 4 + body.length);
  return whole;
}

/** The checksum of PNG: ISO 3309, reflected polynomial 0xEDB88320. */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
