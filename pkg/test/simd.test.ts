import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasRelaxedSimd } from '../src/simd.js';

test('the probe is a module that is refused for its instruction alone', () => {
  // What Node says depends on its version, but it must not be that the module is malformed.
  const { validate } = WebAssembly;
  let seen: Uint8Array | undefined;
  WebAssembly.validate = (bytes) => {
    seen = new Uint8Array(bytes as Uint8Array);
    return validate(bytes);
  };
  try {
    assert.equal(typeof hasRelaxedSimd(), 'boolean');
  } finally {
    WebAssembly.validate = validate;
  }
  assert.ok(seen);
  // The same with `i16x8.add` in place of the relaxed instruction, which every SIMD engine knows.
  const at = seen.lastIndexOf(146);
  const plain = new Uint8Array(seen);
  plain.set([142, 1], at);
  assert.ok(validate(plain as BufferSource));
});
