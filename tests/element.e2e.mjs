/** `<word-mask>` in a browser, with the built-in model, under the strict Content-Security-Policy. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../scripts/lib.mjs';
import { site } from '../www/test/browser.mjs';

const here = site((folder) => {
  cpSync(join(root, 'pkg/dist'), join(folder, 'pkg'), { recursive: true });
  cpSync(join(root, 'weights/doodle'), join(folder, 'doodle'), { recursive: true });
  const scene = join(root, 'tests/fixtures/scenes/heart-and-cup.png');
  cpSync(scene, join(folder, 'samples/scene-1.png'));
});

/** Counts workers, loads the element, and gives the page what the tests use. */
async function prepare(page) {
  await page.evaluate(async () => {
    const workers = [];
    window.workers = workers;
    window.Worker = class extends Worker {
      isOver = false;
      constructor(...given) {
        super(...given);
        workers.push(this);
      }
      terminate() {
        this.isOver = true;
        super.terminate();
      }
    };
    await import('/pkg/element.js');
    window.seen = [];
    // One scale, or all of them: how many there is time for otherwise, the machine decides.
    window.add = (attributes, segmentOptions = { multiScale: false }) => {
      const element = document.createElement('word-mask');
      element.loadOptions = { device: 'cpu' };
      element.segmentOptions = segmentOptions;
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      for (const type of ['progress', 'result', 'error']) {
        element.addEventListener(type, ({ detail }) => {
          const phase = type === 'progress' ? `${type} ${detail.phase}` : type;
          if (seen.at(-1) !== phase) seen.push(phase);
        });
      }
      document.body.append(element);
      return element;
    };
    window.told = (element, type) =>
      new Promise((resolve) => {
        element.addEventListener(type, ({ detail }) => resolve(detail), { once: true });
      });
  });
}

const scene = {
  src: 'samples/scene-1.png',
  words: 'heart, cup',
  model: 'doodle/',
  alt: 'A heart and a cup',
};

here.pageTest('the element shows the picture, its masks and what was found', {}, async (page) => {
  await prepare(page);
  const { labels, events, same } = await page.evaluate(async (attributes) => {
    const allScales = { maxSeconds: Infinity };
    const element = add(attributes, allScales);
    const result = await told(element, 'result');
    const { Segmenter } = await import('/pkg/index.js');
    const segmenter = await Segmenter.load('doodle/', { device: 'cpu' });
    const file = await (await fetch('samples/scene-1.png')).blob();
    const picture = await segmenter.encode(file);
    const { labels } = await picture.segment(['heart', 'cup'], allScales);
    await segmenter.close();
    return {
      labels: result === element.result && [...new Set(result.labels)],
      events: seen,
      same: labels.every((label, index) => label === result.labels[index]),
    };
  }, scene);
  assert.ok(labels.includes(0) && labels.includes(1), `${labels}`);
  assert.ok(same, 'the masks are those of the API');
  // Words that are ready need no step of the network.
  assert.deepEqual(
    events.filter((event) => event !== 'progress prepare'),
    ['progress download', 'progress encode', 'progress segment', 'result'],
  );
  const element = page.locator('word-mask');
  const picture = element.getByRole('img', { name: scene.alt });
  assert.equal(await picture.count(), 1, 'one picture is told of');
  assert.equal(await picture.evaluate((node) => node.localName), 'canvas');
  assert.match(await element.getByRole('list').innerText(), /heart \d+ %\s*cup \d+ %/);
  assert.match(await element.getByRole('status').textContent(), /^heart \d+ %, cup \d+ %$/);
  assert.equal(await element.getByRole('figure').getAttribute('aria-busy'), 'false');
  assert.equal(await element.getByRole('progressbar').count(), 0);
  const painted = await element.evaluate((node) => {
    const masks = node.shadowRoot.querySelector('[part=masks]');
    const { data } = masks.getContext('2d').getImageData(0, 0, masks.width, masks.height);
    const at = node.result.labels.indexOf(0) * 4;
    return { at: [...data.slice(at, at + 4)], color: node.result.classes[0].color };
  });
  assert.ok(Math.abs(painted.at[3] - 153) <= 1, `an opacity of 0.6, not ${painted.at[3]} / 255`);
  for (const [index, value] of painted.color.entries()) {
    assert.ok(Math.abs(painted.at[index] - value) <= 2, `${painted.at} is not ${painted.color}`);
  }
});

here.pageTest('new words do not encode the picture again', {}, async (page) => {
  await prepare(page);
  const answer = await page.evaluate(async (attributes) => {
    const element = add(attributes);
    const first = await told(element, 'result');
    seen.length = 0;
    element.words = ['cup', 'grass'];
    const second = await told(element, 'result');
    return {
      attribute: element.getAttribute('words'),
      names: [first, second].map(({ classes }) => classes.map(({ name }) => name)),
      seen,
      workers: workers.length,
    };
  }, scene);
  assert.equal(answer.attribute, 'cup, grass');
  assert.deepEqual(answer.names, [
    ['heart', 'cup'],
    ['cup', 'grass'],
  ]);
  assert.ok(!answer.seen.includes('progress encode'), `${answer.seen}`);
  assert.equal(answer.workers, 1);
});

