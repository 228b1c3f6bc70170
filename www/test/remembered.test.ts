import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { keepStorage } from '../src/remembered.js';

const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
afterEach(() => Object.defineProperty(globalThis, 'navigator', own ?? {}));

/** A browser with this in the place of its storage. */
function browserWith(storage: unknown): void {
  Object.defineProperty(globalThis, 'navigator', { value: { storage }, configurable: true });
}

test('keepStorage asks once, and takes a refusal', async () => {
  let asked = 0;
  for (const answer of [async () => true, async () => false, () => Promise.reject(new Error())]) {
    browserWith({
      persist() {
        asked++;
        return answer();
      },
    });
    keepStorage();
    // A rejection that nobody takes would fail the test.
    await new Promise((done) => setTimeout(done));
  }
  assert.equal(asked, 3);
});

test('keepStorage does without a browser that can be asked', () => {
  for (const storage of [undefined, {}]) {
    browserWith(storage);
    keepStorage();
  }
});
