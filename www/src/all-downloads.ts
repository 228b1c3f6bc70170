/** The files of all pictures of the strip. */
import {
  type ExportFile,
  type ExportFormat,
  exportDataset,
  type ObjectOptions,
  type Segmentation,
} from 'wordmask';
import type { Finished } from './strip.js';

/** Files of each picture, made of one after the other. */
export async function filesOfAll(
  pictures: AsyncIterable<Finished>,
  make: (masks: Segmentation, picture: string) => Promise<readonly ExportFile[]>,
): Promise<ExportFile[]> {
  const files: ExportFile[] = [];
  for await (const { name, masks, release } of pictures) {
    try {
      files.push(...(await make(masks, name)));
    } finally {
      release();
    }
  }
  return files;
}

/** All are kept in the engine until the files are made: categories and numbers run through all of them. */
export async function datasetOfAll(
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
