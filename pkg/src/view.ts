import type { ClassSummary, Progress } from './index.js';

const css = `
:host { display: inline-block; max-width: 100%; }
:host([hidden]) { display: none; }
figure { margin: 0; }
.stage { display: grid; }
.stage > * { grid-area: 1 / 1; max-width: 100%; height: auto; }
[hidden] { display: none !important; }
progress { width: 100%; }
ul { display: flex; flex-wrap: wrap; gap: 0.25em 1em; margin: 0.5em 0 0; padding: 0; list-style: none; }
.swatch { display: inline-block; width: 0.8em; height: 0.8em; margin-inline-end: 0.4em; border-radius: 0.2em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

/** What a `<word-mask>` shows: the picture, the masks over it, what was found, how far it is. */
export class View {
  /** The picture until the engine has decoded it, so that there is something to look at. */
  readonly #preview = create('img', { part: 'picture', hidden: '' });
  /** The picture as the engine decoded it, which is what the masks belong to. */
  readonly #picture = create('canvas', { part: 'picture', role: 'img', hidden: '' });
  readonly #masks = create('canvas', { part: 'masks', 'aria-hidden': 'true', hidden: '' });
  readonly #progress = create('progress', { part: 'progress', hidden: '' });
  readonly #legend = create('ul', { part: 'legend', 'aria-label': 'Classes', hidden: '' });
  readonly #spoken = create('p', { class: 'unseen', role: 'status' });
  readonly #error = create('p', { part: 'error', role: 'alert', hidden: '' });
  readonly #figure = create('figure', { part: 'figure' });
  #key = '';

  constructor(host: HTMLElement) {
    const stage = create('div', { class: 'stage' });
    const caption = create('figcaption', {});
    stage.append(this.#preview, this.#picture, this.#masks);
    caption.append(this.#progress, this.#legend, this.#spoken, this.#error);
    this.#figure.append(stage, caption);
    const root = host.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet()];
    root.append(this.#figure);
  }

  describe(alt: string): void {
    this.#preview.alt = alt;
    this.#picture.setAttribute('aria-label', alt);
  }

  /**
   * Work has begun.
   *
   * @param key Tells one picture from the next.
   * @param src Where the picture can be seen before it is decoded, if anywhere.
   */
  begin(key: string, src: string): void {
    this.#figure.setAttribute('aria-busy', 'true');
    this.#error.hidden = true;
    if (key === this.#key) return;
    this.#key = key;
    this.#picture.hidden = true;
    this.#masks.hidden = true;
    this.#preview.hidden = src === '';
    if (src === '') this.#preview.removeAttribute('src');
    else this.#preview.src = src;
  }

  report(progress: Progress): void {
    const { label, share } = told(progress);
    this.#progress.hidden = false;
    this.#progress.setAttribute('aria-label', label);
    if (share === undefined) this.#progress.removeAttribute('value');
    else this.#progress.value = share;
  }

  /** Nothing is under way any more. */
  rest(): void {
    this.#figure.setAttribute('aria-busy', 'false');
    this.#progress.hidden = true;
  }

  fail(message: string): void {
    this.#error.textContent = message;
    this.#error.hidden = false;
  }

  show(picture: ImageData): void {
    put(this.#picture, picture);
    this.#preview.hidden = true;
  }

  paint(masks: ImageData | undefined): void {
    if (masks) put(this.#masks, masks);
    else this.#masks.hidden = true;
  }

  list(classes: readonly ClassSummary[]): void {
    const found = classes.filter(({ pixels }) => pixels > 0);
    this.#legend.replaceChildren(...found.map(row));
    this.#legend.hidden = found.length === 0;
    const names = found.map(({ name, fraction }) => `${name} ${percent(fraction)}`);
    this.#spoken.textContent = classes.length > 0 ? names.join(', ') || 'Nothing was found.' : '';
  }
}

let shared: CSSStyleSheet | undefined;

/** One sheet for all, and not a `<style>`, which a Content-Security-Policy may forbid. */
function sheet(): CSSStyleSheet {
  if (!shared) {
    shared = new CSSStyleSheet();
    shared.replaceSync(css);
  }
  return shared;
}

function create<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string>,
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function put(canvas: HTMLCanvasElement, pixels: ImageData): void {
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  canvas.hidden = false;
}

function row({ name, color, fraction }: ClassSummary): HTMLElement {
  const swatch = create('span', { class: 'swatch', part: 'swatch' });
  swatch.style.backgroundColor = `rgb(${color.join(' ')})`;
  const made = create('li', { part: 'class' });
  made.append(swatch, `${name} ${percent(fraction)}`);
  return made;
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

function told(progress: Progress): { label: string; share?: number } {
  switch (progress.phase) {
    case 'download':
      return { label: 'Downloading the model', share: progress.loaded / progress.total };
    case 'prepare':
    case 'wait':
      return { label: 'Preparing the model' };
    default:
      return { label: 'Looking at the picture', share: progress.done / progress.total };
  }
}
