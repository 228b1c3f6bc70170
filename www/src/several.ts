/** All that is fetched only with a second picture, in one piece. */
export { datasetOfAll, filesOfAll } from './all-downloads.js';
export { keepOfStrip, keepStrip, keptStrip } from './kept-strip.js';
export { Strip } from './strip.js';
