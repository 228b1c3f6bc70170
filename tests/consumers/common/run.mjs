/** A script that segments a sample, the model given in every way, and prints the answer. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { segment } from './segment.js';

const picture = new Blob([readFileSync('scene-1.png')]);
const models = ['model', resolve('model'), pathToFileURL('model/wordmask.json')];
const answers = [];
for (const model of models) answers.push(JSON.stringify(await segment(model, picture)));
if (new Set(answers).size > 1) throw new Error('A path and an address give different masks.');
console.log(answers[0]);
