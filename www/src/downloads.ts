/** Ways out of the page: files made here and handed to the browser's own download. */
import type { ExportFile } from 'wordmask';
import { t } from './texts.js';

/** What is to be saved. */
export interface Download {
  readonly blob: Blob;
  /** What its name says of it, after that of the picture. */
  readonly part: string;
  readonly extension: string;
}

/** The files of a folder as one: a single file as it is, several as a ZIP. */
export async function asOne(files: readonly ExportFile[], part: string): Promise<Download> {
  const [only] = files;
  if (only !== undefined && files.length === 1) {
    return { blob: only.blob, part, extension: only.path.replace(/^.*\./su, '') };
  }
  const { zip } = await import('./zip.js');
  return { blob: await zip(files), part, extension: 'zip' };
}

/** A file name that every file system takes: letters, digits, dashes; never a path, never empty. */
export function fileName(picture: string, part: string, extension: string): string {
  const stem = clean(picture.replace(/\.[^./\\]*$/u, '')) || t.picture.unnamed;
  const suffix = clean(part) || t.masks.fileOfClass;
  return `${stem}-${suffix}.${extension}`;
}

function clean(text: string): string {
  const safe = text
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/gu, '');
  return [...safe].slice(0, 60).join('');
}

/** Hands a file to the browser. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the blob after the click returns; a minute is enough even for a slow disc.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
