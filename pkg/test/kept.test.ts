import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kept } from '../src/kept.js';

test('Kept makes one thing for a key and drops it for the next', async () => {
  const dropped: string[] = [];
  const kept = new Kept<string>((made) => dropped.push(made));
  const made: string[] = [];
  const make = (name: string) => async () => {
    made.push(name);
    return name;
  };
  const [first, again] = await Promise.all([kept.get('a', make('a')), kept.get('a', make('x'))]);
  assert.deepEqual([first, again], ['a', 'a']);
  assert.equal(await kept.get('b', make('b')), 'b');
  assert.deepEqual(made, ['a', 'b']);
  assert.deepEqual(dropped, ['a']);
  kept.clear();
  await null;
  assert.deepEqual(dropped, ['a', 'b']);
});

test('Kept stops what is not wanted any more, and drops it if it is made all the same', async () => {
  const dropped: string[] = [];
  const kept = new Kept<string>((made) => dropped.push(made));
  let signal: AbortSignal | undefined;
  let finish = (_made: string) => {};
  const late = kept.get('a', (given) => {
    signal = given;
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  kept.clear();
  assert.ok(signal?.aborted);
  finish('late');
  assert.equal(await late, 'late');
  assert.deepEqual(dropped, ['late']);
});

test('Kept tries again what has failed', async () => {
  const kept = new Kept<string>(() => assert.fail());
  await assert.rejects(kept.get('a', async () => Promise.reject(new Error('no'))));
  assert.equal(await kept.get('a', async () => 'yes'), 'yes');
});
