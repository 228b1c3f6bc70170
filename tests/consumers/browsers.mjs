/** Browsers that open a page and are closed again. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium as playwright } from 'playwright-core';
import { chromium, chromiumFlags, firefox } from '../../scripts/lib.mjs';

/**
 * A browser: `open(url)` shows a page and returns what closes it and what it complained about;
 * `undefined` if it is not installed.
 */
export const browsers = {
  async chromium() {
    const browser = await playwright.launch({
      executablePath: await chromium(),
      args: chromiumFlags,
    });
    return {
      version: `Chromium ${browser.version().split('.')[0]}`,
      async open(url) {
        const page = await browser.newPage();
        const complaints = [];
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text());
        });
        page.on('pageerror', (error) => complaints.push(String(error)));
        page.on('requestfailed', (request) => complaints.push(`no answer: ${request.url()}`));
        page.on('response', (response) => {
          if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
        });
        await page.goto(url);
        return { page, complaints, close: () => page.close() };
      },
      close: () => browser.close(),
    };
  },

  /** Stock Firefox, which Playwright cannot drive: it opens the address, and the page answers. */
  async firefox() {
    const program = firefox();
    if (!program) return undefined;
    return {
      version: await firefoxVersion(program),
      async open(url) {
        const profile = mkdtempSync(join(tmpdir(), 'wordmask-firefox-'));
        writeFileSync(join(profile, 'user.js'), preferences);
        const browser = spawn(program, ['--headless', '--no-remote', '--profile', profile, url], {
          stdio: 'ignore',
          detached: true,
        });
        const ended = new Promise((resolve) => browser.once('exit', resolve));
        return {
          complaints: [],
          async close() {
            process.kill(-browser.pid, 'SIGTERM');
            await ended;
            rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
          },
        };
      },
      close: async () => undefined,
    };
  },
};

/** A first start without questions, and without a word to its maker. */
const preferences = [
  ['app.update.enabled', false],
  ['browser.aboutwelcome.enabled', false],
  ['browser.shell.checkDefaultBrowser', false],
  ['datareporting.healthreport.uploadEnabled', false],
  ['datareporting.policy.dataSubmissionEnabled', false],
  ['toolkit.telemetry.enabled', false],
]
  .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  .join('');

async function firefoxVersion(program) {
  const { stdout } = spawn(program, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  for await (const part of stdout) text += part;
  return `Firefox ${/\d+/.exec(text)?.[0] ?? ''}${text.includes('esr') ? ' ESR' : ''}`;
}
