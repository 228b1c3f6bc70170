/**
 * What the page needs beside its files to be served from any folder of any static host: scripts in a
 * folder of their version, the service worker with the list of files, and headers for hosts that read them.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { Failure, root } from './lib.mjs';
import { builtInDir } from './models.mjs';

/** Where scripts, styles and engines are built, before their version is known. */
export const appFolder = 'app/next';

/** Lets threads work, which browsers allow only to pages that are isolated from others. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** What every file is served with. Each page says in its own head what it may connect to. */
const headers = {
  ...isolation,
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Finishes a built page.
 *
 * @param {string} base where it is to be served
 * @returns what the service worker keeps: a version, and files with their hashes
 */
export function finishPage(page, base) {
  const version = hash(`${base}\n${JSON.stringify(listFiles(page))}`).slice(0, 12);
  const app = `app/${version}`;
  renameSync(join(page, appFolder), join(page, app));
  const scripts = readdirSync(join(page, app));
  for (const name of readdirSync(page).filter((file) => file.endsWith('.html'))) {
    const html = readFileSync(join(page, name), 'utf8');
    writeFileSync(join(page, name), located(html, base, app, scripts));
  }
  writeFileSync(join(page, '_headers'), headersFile(app));
  return { version, files: listFiles(page) };
}

/** A page whose scripts lie in their folder, and whose address is known to those who link to it. */
function located(html, base, app, scripts) {
  return html
    .replaceAll('{site}', base)
    .replace(/\b(src|href)="([\w-]+\.(?:js|css))"/g, (whole, key, name) =>
      scripts.includes(name) ? `${key}="${app}/${name}"` : whole,
    );
}

/** For the worker: pages say in their own heads what they may do, scripts cannot. */
const scriptPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

/**
 * The address of the folder that a page is to be served from.
 *
 * @param {string} site without it, `homepage` in package.json
 */
export function siteBase(site = homepage()) {
  const url = URL.canParse(site) ? new URL(site) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new Failure(
      `--site must be the address that the page is served at, such as https://example.org/wordmask/, not ${site}.`,
    );
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.origin + url.pathname;
}

function homepage() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).homepage;
}

/** The format of Netlify and Cloudflare. */
function headersFile(app) {
  const rules = [
    ['/*', headers],
    [
      `/${app}/*`,
      {
        'Cache-Control': 'public, max-age=31536000, immutable',
        'Content-Security-Policy': scriptPolicy,
      },
    ],
    ['/service-worker.js', { 'Cache-Control': 'no-cache' }],
  ];
  const lines = rules.flatMap(([path, entries]) => [
    path,
    ...Object.entries(entries).map(([name, value]) => `  ${name}: ${value}`),
  ]);
  return `${lines.join('\n')}\n`;
}

/** All but what only developers and other sites read, and models that the package keeps by itself. */
function isKept(path) {
  if (/\.map$|^_headers$|^share\.png$/.test(path)) return false;
  return !path.startsWith('models/') || path.startsWith(`models/${basename(builtInDir)}/`);
}

function listFiles(page) {
  return readdirSync(page, { recursive: true })
    .filter((name) => statSync(join(page, name)).isFile())
    .map((name) => name.split(sep).join('/'))
    .filter(isKept)
    .sort()
    .map((path) => ({
      path,
      sha256: hash(readFileSync(join(page, path))),
      // One engine of several fits a browser.
      optional: path.endsWith('.wasm'),
    }));
}

function hash(content) {
  return createHash('sha256').update(content).digest('hex');
}
