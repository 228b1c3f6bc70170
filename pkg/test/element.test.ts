import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WordMask } from '../src/element.js';

test('the element can be imported where there is no page', () => {
  assert.equal(globalThis.customElements, undefined);
  assert.equal(typeof WordMask, 'function');
  assert.deepEqual(WordMask.observedAttributes, ['src', 'words', 'model', 'alt', 'opacity']);
});
