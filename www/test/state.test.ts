import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Method, Methods } from 'wordmask';
import splits from '../../tests/fixtures/words.json';
import {
  type Action,
  addWords,
  automaticScales,
  createStore,
  initialState,
  MAX_LETTERS,
  MAX_WORDS,
  masksDiffer,
  type Options,
  parseWords,
  reduce,
  type State,
  segmentOptions,
  shorten,
} from '../src/state.js';

const after = (...actions: Action[]): State => actions.reduce(reduce, initialState);

test('words are split as on the command line', () => {
  // The tests of `src/prompt/words.rs` read the same table.
  for (const { typed, words } of splits) assert.deepEqual(parseWords(typed), words, typed);
});

test('composed and decomposed letters make the same word', () => {
  assert.deepEqual(parseWords('cafe\u0301'), parseWords('caf\u00e9'));
});

test('a word that is there already is refused by name, whatever its case', () => {
  const { words, notice } = addWords(['Cat'], 'cat, dog');
  assert.deepEqual(words, ['Cat', 'dog']);
  assert.deepEqual(notice, { kind: 'twin', word: 'Cat' });
});

test('names of the prototype and emoji are words like any other', () => {
  const words = ['__proto__', 'constructor', 'toString', '🐈', '👩‍👩‍👧'];
  assert.deepEqual(after({ type: 'add', text: words.join(',') }).words, words);
});

test('a word that is too long is refused, counted in letters', () => {
  assert.equal(addWords([], '🐈'.repeat(MAX_LETTERS)).words.length, 1);
  const { words, notice } = addWords([], 'x'.repeat(10_000));
  assert.deepEqual(words, []);
  assert.deepEqual(notice, { kind: 'too-long', letters: 10_000 });
});

test('no more words than the most', () => {
  const many = Array.from({ length: MAX_WORDS + 5 }, (_, index) => `word ${index}`).join(',');
  const state = after({ type: 'add', text: many });
  assert.equal(state.words.length, MAX_WORDS);
  assert.deepEqual(state.notice, { kind: 'too-many' });
});

test('a refused addition leaves the list itself as it was', () => {
  const words = ['cat'];
  assert.equal(addWords(words, 'cat').words, words);
});

test('words go one by one, or the last one', () => {
  const state = after({ type: 'add', text: 'a,b,c' }, { type: 'remove', word: 'b' });
  assert.deepEqual(state.words, ['a', 'c']);
  assert.deepEqual(reduce(state, { type: 'remove-last' }).words, ['a']);
  assert.equal(reduce(state, { type: 'remove', word: 'z' }), state);
});

test('a sample brings its words, replaces those of another sample, and never those of the user', () => {
  const first = after({ type: 'picture', words: ['sky', 'sun'] });
  assert.deepEqual(first.words, ['sky', 'sun']);
  const second = reduce(first, { type: 'picture', words: ['sea'] });
  assert.deepEqual(second.words, ['sea']);
  const own = reduce(second, { type: 'add', text: 'boat' });
  assert.deepEqual(reduce(own, { type: 'picture', words: ['sky'] }).words, ['sea', 'boat']);
});

test('the words of a sample go when another picture comes, and those of the user stay', () => {
  const sample = after({ type: 'picture', words: ['sky', 'sun'] });
  assert.deepEqual(reduce(sample, { type: 'picture', words: [] }).words, []);
  const edited = reduce(sample, { type: 'remove', word: 'sky' });
  assert.deepEqual(reduce(edited, { type: 'picture', words: [] }).words, ['sun']);
  const restored = after({ type: 'restore', words: ['sky'], wordsFromSample: true });
  assert.deepEqual(reduce(restored, { type: 'picture', words: [] }).words, []);
});

test('a word is replaced in its place, or goes if the other is there already', () => {
  const state = after({ type: 'add', text: 'a,b,c' });
  assert.deepEqual(reduce(state, { type: 'replace', word: 'b', by: 'x' }).words, ['a', 'x', 'c']);
  const twin = reduce(state, { type: 'replace', word: 'b', by: 'C' });
  assert.deepEqual(twin.words, ['a', 'c']);
  assert.deepEqual(twin.notice, { kind: 'twin', word: 'c' });
});

test('a hidden class stays hidden by its name and comes back', () => {
  const hidden = after({ type: 'toggle', name: '__proto__' });
  assert.ok(hidden.view.hidden.has('__proto__'));
  assert.ok(!initialState.view.hidden.has('__proto__'));
  assert.equal(reduce(hidden, { type: 'toggle', name: '__proto__' }).view.hidden.size, 0);
});

const diy: Methods = { default: 'clip-diy', multiScale: false, refine: ['tlp'] };
const dense: Methods = { default: 'pearl', multiScale: false, refine: [] };

test('what is automatic is left to the engine', () => {
  const nothing = { background: 'auto', threshold: 0 };
  assert.deepEqual(segmentOptions(initialState), nothing);
  assert.deepEqual(segmentOptions({ ...initialState, automatic: diy }), nothing);
});

