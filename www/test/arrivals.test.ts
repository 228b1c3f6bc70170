import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Named, sortArrival } from '../src/arrivals.js';
import { en } from '../src/texts/en.js';
import { use } from '../src/texts.js';

use(en, 'en');

const file = (name: string, size = 1e6, type = ''): Named => ({ name, size, type });
const sorted = (...names: string[]) => sortArrival(names.map((name) => file(name)));
const photo = file('photo.jpg', 1e6, 'image/jpeg');

function refused(files: readonly Named[], ...parts: string[]): void {
  const arrival = sortArrival(files);
  assert.ok(arrival.kind === 'refused', arrival.kind);
  for (const part of parts) assert.ok(arrival.text.includes(part), arrival.text);
}

const lacks = (names: readonly string[], ...parts: string[]) =>
  refused(
    names.map((name) => file(name)),
    ...parts,
  );

/** The names of what is handed on as a model. */
function model(...names: string[]): string[] {
  const arrival = sorted(...names);
  assert.ok(arrival.kind === 'model', 'text' in arrival ? arrival.text : arrival.kind);
  return arrival.files.map(({ name }) => name);
}

test('a picture is a picture, and so is anything else that is no model', () => {
  assert.deepEqual(sortArrival([photo]), { kind: 'pictures', files: [photo] });
  const notes = file('notes.txt', 3, 'text/plain');
  assert.deepEqual(sortArrival([notes, photo]), { kind: 'pictures', files: [photo] });
  assert.deepEqual(sortArrival([notes]), { kind: 'pictures', files: [notes] });
  assert.deepEqual(sortArrival([]), { kind: 'nothing' });
});

test('a model is complete in either layout', () => {
  const huggingFace = ['model.safetensors', 'config.json', 'tokenizer.json'];
  assert.deepEqual(model(...huggingFace), huggingFace);
  model('model.safetensors', 'config.json', 'vocab.json', 'merges.txt');
  model('open_clip_model.safetensors', 'open_clip_config.json', 'tokenizer.json');
  model('my-clip.safetensors', 'config.json', 'tokenizer.json', 'preprocessor_config.json');
});

test('what a repository holds besides is left out', () => {
  const useful = ['config.json', 'model.safetensors', 'tokenizer.json'];
  const besides = ['README.md', '.gitattributes', 'pytorch_model.bin', 'flax_model.msgpack'];
  assert.deepEqual(model(...besides, ...useful), useful);
});

test('what is missing is named, and where it lies', () => {
  lacks(['model.safetensors'], 'config.json and tokenizer.json', 'are missing', 'Hugging Face');
  lacks(['model.safetensors', 'config.json'], 'tokenizer.json (or vocab.json', 'is missing');
  lacks(['config.json', 'tokenizer.json'], 'model.safetensors is missing');
  lacks(['open_clip_model.safetensors', 'tokenizer.json'], 'open_clip_config.json is missing');
  lacks(['model.safetensors', 'config.json', 'vocab.json'], 'merges.txt is missing');
  lacks(['model.safetensors', 'config.json', 'merges.txt'], 'vocab.json is missing');
});

test('a model in several files needs them all, and their index', () => {
  const papers = ['config.json', 'tokenizer.json'];
  const shard = (at: number, of = 2) =>
    `model-${String(at).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.safetensors`;
  const index = 'model.safetensors.index.json';
  assert.equal(model(...papers, shard(1), shard(2), index).length, 5);
  lacks([...papers, shard(1), index], `${shard(2)} is missing`);
  lacks([...papers, shard(1), shard(2)], `${index} is missing`);
  lacks([...papers, shard(1, 9), index], shard(2, 9), shard(4, 9), '5 more parts are missing');
  lacks([...papers, 'x-00001-of-99999.safetensors', index], 'more parts');
});

test('a mixed drop, another format, a pointer and a bundle are explained', () => {
  refused([photo, file('model.safetensors')], 'photo.jpg', 'without it');
  lacks(['ViT-B-16.pt', 'config.json'], 'ViT-B-16.pt', 'model.safetensors');
  lacks(['pytorch_model.bin', 'config.json', 'tokenizer.json'], 'format');
  const pointer = file('model.safetensors', 134);
  refused([pointer, file('config.json'), file('tokenizer.json')], '134 bytes', 'pointer');
  lacks(['wordmask.json', 'vision-00.safetensors', 'tokenizer.json'], 'bundle');
});

test('long and strange names do no harm', () => {
  refused([file(`${'x'.repeat(5000)}.safetensors`)], '…');
  const [last] = model('__proto__.safetensors', 'config.json', 'tokenizer.json');
  assert.equal(last, '__proto__.safetensors');
});
