/**
 * Pictures of the built page to be looked at: `node scripts/screenshots.mjs [--out DIR]`. Every language
 * once, at three widths, light and dark in turn, with the masks of a scene and the menus open.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium as browserType } from 'playwright-core';
import { chromium, chromiumFlags, isMain, main, root, targetDir } from './lib.mjs';
import { serve } from './serve.mjs';

const languages = ['en', 'de', 'fr', 'es', 'pt', 'ja', 'zh', 'ar'];
const sizes = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
];
const schemes = ['light', 'dark'];

async function shoot(browser, url, { locale, viewport, colorScheme, path }) {
  const context = await browser.newContext({ locale, viewport, colorScheme });
  const page = await context.newPage();
  await page.goto(`${url}?device=cpu`);
  await page.locator('.sample').first().click();
  await page.locator('#stage[data-encodes="1"][data-state="done"]').waitFor();
  await page.screenshot({ path: `${path}.png` });
  for (const menu of ['#models', '#options']) await page.locator(`${menu} > summary`).click();
  await page.screenshot({ path: `${path}-whole.png`, fullPage: true });
  await context.close();
}

if (isMain(import.meta.url)) {
  main(async () => {
    const options = { out: { type: 'string', default: join(targetDir, 'screenshots') } };
    const { out } = parseArgs({ options }).values;
    mkdirSync(out, { recursive: true });
    const server = await serve(join(root, 'www', 'dist'), { port: 0 });
    const browser = await browserType.launch({
      executablePath: await chromium(),
      args: chromiumFlags,
    });
    try {
      for (const [at, locale] of languages.entries()) {
        for (const [step, viewport] of sizes.entries()) {
          const colorScheme = schemes[(at + step) % schemes.length];
          const path = join(out, `${locale}-${viewport.width}-${colorScheme}`);
          await shoot(browser, server.url, { locale, viewport, colorScheme, path });
        }
      }
    } finally {
      await browser.close();
      await server.close();
    }
    console.log(`Look at ${out}.`);
  });
}
