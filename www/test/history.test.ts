import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applied, correct, strokePatch } from '../src/corrections.js';
import { noHistory, recorded, redone, undone } from '../src/history.js';
import { type Action, initialState, reduce, type State } from '../src/state.js';

const after = (state: State, ...actions: Action[]): State => actions.reduce(reduce, state);

/** A generator with the same numbers in every run, each from 0 to below its argument. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

const size = { width: 150, height: 90 };
const words = ['cat', 'sofa', 'sky', 'tv'];

/** Something that a user may do. */
function step(state: State, random: (below: number) => number): Action {
  const word = words[random(words.length)] ?? '';
  const point = (): [number, number] => [random(size.width), random(size.height)];
  const patch = strokePatch([point(), point()], 1 + random(30), size);
  const name = random(3) === 0 ? null : word;
  const actions: Action[] = [
    { type: 'add', text: word },
    { type: 'remove', word },
    { type: 'remove-last' },
    { type: 'replace', word, by: `${word} ${random(3)}` },
    { type: 'toggle', name: word },
    { type: 'options', change: { method: random(2) === 0 ? 'maskclip' : 'auto' } },
    { type: 'options', change: { threshold: random(10) / 10 } },
    { type: 'view', change: { opacity: random(10) / 10 } },
    { type: 'view', change: { highlight: random(4) } },
    {
      type: 'correct',
      corrections: correct(state.corrections, size, patch ?? assert.fail(), name),
    },
  ];
  return actions[random(actions.length)] ?? assert.fail();
}

/** What the user has made, down to the bytes. */
function made(state: State) {
  const { words: typed, options, view, corrections } = state;
  const labels = new Uint8Array(size.width * size.height);
  const classes = words.map((name) => ({ name }));
  return {
    typed,
    options,
    hidden: [...view.hidden].sort(),
    opacity: view.opacity,
    labels: corrections && applied({ ...size, labels, classes }, corrections),
  };
}

test('undo after n steps gives the bytes of before, and redo those of after', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = numbers(seed);
    let state = after(initialState, { type: 'add', text: 'cat,sofa' });
    const from = state.history.past.length;
    const seen = [made(state)];
    for (let count = 0; count < 25; count++) {
      const before = state.history.past.length;
      state = reduce(state, step(state, random));
      const grown = state.history.past.length - before;
      if (grown === 0) seen.pop();
      seen.push(made(state));
    }
    const steps = state.history.past.length - from;
    assert.equal(seen.length, steps + 1);
    for (let at = steps; at > 0; at--) {
      state = reduce(state, { type: 'undo' });
      assert.deepEqual(made(state), seen[at - 1], `seed ${seed}, back to ${at - 1}`);
    }
    for (let at = 1; at <= steps; at++) {
      state = reduce(state, { type: 'redo' });
      assert.deepEqual(made(state), seen[at], `seed ${seed}, on to ${at}`);
    }
    assert.equal(reduce(state, { type: 'redo' }), state);
  }
});

test('a step after an undo takes the place of what was undone', () => {
  const state = after(
    initialState,
    { type: 'add', text: 'cat' },
    { type: 'add', text: 'dog' },
    { type: 'undo' },
    { type: 'add', text: 'cow' },
    { type: 'redo' },
  );
  assert.deepEqual(state.words, ['cat', 'cow']);
  assert.deepEqual(after(state, { type: 'undo' }).words, ['cat']);
});

test('what slides is one step, and what changes nothing is none', () => {
  const slid = after(
    initialState,
    { type: 'options', change: { threshold: 0.1 } },
    { type: 'options', change: { threshold: 0.2 } },
    { type: 'add', text: 'cat' },
    { type: 'add', text: 'Cat' },
    { type: 'options', change: { threshold: 0.3 } },
    { type: 'options', change: { device: 'cpu' } },
    { type: 'view', change: { highlight: 1, original: true } },
    { type: 'undo' },
  );
  assert.equal(slid.options.threshold, 0.2);
  assert.equal(slid.options.device, 'cpu');
  assert.ok(slid.view.original);
  assert.equal(after(slid, { type: 'undo' }, { type: 'undo' }).options.threshold, 0);
  assert.equal(slid.history.past.length, 2);
});

test('another picture takes corrections and steps with it, one that fails leaves them', () => {
  const patch = { left: 0, top: 0, width: 1, height: 1, inside: Uint8Array.of(1) };
  const corrections = correct(null, size, patch, 'cat');
  const corrected = after(
    initialState,
    { type: 'add', text: 'cat' },
    { type: 'correct', corrections },
    { type: 'picture', words: ['sun'] },
  );
  assert.equal(corrected.corrections, corrections);
  const other = after(
    corrected,
    { type: 'add', text: 'dog' },
    { type: 'other-picture', marks: null },
  );
  assert.equal(other.corrections, null);
  const back = reduce(other, { type: 'undo' });
  assert.deepEqual(back.words, ['cat']);
  assert.equal(back.corrections, null);
  assert.equal(reduce(back, { type: 'undo' }), back);
});

test('a history has an end', () => {
  let history = recorded<number>(noHistory, 0, null);
  for (let moment = 1; moment < 1000; moment++) history = recorded(history, moment, null);
  assert.ok(history.past.length < 1000);
  assert.equal(undone(history, 1000)?.moment, 999);
  assert.equal(redone(history, 1000), null);
});
