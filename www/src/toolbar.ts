/** The tools below the stage: what a click does, to which class, how wide; back and forth; nearer and farther. */

import { targetOf } from './correcting.js';
import { css, element } from './dom.js';
import { ZOOM_STEP } from './gestures.js';
import type { Painted } from './paint.js';
import type { Stage } from './stage.js';
import { SIZES, type State, type Store, type Tool } from './state.js';
import { t } from './texts.js';
import { toStage, whole, zoomedAt } from './zoom.js';

const tools: readonly Tool[] = ['look', 'region', 'brush', 'eraser'];

export interface Toolbar {
  /** Offers these classes; without any there is nothing to correct. */
  show(filled: boolean, classes: Painted['classes']): void;
}

export function createToolbar(store: Store, stage: Stage, say: (text: string) => void): Toolbar {
  const bar = element('toolbar', HTMLElement);
  const choice = connectTarget(store);
  const shows = [
    connectTools(store, say),
    connectSize(store),
    connectUndo(store, say),
    choice.show,
  ];
  connectZoom(store, stage);
  const show = (): void => {
    for (const part of shows) part(store.state());
    // Their names, for those who see only the icons.
    for (const button of bar.querySelectorAll('button')) button.title = button.textContent.trim();
  };
  store.subscribe((now, before) => {
    const same = now.tools === before.tools && now.history === before.history;
    if (!same || now.language !== before.language) show();
  });
  show();
  return {
    show(filled, classes) {
      bar.hidden = !filled;
      choice.offer(classes);
    },
  };
}

type Show = (state: State) => void;

function connectTools(store: Store, say: (text: string) => void): Show {
  const stage = element('stage', HTMLElement);
  const own = element('tool-options', HTMLElement);
  const sizeField = element('size-field', HTMLElement);
  const targetField = element('target-field', HTMLElement);
  const takeAwayField = element('take-away-field', HTMLElement);
  const takeAway = element('take-away', HTMLInputElement);
  const buttons = tools.map((tool) => ({
    tool,
    button: element(`tool-${tool}`, HTMLButtonElement),
  }));
  for (const { tool, button } of buttons) {
    button.addEventListener('click', () => {
      store.dispatch({ type: 'tools', change: { tool } });
      say(t.tools.help[tool]);
    });
  }
  takeAway.addEventListener('change', () =>
    store.dispatch({ type: 'tools', change: { takeAway: takeAway.checked } }),
  );
  const help = element('tool-help', HTMLElement);
  return ({ tools: { tool, takeAway: takes } }) => {
    stage.dataset.tool = tool;
    for (const { tool: of, button } of buttons)
      button.setAttribute('aria-pressed', String(of === tool));
    own.hidden = tool === 'look';
    sizeField.hidden = tool === 'region';
    takeAwayField.hidden = tool !== 'region';
    targetField.hidden = tool === 'eraser';
    takeAway.checked = takes;
    help.textContent = t.tools.help[tool];
  };
}

function connectTarget(store: Store) {
  const select = element('target', HTMLSelectElement);
  const dot = element('target-dot', HTMLElement);
  let offered: Painted['classes'] = [];
  select.addEventListener('change', () =>
    store.dispatch({ type: 'tools', change: { target: select.value } }),
  );
  const show: Show = ({ tools: { target } }) => {
    const name = targetOf(target, offered);
    select.value = name ?? '';
    const color = offered.find((of) => of.name === name)?.color;
    dot.style.setProperty('--class', color === undefined ? 'transparent' : css(color));
  };
  return {
    show,
    offer(classes: Painted['classes']) {
      const names = (of: Painted['classes']) => of.map(({ name }) => name).join('\n');
      if (names(classes) !== names(offered))
        select.replaceChildren(...classes.map(({ name }) => new Option(name, name)));
      offered = classes;
      show(store.state());
    },
  };
}

function connectSize(store: Store): Show {
  const slider = element('size', HTMLInputElement);
  const stage = element('stage', HTMLElement);
  const canvas = element('canvas', HTMLCanvasElement);
  [slider.min, slider.max] = [String(SIZES.least), String(SIZES.most)];
  const set = (size: number): void => {
    const within = Math.max(SIZES.least, Math.min(SIZES.most, Math.round(size)));
    store.dispatch({ type: 'tools', change: { size: within } });
  };
  slider.addEventListener('input', () => set(slider.valueAsNumber));
  canvas.addEventListener('keydown', ({ key }) => {
    if (key === '[') set(store.state().tools.size / 1.25);
    if (key === ']') set(store.state().tools.size * 1.25 + 1);
  });
  return ({ tools: { size } }) => {
    slider.valueAsNumber = size;
    stage.style.setProperty('--brush', `${size}px`);
  };
}

function connectZoom(store: Store, stage: Stage): void {
  const show = (zoom: State['view']['zoom']) => store.dispatch({ type: 'view', change: { zoom } });
  const by = (factor: number): void => {
    const { zoom } = store.state().view;
    const [x, y] = toStage(zoom, stage.pointer.point);
    const seen = x >= 0 && x <= 1 && y >= 0 && y <= 1;
    show(zoomedAt(zoom, seen ? [x, y] : [0.5, 0.5], factor, stage.largest()));
  };
  element('zoom-in', HTMLButtonElement).addEventListener('click', () => by(ZOOM_STEP));
  element('zoom-out', HTMLButtonElement).addEventListener('click', () => by(1 / ZOOM_STEP));
  element('zoom-whole', HTMLButtonElement).addEventListener('click', () => show(whole));
}

function connectUndo(store: Store, say: (text: string) => void): Show {
  const undo = element('undo', HTMLButtonElement);
  const redo = element('redo', HTMLButtonElement);
  const go = (type: 'undo' | 'redo'): void => {
    const before = store.state();
    store.dispatch({ type });
    if (store.state() !== before) say(type === 'undo' ? t.tools.undone : t.tools.redone);
  };
  undo.addEventListener('click', () => go('undo'));
  redo.addEventListener('click', () => go('redo'));
  document.addEventListener('keydown', (event) => {
    const key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || !['z', 'y'].includes(key)) return;
    if (isTyping(event.target)) return;
    event.preventDefault();
    go(key === 'y' || event.shiftKey ? 'redo' : 'undo');
  });
  return ({ history: { past, future } }) => {
    // Not `disabled`, which would take the focus away from who presses it again and again.
    undo.setAttribute('aria-disabled', String(past.length === 0));
    redo.setAttribute('aria-disabled', String(future.length === 0));
  };
}

/** Whether somebody is in the middle of a text, which the browser undoes by itself. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.type === 'text' && target.value !== '';
}
