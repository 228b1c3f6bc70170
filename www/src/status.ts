/** What the page says about its work: the line with the progress bar, the device, the spoken status, the alert. */
import { type Device, type Progress, type Timing, WordmaskError } from 'wordmask';
import { element, english, make } from './dom.js';
import { duration, megabytes, number } from './formats.js';
import { shorten } from './state.js';
import { t } from './texts.js';

/**
 * One sentence and, where it is known, how far the work is, 0..1.
 *
 * @param now Whether coarse masks are there already, and whether the model is: then what is fetched
 * is its text tower.
 */
export function progressText(
  progress: Progress,
  now: { coarse?: boolean; loaded?: boolean } = {},
): {
  text: string;
  spoken: string;
  part: number | null;
} {
  const say = t.progress;
  switch (progress.phase) {
    case 'download': {
      const part = progress.total > 0 ? Math.min(1, progress.loaded / progress.total) : null;
      const size = [megabytes(progress.loaded, 1), megabytes(progress.total, 1)] as const;
      return now.loaded
        ? { text: say.loadingTextBytes(...size), spoken: say.loadingText, part }
        : { text: say.loadingBytes(...size), spoken: say.loading, part };
    }
    case 'wait':
      return plain(
        progress.reason === 'other-page' ? t.fetching.otherPage : t.fetching.connection,
        null,
      );
    case 'prepare':
      return plain(now.loaded ? say.preparingText : say.preparing, null);
    case 'encode':
      return plain(say.encoding, part(progress));
    case 'segment':
      return plain(now.coarse ? say.sharpening : say.segmenting, part(progress));
    case 'classify':
      return plain(say.naming, part(progress));
    case 'import': {
      const { done, total } = progress;
      const text = say.importingFile(number(Math.min(done + 1, total)), number(total));
      return { text, spoken: say.importing, part: part(progress) };
    }
  }
}

function plain(text: string, part: number | null) {
  return { text, spoken: text, part };
}

function part({ done, total }: { done: number; total: number }): number | null {
  return total > 0 ? Math.min(1, done / total) : null;
}

/** "CPU · encoded in 240 ms · masks in 12 ms" */
export function deviceText(device: Device, timing: Timing | null): string {
  const kind = device.kind === 'cpu' ? 'CPU' : 'WebGPU';
  const named =
    device.name === '' || device.name.toLowerCase() === device.kind
      ? kind
      : `${kind} (${device.name})`;
  const parts = [named];
  if (timing !== null) {
    parts.push(
      t.device.encoded(duration(timing.encodeMs)),
      t.device.masks(duration(timing.segmentMs)),
    );
  }
  return parts.join(' · ');
}

export interface Status {
  /** Shows work going on; the button stops it. */
  busy(progress: Progress, now: { coarse: boolean; loaded: boolean }): void;
  /** Shows a state of rest. `again` says whether there is something the button could run. */
  rest(text: () => string, again: boolean): void;
  device(device: Device, timing: Timing | null): void;
  /** Says one thing to screen readers without showing it. */
  say(text: string): void;
  alert(text: string): void;
  /** Tells what went wrong. What the engine says of it is English, and follows a sentence in the page's language. */
  fail(error: unknown): void;
  clearAlert(): void;
  /** Says what is shown once more, in the language that is in use now. */
  renew(): void;
  /** Shows it once more, for the numbers in it have changed; what led to that has been said. */
  refresh(): void;
}

/** How much of an error is shown. */
const MAX_ERROR = 400;

export function createStatus(on: { stop(): void; again(): void }): Status {
  const phase = element('phase', HTMLElement);
  const bar = element('progress', HTMLProgressElement);
  const go = element('go', HTMLButtonElement);
  const device = element('device', HTMLElement);
  const where = element('device-where', HTMLElement);
  const how = element('device-how', HTMLElement);
  const live = element('live', HTMLElement);
  const alert = element('alert', HTMLElement);
  let working = false;
  let quiet = false;
  let renewPhase = (): void => {};
  let renewDevice = (): void => {};

  // One button with two meanings keeps the focus where it is when work ends by itself.
  go.addEventListener('click', () => (working ? on.stop() : on.again()));

  const say = (text: string): void => {
    if (!quiet && live.textContent !== text) live.textContent = text;
  };
  const clearAlert = (): void => {
    alert.replaceChildren();
    alert.classList.remove('shown');
  };
  const showAlert = (...paragraphs: HTMLElement[]): void => {
    const before = document.activeElement;
    const close = make('button', 'close', '×');
    close.type = 'button';
    close.setAttribute('aria-label', t.page.close);
    close.addEventListener('click', () => {
      clearAlert();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    });
    const body = make('div');
    body.append(...paragraphs);
    alert.replaceChildren(body, close);
    alert.classList.add('shown');
  };

  const status: Status = {
    busy(progress, now) {
      const { text, spoken, part } = progressText(progress, now);
      working = true;
      phase.textContent = text;
      bar.hidden = false;
      if (part === null) bar.removeAttribute('value');
      else bar.value = part;
      go.textContent = t.status.stop;
      go.hidden = false;
      say(spoken);
      renewPhase = () => status.busy(progress, now);
    },
    rest(text, again) {
      working = false;
      phase.textContent = text();
      bar.hidden = true;
      go.textContent = t.status.again;
      go.hidden = !again;
      say(text());
      renewPhase = () => status.rest(text, again);
    },
    device(chosen, timing) {
      device.hidden = false;
      where.textContent = chosen.kind === 'cpu' ? t.device.cpu : t.device.gpu;
      how.textContent = deviceText(chosen, timing);
      if (chosen.note !== undefined && chosen.note !== '')
        how.append(english(make('span', 'note', chosen.note)));
      renewDevice = () => status.device(chosen, timing);
    },
    say,
    alert: (text) => showAlert(make('p', '', text)),
    fail(error) {
      const text = shorten(error instanceof Error ? error.message : String(error), MAX_ERROR);
      if (!(error instanceof WordmaskError)) return showAlert(make('p', '', text));
      const told = english(make('p', '', text));
      const frame = t.engine[error.code];
      showAlert(...(frame === '' ? [] : [make('p', '', frame)]), told);
    },
    clearAlert,
    renew() {
      renewPhase();
      renewDevice();
    },
    refresh() {
      quiet = true;
      renewPhase();
      quiet = false;
    },
  };
  return status;
}
