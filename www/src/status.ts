/** What the page says about its work: the line with the progress bar, the device, the spoken status, the alert. */
import type { Device, Progress, Timing } from 'wordmask';
import { element, make } from './dom.js';

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
  const what = now.loaded ? 'the text tower for new words' : 'the model';
  switch (progress.phase) {
    case 'download': {
      const part = progress.total > 0 ? Math.min(1, progress.loaded / progress.total) : null;
      const size = `${megabytes(progress.loaded)} of ${megabytes(progress.total)} MB`;
      return { text: `Getting ${what}: ${size}`, spoken: `Getting ${what}`, part };
    }
    case 'wait': {
      const text =
        progress.reason === 'other-page'
          ? 'Another window gets the same model; waiting for it'
          : 'The connection broke off; trying again';
      return { text, spoken: text, part: null };
    }
    case 'prepare':
      return { text: `Preparing ${what}`, spoken: `Preparing ${what}`, part: null };
    case 'encode':
      return {
        text: 'Encoding the picture',
        spoken: 'Encoding the picture',
        part: part(progress),
      };
    case 'segment': {
      const text = now.coarse ? 'Sharpening the masks' : 'Making the masks';
      return { text, spoken: text, part: part(progress) };
    }
    case 'classify':
      return { text: 'Naming', spoken: 'Naming', part: part(progress) };
    case 'import': {
      const { done, total } = progress;
      const text = `Importing: file ${Math.min(done + 1, total)} of ${total}`;
      return { text, spoken: 'Importing the model', part: part(progress) };
    }
  }
}

function part({ done, total }: { done: number; total: number }): number | null {
  return total > 0 ? Math.min(1, done / total) : null;
}

/** Bytes as megabytes, without the unit. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Milliseconds as people read them. */
export function duration(ms: number): string {
  if (ms < 1) return 'under 1 ms';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
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
    parts.push(`encoded in ${duration(timing.encodeMs)}`, `masks in ${duration(timing.segmentMs)}`);
  }
  return parts.join(' · ');
}

export interface Status {
  /** Shows work going on; the button stops it. */
  busy(progress: Progress, now: { coarse: boolean; loaded: boolean }): void;
  /** Shows a state of rest. `again` says whether there is something the button could run. */
  rest(text: string, again: boolean): void;
  device(device: Device, timing: Timing | null): void;
  /** Says one thing to screen readers without showing it. */
  say(text: string): void;
  alert(text: string): void;
  clearAlert(): void;
}

export function createStatus(on: { stop(): void; again(): void }): Status {
  const phase = element('phase', HTMLElement);
  const bar = element('progress', HTMLProgressElement);
  const go = element('go', HTMLButtonElement);
  const device = element('device', HTMLElement);
  const live = element('live', HTMLElement);
  const alert = element('alert', HTMLElement);
  let working = false;

  // One button with two meanings keeps the focus where it is when work ends by itself.
  go.addEventListener('click', () => (working ? on.stop() : on.again()));

  const say = (text: string): void => {
    if (live.textContent !== text) live.textContent = text;
  };
  const clearAlert = (): void => {
    alert.replaceChildren();
    alert.classList.remove('shown');
  };

  return {
    busy(progress, now) {
      const { text, spoken, part } = progressText(progress, now);
      working = true;
      phase.textContent = text;
      bar.hidden = false;
      if (part === null) bar.removeAttribute('value');
      else bar.value = part;
      go.textContent = 'Stop';
      go.hidden = false;
      say(spoken);
    },
    rest(text, again) {
      working = false;
      phase.textContent = text;
      bar.hidden = true;
      go.textContent = 'Run again';
      go.hidden = !again;
      say(text);
    },
    device(chosen, timing) {
      device.textContent = deviceText(chosen, timing);
      if (chosen.note !== undefined && chosen.note !== '')
        device.append(make('span', 'note', chosen.note));
    },
    say,
    alert(text) {
      const before = document.activeElement;
      const close = make('button', 'close', '×');
      close.type = 'button';
      close.setAttribute('aria-label', 'Close the message');
      close.addEventListener('click', () => {
        clearAlert();
        if (before instanceof HTMLElement) before.focus({ preventScroll: true });
      });
      alert.replaceChildren(make('p', '', text), close);
      alert.classList.add('shown');
    },
    clearAlert,
  };
}
