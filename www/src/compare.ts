/** Before and after: a handle over the picture, which is bare on its left and has its masks on its right. */
import { element } from './dom.js';
import { share } from './formats.js';
import type { Store } from './state.js';
import { t } from './texts.js';

/** How far an arrow key moves the handle, as a part of the picture; with Shift, and by page, more. */
const STEP = 0.02;
const LEAP = 0.1;

export function connectCompare(store: Store): void {
  const canvas = element('canvas', HTMLCanvasElement);
  const button = element('compare', HTMLButtonElement);
  const handle = element('split', HTMLElement);

  const set = (split: number | null): void => {
    const within = split === null ? null : Math.max(0, Math.min(1, split));
    store.dispatch({ type: 'view', change: { split: within } });
  };
  button.addEventListener('click', () => set(store.state().view.split === null ? 0.5 : null));

  const drag = ({ clientX }: PointerEvent): void => {
    const { left, width } = canvas.getBoundingClientRect();
    set((clientX - left) / width);
  };
  handle.addEventListener('pointerdown', (event) => {
    // Or the browser would select what is below.
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener('pointermove', (event) => {
    if (handle.hasPointerCapture(event.pointerId)) drag(event);
  });
  handle.addEventListener('keydown', (event) => {
    const now = store.state().view.split ?? 0;
    const step = event.shiftKey ? LEAP : STEP;
    const to = new Map([
      ['ArrowLeft', now - step],
      ['ArrowDown', now - step],
      ['ArrowRight', now + step],
      ['ArrowUp', now + step],
      ['PageDown', now - LEAP],
      ['PageUp', now + LEAP],
      ['Home', 0],
      ['End', 1],
    ]).get(event.key);
    if (to === undefined) return;
    event.preventDefault();
    set(to);
  });

  const show = (): void => {
    const { split } = store.state().view;
    button.setAttribute('aria-pressed', String(split !== null));
    handle.hidden = split === null;
    if (split === null) return;
    handle.style.setProperty('--split', String(split));
    handle.setAttribute('aria-valuenow', String(Math.round(split * 100)));
    handle.setAttribute('aria-valuetext', t.tools.bareUpTo(share(split)));
  };
  store.subscribe((now, before) => {
    if (now.view.split !== before.view.split || now.language !== before.language) show();
  });
}
