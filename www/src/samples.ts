/** The scenes to try: a strip of thumbnails from `samples/samples.json`. The page works without the file. */
import { element, make } from './dom.js';
import { t } from './texts.js';

export interface Sample {
  readonly file: string;
  /** What is to be seen, for those who cannot see it. */
  readonly alt: string;
  readonly words: readonly string[];
}

export interface Samples {
  readonly scenes: readonly Sample[];
  /** Words that the built-in model knows. */
  readonly words: readonly string[];
}

/** Reads the list; what does not look as it should is left out. */
export function readSamples(list: unknown): Samples {
  const scenes = arrayOf(list, 'scenes').flatMap((scene): Sample[] => {
    const file = field(scene, 'file');
    // A bare file name: a list must not be able to point anywhere else.
    if (typeof file !== 'string' || !/^[\w-]+\.(png|jpe?g|webp)$/u.test(file)) return [];
    const words = strings(arrayOf(scene, 'words'));
    const alt = field(scene, 'alt');
    return [
      {
        file,
        words,
        alt: typeof alt === 'string' ? alt : t.picture.sceneWith(words.join(t.page.comma)),
      },
    ];
  });
  return { scenes, words: strings(arrayOf(list, 'words')) };
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}

function arrayOf(value: unknown, key: string): readonly unknown[] {
  const found = field(value, key);
  return Array.isArray(found) ? found : [];
}

function strings(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string');
}

/** Loads the list; without one there are no samples, which is no error. */
export async function loadSamples(): Promise<Samples> {
  try {
    const response = await fetch('samples/samples.json');
    return readSamples(response.ok ? await response.json() : null);
  } catch {
    return readSamples(null);
  }
}

/** Shows the strip; `choose` gets the picture as a file, as if it had been dropped. */
export function showSamples(
  scenes: readonly Sample[],
  choose: (picture: Promise<File>, sample: Sample) => void,
): void {
  const box = element('samples', HTMLElement);
  const list = element('sample-list', HTMLUListElement);
  for (const sample of scenes) {
    const item = make('li');
    const button = make('button', 'sample');
    button.type = 'button';
    const image = make('img');
    image.alt = sample.alt;
    image.width = 96;
    image.height = 96;
    image.addEventListener('error', () => {
      item.remove();
      box.hidden = list.childElementCount === 0;
    });
    image.src = `samples/${sample.file}`;
    button.append(image);
    button.addEventListener('click', () => choose(fetchSample(sample), sample));
    item.append(button);
    list.append(item);
  }
  box.hidden = list.childElementCount === 0;
}

async function fetchSample({ file }: Sample): Promise<File> {
  const response = await fetch(`samples/${file}`).catch(() => null);
  if (!response?.ok) throw new Error(t.picture.noScene(file));
  const blob = await response.blob();
  return new File([blob], file, { type: blob.type });
}
