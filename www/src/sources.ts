/** Every way a picture comes in: dropped, pasted, chosen. All lead to one `File`. */
import { isModelFile } from './arrivals.js';
import { element } from './dom.js';
import { shorten } from './state.js';
import { t } from './texts.js';

/** A picture: the file for the engine, and what the stage shows of it. */
export class Source {
  readonly name: string;
  readonly file: File;
  #shown: ImageBitmap | null;
  #settled = false;

  /** @param preview What the browser makes of the file, to show meanwhile. */
  constructor(name: string, file: File, preview: ImageBitmap | null) {
    this.name = name;
    this.file = file;
    this.#shown = preview;
  }

  /** What to show; nothing while only the engine can tell what the file holds. */
  get shown(): ImageBitmap | null {
    return this.#shown;
  }

  /** Whether this is what the engine saw. */
  get settled(): boolean {
    return this.#settled;
  }

  /**
   * Shows what the engine saw from now on, which is what masks lie on. Browsers read the same file
   * differently: they do not turn a WebP as its EXIF data say, and show another frame of an APNG.
   */
  settle(pixels: ImageBitmap): void {
    this.close();
    this.#shown = pixels;
    this.#settled = true;
  }

  /** Frees the pixels, which are too many to wait for the collector. */
  close(): void {
    this.#shown?.close();
    this.#shown = null;
  }
}

/**
 * Reads a picture far enough to show it. Fails with a sentence for people if it is certainly none;
 * whether a picture that the browser cannot read is broken or not supported, the engine tells.
 */
export async function readSource(file: File): Promise<Source> {
  const name = file.name === '' ? t.picture.unnamed : file.name;
  const shown = shorten(name, 60);
  if (file.size === 0) throw new Error(t.picture.empty(shown));
  const preview = await createImageBitmap(file).catch(() => null);
  if (preview === null && file.type !== '' && !file.type.startsWith('image/')) {
    throw new Error(t.picture.notOne(shown));
  }
  return new Source(name, file, preview);
}

/** Listens everywhere. `take` gets files, `refuse` a sentence when something came that is no file. */
export function listenForFiles(
  take: (files: readonly File[]) => void,
  refuse: (text: string) => void,
): void {
  listenForChoice(element('file', HTMLInputElement), take);
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return; // Text goes where the cursor is.
    event.preventDefault();
    take(files);
  });
  listenForDrops(take, refuse);
}

/** Listens to a field that opens the browser's own dialogue. */
export function listenForChoice(
  input: HTMLInputElement,
  take: (files: readonly File[]) => void,
): void {
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // Emptied, so that choosing the same file again counts as a choice.
    input.value = '';
    if (files.length > 0) take(files);
  });
}

function listenForDrops(
  take: (files: readonly File[]) => void,
  refuse: (text: string) => void,
): void {
  const veil = element('drop', HTMLElement);
  // Enter and leave come for every element under the pointer: count them.
  let depth = 0;
  const show = (next: number): void => {
    depth = Math.max(0, next);
    veil.hidden = depth === 0;
  };
  addEventListener('dragenter', (event) => {
    event.preventDefault();
    show(depth + 1);
  });
  addEventListener('dragleave', () => show(depth - 1));
  addEventListener('dragover', (event) => {
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('drop', (event) => {
    // Always: otherwise the browser would leave the page and open the file.
    event.preventDefault();
    show(0);
    const dropped = event.dataTransfer === null ? null : droppedFiles(event.dataTransfer);
    if (dropped === null) {
      refuse(t.picture.noFile);
      return;
    }
    dropped.then(take).catch(() => refuse(t.picture.noFolder));
  });
}

/**
 * The files of a drop, those that lie directly in dropped folders included; `null` if there is none.
 * What was dropped is at hand only during the event, so it is looked at before anything is awaited.
 */
function droppedFiles({ items, files }: DataTransfer): Promise<readonly File[]> | null {
  const entries = [...items].map((item) => item.webkitGetAsEntry());
  const folders = entries.filter((entry) => entry !== null).filter(isFolder);
  // A folder is among the files too, as something that cannot be read.
  const names = new Set(folders.map(({ name }) => name));
  const single = [...files].filter(({ name, type }) => type !== '' || !names.has(name));
  if (folders.length === 0) return single.length === 0 ? null : Promise.resolve(single);
  return Promise.all(folders.map(filesIn)).then((inside) => [...single, ...inside.flat()]);
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** What a folder holds for a model, or else all of its files. A repository holds much besides. */
async function filesIn(folder: FileSystemDirectoryEntry): Promise<readonly File[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    // Comes in portions; an empty one is the last.
    const some = await new Promise<FileSystemEntry[]>((done, fail) => {
      reader.readEntries(done, fail);
    });
    if (some.length === 0) break;
    entries.push(...some);
  }
  const files = await Promise.all(
    entries
      .filter((entry): entry is FileSystemFileEntry => entry.isFile)
      .map((entry) => new Promise<File>((done, fail) => entry.file(done, fail))),
  );
  const ofModel = files.filter(isModelFile);
  return ofModel.length > 0 ? ofModel : files;
}
