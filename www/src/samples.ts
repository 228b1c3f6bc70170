/** The scenes to try: a strip of thumbnails from `samples/samples.json`. The page works without the file. */
import { element, make } from './dom.js';
import { field } from './json.js';
import { t } from './texts.js';

export interface Sample {
  readonly file: string;
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
    return [{ file, words: strings(arrayOf(scene, 'words')) }];
  });
  return { scenes, words: strings(arrayOf(list, 'words')) };
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

/** What is to be seen, for those who cannot see it. */
function description({ file, words }: Sample): string {
  const known: Readonly<Record<string, string>> = t.scenes;
  const stem = file.replace(/\.\w+$/u, '');
  const text = Object.hasOwn(known, stem) ? known[stem] : undefined;
  return text ?? t.picture.sceneWith(words.join(t.page.comma));
}

/**
 * Shows the strip; `choose` gets the picture as a file, as if it had been dropped. What comes back
 * says everything once more, in the language that is in use then.
 */
export function showSamples(
  scenes: readonly Sample[],
  choose: (picture: Promise<File>, sample: Sample) => void,
): { renew(): void } {
  const box = element('samples', HTMLElement);
  const list = element('sample-list', HTMLUListElement);
  const images = new Map<HTMLImageElement, Sample>();
  const renew = (): void => {
    for (const [image, sample] of images) image.alt = description(sample);
  };
  list.replaceChildren();
  for (const sample of scenes) {
    const item = make('li');
    const button = make('button', 'sample');
    button.type = 'button';
    const image = make('img');
    images.set(image, sample);
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
  renew();
  return { renew };
}

async function fetchSample({ file }: Sample): Promise<File> {
  const response = await fetch(`samples/${file}`).catch(() => null);
  if (!response?.ok) throw new Error(t.picture.noScene(file));
  const blob = await response.blob();
  return new File([blob], file, { type: blob.type });
}
