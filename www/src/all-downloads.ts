/** Files of all pictures of the strip as one. Fetched with the strip. */
import {
  type ExportFile,
  type ExportFormat,
  exportDataset,
  exportFormats,
  type ObjectOptions,
  type Segmentation,
} from 'wordmask';
import { asOne, type Download, fileName } from './downloads.js';
import type { Finished } from './strip.js';

/** A data set of all pictures, or, where a format is not one of data sets, a file for each of them. */
export async function downloadOfAll(
  kind: string,
  pictures: AsyncIterable<Finished>,
  objects: ObjectOptions,
  make: (masks: Segmentation, picture: string) => Promise<readonly ExportFile[]>,
): Promise<Download> {
  const format = exportFormats.find((one) => one === kind);
  if (format !== undefined) return asOne(await dataset(format, pictures, objects), kind);
  const files: ExportFile[] = [];
  for await (const { name, masks, release } of pictures) {
    try {
      files.push(...(await make(masks, name)));
    } finally {
      release();
    }
  }
  return asOne(files, kind);
}

/** All are kept in the engine until the files are made: categories and numbers run through all of them. */
async function dataset(
  format: ExportFormat,
  pictures: AsyncIterable<Finished>,
  objects: ObjectOptions,
): Promise<ExportFile[]> {
  const all: Finished[] = [];
  try {
    for await (const finished of pictures) all.push(finished);
    const masks = all.map((finished) => finished.masks);
    return await exportDataset(masks, format, objects);
  } finally {
    for (const { release } of all) release();
  }
}

/** One file of a picture, by the name of the picture. */
export function fileOf({ blob, part, extension }: Download, picture: string): ExportFile {
  return { path: fileName(picture, part, extension), blob };
}
