/**
 * Draws what stands for the page elsewhere: the icons of an installed page from `www/icon.svg`, and
 * `www/share.png`, which is shown beside links to it: `node scripts/pictures.mjs`.
 *
 * What it draws is committed, so that a build needs no browser.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium as playwright } from 'playwright-core';
import { chromium, chromiumFlags, isMain, main, root } from './lib.mjs';

const www = join(root, 'www');

/** Cut to any shape by the system, such as a circle, an icon has to fill its square. */
const icons = [
  { name: 'icon-192', side: 192 },
  { name: 'icon-512', side: 512 },
  { name: 'icon-maskable-512', side: 512, fills: true },
  { name: 'icon-apple-180', side: 180, fills: true },
];

/** The size that Open Graph's readers crop nothing of. */
const shared = { width: 1200, height: 630 };

async function draw() {
  const browser = await playwright.launch({
    executablePath: await chromium(),
    args: chromiumFlags,
  });
  try {
    const page = await browser.newPage();
    const icon = readFileSync(join(www, 'icon.svg'), 'utf8');
    for (const { name, side, fills } of icons) {
      const svg = fills ? icon.replace('rx="8"', 'rx="0"') : icon;
      const path = join(www, 'icons', `${name}.png`);
      await shoot(page, path, { width: side, height: side }, svg);
    }
    await shoot(page, join(www, 'share.png'), shared, sharedPicture(icon));
  } finally {
    await browser.close();
  }
}

async function shoot(page, path, size, body) {
  await page.setViewportSize(size);
  const style = '<style>body { margin: 0 } body > svg { display: block; width: 100vw }</style>';
  await page.setContent(style + body);
  await page.screenshot({ path, omitBackground: true });
}

/** The page's promise beside a scene with a mask for each word, in the page's own colours. */
function sharedPicture(icon) {
  const tokens = readFileSync(join(www, 'src/styles/tokens.css'), 'utf8');
  return `
    <style>
      ${tokens}
      main { box-sizing: border-box; height: 100vh; padding: 64px 0 64px 68px; display: grid;
        grid-template: auto 1fr auto / 500px 1fr; background: var(--ground); color: var(--ink);
        font: 26px/1.4 var(--text) }
      .brand { display: flex; align-items: center; gap: 16px; font: 700 34px/1 var(--display) }
      .brand svg { width: 54px }
      h1 { align-self: center; margin: 0; font: 500 61px/1.3 var(--display); letter-spacing: -0.015em }
      mark { padding: 0 0.14em; border-radius: 0.5em 0.28em 0.45em 0.3em / 0.32em 0.45em 0.28em 0.5em; color: inherit }
      .a { background: var(--mark-a) } .b { background: var(--mark-b) } .c { background: var(--mark-c) }
      .promise { margin: 0; color: var(--soft) }
      figure { grid-area: 1 / 2 / 4 / 3; margin: 0 0 0 44px; align-self: center }
      figure svg { display: block; width: 100% }
      figure text { font: 600 19px var(--text); text-anchor: middle; fill: var(--ink) }
      figure .tag { fill: var(--sheet) }
    </style>
    <main>
      <div class="brand">${icon} wordmask</div>
      <h1>Drop a <mark class="a">picture</mark>,<br>type <mark class="b">words</mark>,<br>get a <mark class="c">mask</mark> for<br>each word.</h1>
      <p class="promise">Nothing leaves the page.</p>
      <figure>${scene()}</figure>
    </main>`;
}

function scene() {
  const masks = [
    { word: 'sky', color: '#56b4e9', at: [330, 92], path: 'M-9-9H599V519H-9z' },
    {
      word: 'sun',
      color: '#f0c419',
      at: [112, 116],
      path: 'M62 116a50 50 0 1 0 100 0a50 50 0 1 0-100 0',
    },
    {
      word: 'mountain',
      color: '#9a86c9',
      at: [226, 268],
      path: 'M58 400L214 168q20-26 42 0l66 92l40-44q18-18 36 2L560 420z',
    },
    {
      word: 'grass',
      color: '#7cc36a',
      at: [170, 446],
      path: 'M-9 384c101-62 196-70 304-34s212 28 304-12v180H-9z',
    },
    { word: 'house', color: '#f2846b', at: [424, 346], path: 'M352 400V300l72-58l72 58v100z' },
  ];
  const tag = ({ word, at: [x, y] }) => {
    const width = word.length * 10.5 + 34;
    return `<rect class="tag" x="${x - width / 2}" y="${y - 19}" width="${width}" height="38" rx="19"/><text x="${x}" y="${y + 7}">${word}</text>`;
  };
  const shape = ({ color, path }) =>
    `<path d="${path}" fill="${color}" stroke="#141816" stroke-width="2.5" stroke-linejoin="round"/>`;
  return `<svg viewBox="0 0 590 510"><defs><clipPath id="frame"><path d="M24 0H590V510H24a24 24 0 0 1-24-24V24A24 24 0 0 1 24 0z"/></clipPath></defs><g clip-path="url(#frame)">${masks.map(shape).join('')}</g>${masks.map(tag).join('')}</svg>`;
}

if (isMain(import.meta.url)) main(draw);
