import assert from 'node:assert/strict';
import { type ErrorCode, WordmaskError } from '../src/errors.js';

/** Passes if a promise rejects with an error of the package that has this code and says `part`. */
export async function fails(promise: Promise<unknown>, code: ErrorCode, part = ''): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof WordmaskError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(part), error.message);
    return true;
  });
}
