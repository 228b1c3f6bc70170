import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, isErrorCode, messageOf, WordmaskError } from '../src/errors.js';

test('an error carries its code, its sentence and its cause', () => {
  const cause = new TypeError('deeper');
  const error = new WordmaskError('network', 'Try again.', { cause });
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'WordmaskError');
  assert.equal(error.code, 'network');
  assert.equal(error.cause, cause);
  assert.equal(String(error), 'WordmaskError: Try again.');
});

test('only the codes of the public face are codes', () => {
  for (const code of ['input', 'model', 'unsupported', 'device', 'out-of-memory']) {
    assert.ok(isErrorCode(code), code);
  }
  for (const code of ['cancelled', 'io', 'constructor', '', undefined, 3, null]) {
    assert.ok(!isErrorCode(code), String(code));
  }
});

test('anything thrown can be asked for code and message', () => {
  assert.equal(codeOf({ code: 'x' }), 'x');
  assert.equal(codeOf(null), undefined);
  assert.equal(codeOf('text'), undefined);
  assert.equal(messageOf(new Error('a')), 'a');
  assert.equal(messageOf('b'), 'b');
});