here.pageTest('a file takes the place of an address', {}, async (page) => {
  await prepare(page);
  const same = await page.evaluate(async ({ src, ...attributes }) => {
    const element = add(attributes);
    const file = await (await fetch(src)).blob();
    element.picture = file;
    const fromFile = await told(element, 'result');
    element.picture = null;
    element.src = src;
    const fromAddress = await told(element, 'result');
    return fromFile.labels.every((label, index) => label === fromAddress.labels[index]);
  }, scene);
  assert.ok(same);
});

here.pageTest('attributes and properties are the same', {}, async (page) => {
  await prepare(page);
  const answer = await page.evaluate(() => {
    const element = document.createElement('word-mask');
    const before = [element.src, element.words, element.model, element.alt, element.opacity];
    Object.assign(element, { src: 'a.png', words: 'cat', model: 'm/', alt: 'A cat', opacity: 0.3 });
    element.toggleAttribute('hidden');
    const attributes = element
      .getAttributeNames()
      .map((name) => [name, element.getAttribute(name)]);
    element.setAttribute('opacity', 'much');
    return { before, attributes, opacity: element.opacity };
  });
  assert.deepEqual(answer.before, ['', '', '', '', 0.6]);
  assert.deepEqual(Object.fromEntries(answer.attributes), {
    src: 'a.png',
    words: 'cat',
    model: 'm/',
    alt: 'A cat',
    opacity: '0.3',
    hidden: '',
  });
  assert.equal(answer.opacity, 0.6, 'what is no opacity is the default');
});

here.pageTest(
  'elements with one model share an engine, which ends with the last',
  {},
  async (page) => {
    await prepare(page);
    const answer = await page.evaluate(async (attributes) => {
      const elements = [add(attributes), add({ ...attributes, words: 'grass' })];
      await Promise.all(elements.map((element) => told(element, 'result')));
      const shared = workers.length;
      elements[0].remove();
      await new Promise((resolve) => setTimeout(resolve));
      const afterOne = workers[0].isOver;
      elements[1].remove();
      await new Promise((resolve) => setTimeout(resolve));
      return { shared, afterOne, afterAll: workers[0].isOver };
    }, scene);
    assert.deepEqual(answer, { shared: 1, afterOne: false, afterAll: true });
  },
);

here.pageTest(
  'an element that leaves the page stops, one that is moved goes on',
  {},
  async (page) => {
    await prepare(page);
    const answer = await page.evaluate(async (attributes) => {
      const gone = add(attributes);
      await told(gone, 'progress');
      gone.remove();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const after = { seen: [...seen], over: workers.every(({ isOver }) => isOver) };
      seen.length = 0;
      const moved = add(attributes);
      await told(moved, 'progress');
      const started = workers.length;
      document.body.prepend(moved);
      await told(moved, 'result');
      return { after, again: workers.length - started };
    }, scene);
    assert.ok(answer.after.over);
    assert.ok(
      !answer.after.seen.some((event) => /result|error/.test(event)),
      `${answer.after.seen}`,
    );
    assert.equal(answer.again, 0);
  },
);

here.pageTest('a model that could not be loaded is tried again', {}, async (page) => {
  await prepare(page);
  await page.route('**/doodle/wordmask.json', (route) => route.fulfill({ status: 503 }), {
    times: 1,
  });
  const answer = await page.evaluate(async (attributes) => {
    const element = add(attributes);
    const { message } = await told(element, 'error');
    element.words = 'grass';
    await told(element, 'result');
    return message;
  }, scene);
  assert.match(answer, /503/);
});

here.pageTest('a failure is told, and the next attempt is made anew', {}, async (page) => {
  await prepare(page);
  const errors = await page.evaluate(async (attributes) => {
    const element = add({ ...attributes, model: 'none/' });
    const noModel = await told(element, 'error');
    element.src = 'none.png';
    element.model = 'doodle/';
    const noPicture = await told(element, 'error');
    return [noModel, noPicture].map(({ code, message }) => ({ code, message }));
  }, scene);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['network', 'network'],
  );
  assert.match(errors[0].message, /none\/wordmask\.json/);
  assert.match(errors[1].message, /none\.png.*404/);
  const alert = page.locator('word-mask').getByRole('alert');
  assert.equal(await alert.textContent(), errors[1].message);
  await page.evaluate(async (src) => {
    const element = document.querySelector('word-mask');
    element.src = src;
    await told(element, 'result');
  }, scene.src);
  assert.equal(await alert.count(), 0);
});