test('options become those of the package', () => {
  const options = {
    ...initialState.options,
    method: 'naclip' as const,
    refine: 'own' as const,
    refinements: ['pamr', 'prompt-denoising'] as const,
  };
  assert.deepEqual(segmentOptions({ options, automatic: dense }), {
    method: 'naclip',
    // In the order in which they run, whatever the order of the clicks.
    refine: ['prompt-denoising', 'pamr'],
    background: 'auto',
    threshold: 0,
  });
  const own = (backgroundWords: string[]) => ({
    options: { ...options, background: 'words' as const, backgroundWords },
    automatic: null,
  });
  assert.equal(segmentOptions(own([])).background, 'none');
  assert.deepEqual(segmentOptions(own(['wall'])).background, ['wall']);
});

test('crops and guidance are those of CLIP-DIY, chosen or automatic', () => {
  const options = { ...initialState.options, crops: 26 as const, guidance: 'none' as const };
  const given = (method: 'auto' | Method, automatic: Methods | null) => {
    const { crops, guidance } = segmentOptions({ options: { ...options, method }, automatic });
    return [crops, guidance];
  };
  assert.deepEqual(given('clip-diy', dense), [26, 'none']);
  assert.deepEqual(given('auto', diy), [26, 'none']);
  assert.deepEqual(given('auto', dense), [undefined, undefined]);
  assert.deepEqual(given('auto', null), [undefined, undefined]);
  assert.deepEqual(given('naclip', diy), [undefined, undefined]);
});

test('finer scales are those of methods that read cells', () => {
  const given = (
    scales: Options['scales'],
    method: Options['method'],
    automatic: Methods | null = dense,
  ) => {
    const options = { ...initialState.options, scales, method };
    const { multiScale, maxSeconds } = segmentOptions({ options, automatic });
    return [multiScale, maxSeconds];
  };
  assert.deepEqual(given('auto', 'naclip'), [undefined, undefined]);
  assert.deepEqual(given('off', 'auto'), [false, undefined]);
  assert.deepEqual(given('on', 'naclip'), [true, Infinity]);
  assert.deepEqual(given('on', 'auto', null), [true, Infinity]);
  for (const method of ['clip-diy', 'two-stage'] as const) {
    assert.deepEqual(given('on', method), [undefined, undefined]);
  }
  assert.deepEqual(given('off', 'auto', diy), [undefined, undefined]);
});

test('finer scales are automatic as the model says, and off for another method', () => {
  const does = (method: Options['method'], automatic: Methods | null) =>
    automaticScales({ options: { ...initialState.options, method }, automatic });
  const scaled = { ...dense, multiScale: true };
  assert.equal(does('auto', scaled), true);
  assert.equal(does('auto', dense), false);
  assert.equal(does('naclip', scaled), false);
  for (const none of [does('auto', null), does('auto', diy), does('two-stage', scaled)]) {
    assert.equal(none, undefined);
  }
});

test('key smoothing is left out where there are no keys', () => {
  const steps = ['key-smoothing', 'tlp'] as const;
  const options = { ...initialState.options, refine: 'own' as const, refinements: steps };
  assert.deepEqual(segmentOptions({ options, automatic: dense }).refine, steps);
  assert.deepEqual(segmentOptions({ options, automatic: diy }).refine, ['tlp']);
  const stages = { ...options, method: 'two-stage' as const };
  assert.deepEqual(segmentOptions({ options: stages, automatic: dense }).refine, ['tlp']);
});

test('own steps begin with those that run anyway, and are kept', () => {
  const own: Action = { type: 'options', change: { refine: 'own' } };
  const known = after({ type: 'automatic', methods: diy }, own);
  assert.deepEqual(known.options.refinements, ['tlp']);
  assert.deepEqual(after(own).options.refinements, []);
  const none: Action = { type: 'options', change: { refinements: [] } };
  const back: Action = { type: 'options', change: { refine: 'auto' } };
  assert.deepEqual([none, back, own].reduce(reduce, known).options.refinements, []);
});

test('only what changes the masks counts as a change of the masks', () => {
  const { options } = initialState;
  const differ = (change: Partial<Options>, automatic: Methods | null = diy) =>
    masksDiffer(options, { ...options, ...change }, automatic);
  assert.ok(!differ({ device: 'cpu', backgroundWords: ['wall'] }));
  assert.ok(!differ({ refinements: ['pamr'] }));
  assert.ok(differ({ threshold: 0.2 }));
  assert.ok(differ({ method: 'sclip' }));
  assert.ok(differ({ crops: 59 }));
  assert.ok(differ({ scales: 'on' }, dense));
  assert.ok(!differ({ scales: 'on' }));
  assert.ok(!differ({ crops: 59 }, dense));
});

test('long words are cut between letters, not inside one', () => {
  assert.equal(shorten('cat'), 'cat');
  assert.equal(shorten('🐈🐈🐈', 2), '🐈…');
});

test('choosing the model that is chosen already changes nothing', () => {
  const chosen = after({ type: 'model', model: 'a' });
  assert.equal(chosen.model, 'a');
  assert.equal(reduce(chosen, { type: 'model', model: 'a' }), chosen);
});

test('the store tells listeners of changes, and of nothing else', () => {
  const store = createStore(initialState);
  const seen: number[] = [];
  store.subscribe((now) => seen.push(now.words.length));
  store.dispatch({ type: 'remove', word: 'nothing' });
  store.dispatch({ type: 'add', text: 'a,b' });
  assert.deepEqual(seen, [2]);
});
