/** The menu of downloads: what masks are wanted for, and the file that is made of them for it. */
import {
  type ClassSummary,
  type ExportFile,
  exportFormats,
  type ObjectOptions,
  type Segmentation,
} from 'wordmask';
import { type CutoutChoice, createCutoutChoice } from './cutout-choice.js';
import { element } from './dom.js';
import { asOne, type Download, fileName, save } from './downloads.js';
import type { Finished } from './strip.js';
import { t } from './texts.js';

/** What the menu makes files of. */
export interface DownloadSource {
  /** The masks with all corrections. */
  masks(): Promise<Segmentation | null>;
  /** The name of the picture's file. */
  name(): string;
  opacity(): number;
  /** All pictures, where they are wanted together. */
  together(): ((signal: AbortSignal) => AsyncIterable<Finished>) | null;
}

export interface DownloadMenu {
  /** Offers what can be made of these classes. */
  show(classes: readonly ClassSummary[]): void;
  /** Gives the user the cut-out of one class. */
  cutout(index: number): void;
  /** Puts it on the clipboard; `false` if that failed, which has been said by then. */
  copy(index: number): Promise<boolean>;
}

/** What else a file depends on. */
interface Given {
  /** The name of the picture's file. */
  readonly picture: string;
  readonly objects: ObjectOptions;
  readonly cutouts: CutoutChoice;
}

type Make = (masks: Segmentation, given: Given) => Promise<Download>;

export function createDownloadMenu(
  source: DownloadSource,
  fail: (error: unknown) => void,
): DownloadMenu {
  const menu = element('downloads', HTMLElement);
  const instances = element('instances', HTMLInputElement);
  const cutoutsButton = element('download-cutouts', HTMLButtonElement);
  const cutouts = createCutoutChoice();

  /** Gives the user a file; says so if it could not be made. */
  const give = async (make: Make): Promise<void> => {
    const objects = { instances: instances.checked };
    const given = { picture: source.name(), objects, cutouts };
    try {
      const masks = await source.masks();
      if (masks === null) return;
      const { blob, part, extension } = await make(masks, given);
      save(blob, fileName(given.picture, part, extension));
    } catch (error) {
      fail(error);
    }
  };

  /** Gives the user one file of all pictures. */
  const giveAll = async (
    kind: string,
    make: Make,
    pictures: AsyncIterable<Finished>,
  ): Promise<void> => {
    const objects = { instances: instances.checked };
    try {
      const { datasetOfAll, filesOfAll } = await import('./several.js');
      const filesOf = async (masks: Segmentation, picture: string): Promise<ExportFile[]> => {
        const given = { picture, objects, cutouts };
        if (kind === 'cutouts') return cutoutsOf(masks, given);
        const { blob, part, extension } = await make(masks, given);
        return [{ path: fileName(picture, part, extension), blob }];
      };
      const format = exportFormats.find((one) => one === kind);
      const files = await (format === undefined
        ? filesOfAll(pictures, filesOf)
        : datasetOfAll(format, pictures, objects));
      const { blob, part, extension } = await asOne(files, kind);
      save(blob, fileName(t.strip.area, part, extension));
    } catch (error) {
      fail(error);
    }
  };

  const makers = makersOf(source);
  for (const button of menu.querySelectorAll('button')) {
    const kind = button.dataset.download ?? '';
    const make = makers.get(kind);
    if (make === undefined) throw new Error(`Nothing makes the download ${kind}.`);
    button.addEventListener('click', () => {
      const together = source.together();
      if (together === null) void give(make);
      else void giveAll(kind, make, together(new AbortController().signal));
    });
  }

  return {
    show(classes) {
      cutoutsButton.disabled = found(classes).length === 0;
    },
    cutout(index) {
      void give(async (masks) => ({
        blob: await masks.cutout(index, cutouts.options(masks)),
        part: cutoutPart(masks, index),
        extension: cutouts.extension(),
      }));
    },
    async copy(index) {
      const picture = cutoutOf(source, index, cutouts);
      try {
        await putOnClipboard(picture);
        return true;
      } catch {
        // The clipboard says of a picture that could not be made no more than that it did not come.
        fail(
          await picture.then(
            () => new Error(t.masks.notCopied),
            (error: unknown) => error,
          ),
        );
        return false;
      }
    },
  };
}

/** How each file of the menu is made. */
function makersOf({ opacity }: DownloadSource): ReadonlyMap<string, Make> {
  const pictures: [string, Make][] = [
    ['labels', async (masks) => png(await masks.toPng(), 'labels')],
    ['overlay', async (masks) => png(await masks.overlay({ opacity: opacity() }), 'overlay')],
    ['cutouts', async (masks, given) => asOne(await cutoutsOf(masks, given), 'cutouts')],
  ];
  const shapes: [string, Make][] = [
    ['svg', async (masks, { objects }) => shapesIn(await masks.toSvg(objects), 'svg')],
    ['geojson', async (masks, { objects }) => shapesIn(await masks.toGeoJson(objects), 'geojson')],
  ];
  const forAnnotators = exportFormats.map((format): [string, Make] => [
    format,
    async (masks, { objects }) => asOne(await masks.export(format, objects), format),
  ]);
  return new Map([...pictures, ...shapes, ...forAnnotators]);
}

const png = (blob: Blob, part: string): Download => ({ blob, part, extension: 'png' });
const shapesIn = (text: string, extension: string): Download => {
  return { blob: new Blob([text]), part: 'masks', extension };
};

/** The indices of the classes that the picture has. */
function found(classes: readonly ClassSummary[]): number[] {
  return [...classes.keys()].filter((index) => (classes[index]?.pixels ?? 0) > 0);
}

/** A picture for each class that was found. */
function cutoutsOf(masks: Segmentation, { picture, cutouts }: Given): Promise<ExportFile[]> {
  const files = found(masks.classes).map(async (index) => {
    const path = fileName(picture, cutoutPart(masks, index), cutouts.extension());
    return { path, blob: await masks.cutout(index, cutouts.options(masks)) };
  });
  return Promise.all(files);
}

/** Whether this browser puts pictures on the clipboard. */
export const canCopy = 'ClipboardItem' in globalThis && 'clipboard' in navigator;

/** Some browsers write only while a click is being handled: the picture may come later. */
function putOnClipboard(picture: Promise<Blob>): Promise<void> {
  return navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
}

async function cutoutOf(
  source: DownloadSource,
  index: number,
  cutouts: CutoutChoice,
): Promise<Blob> {
  const masks = await source.masks();
  if (masks === null) throw new Error(t.masks.notCopied);
  return masks.cutout(index, cutouts.asPng(masks));
}

/** By its number as well, since two names may differ in nothing that file names can have. */
function cutoutPart({ classes }: Segmentation, index: number): string {
  return `${index + 1}-${classes[index]?.name}`;
}
