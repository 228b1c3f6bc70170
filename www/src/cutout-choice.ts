/** What the user has chosen for cut-outs. */
import type { CutoutOptions } from 'wordmask';
import { element } from './dom.js';

/** The blur behind a cut-out as a part of the picture's short side: things behind lose their outlines. */
const BLUR = 1 / 40;

export interface CutoutChoice {
  /** For a picture of this size. */
  options(size: { readonly width: number; readonly height: number }): CutoutOptions;
  /** The same as PNG, which is what clipboards take. */
  asPng(size: { readonly width: number; readonly height: number }): CutoutOptions;
  /** The ending of the files. */
  extension(): string;
}

export function createCutoutChoice(): CutoutChoice {
  const soft = element('cutout-soft', HTMLInputElement);
  const trim = element('cutout-trim', HTMLInputElement);
  const background = element('cutout-background', HTMLSelectElement);
  const color = element('cutout-color', HTMLInputElement);
  const format = element('cutout-format', HTMLSelectElement);

  const showColor = () => {
    color.hidden = background.value !== 'color';
  };
  background.addEventListener('change', showColor);
  // Browsers keep what was chosen when the page is loaded again.
  showColor();
  if (!writesWebp()) for (const option of format.options) option.disabled = option.value === 'webp';

  const asPng: CutoutChoice['asPng'] = ({ width, height }) => ({
    ...(soft.checked ? {} : { feather: 0 }),
    trim: trim.checked,
    background: ground(Math.min(width, height)),
  });
  const ground = (side: number): CutoutOptions['background'] => {
    if (background.value === 'color') return color.value as `#${string}`;
    return background.value === 'blur' ? { blur: Math.max(1, side * BLUR) } : 'transparent';
  };
  const extension = () => (format.value === 'webp' ? 'webp' : 'png');
  return { asPng, extension, options: (size) => ({ ...asPng(size), format: extension() }) };
}

/** Browsers that cannot write a format write PNG. */
function writesWebp(): boolean {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [1, 1];
  return canvas.toDataURL('image/webp').startsWith('data:image/webp');
}
