/** The controls of the view and of the options. */
import { element } from './dom.js';
import {
  type BackgroundChoice,
  type DeviceChoice,
  parseWords,
  type State,
  type Store,
} from './state.js';

const devices: readonly DeviceChoice[] = ['auto', 'webgpu', 'cpu'];
const backgrounds: readonly BackgroundChoice[] = ['auto', 'none', 'words'];

/** Connects a group of radio buttons; returns how to show a choice. */
function choice<T extends string>(
  name: string,
  values: readonly T[],
  choose: (value: T) => void,
): (value: T) => void {
  const buttons = [...document.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`)];
  for (const button of buttons) {
    button.addEventListener('change', () => {
      const value = values.find((candidate) => candidate === button.value);
      if (button.checked && value !== undefined) choose(value);
    });
  }
  return (value) => {
    for (const button of buttons) button.checked = button.value === value;
  };
}

export function connectOptions(store: Store): void {
  const opacity = element('opacity', HTMLInputElement);
  const original = element('original', HTMLButtonElement);
  const own = element('background-words', HTMLInputElement);
  const keySmoothing = element('key-smoothing', HTMLInputElement);
  const promptDenoising = element('prompt-denoising', HTMLInputElement);
  const threshold = element('threshold', HTMLInputElement);
  const thresholdValue = element('threshold-value', HTMLOutputElement);

  const change = (options: Partial<State['options']>): void =>
    store.dispatch({ type: 'options', change: options });

  opacity.addEventListener('input', () =>
    store.dispatch({ type: 'view', change: { opacity: opacity.valueAsNumber } }),
  );
  original.addEventListener('click', () =>
    store.dispatch({ type: 'view', change: { original: !store.state().view.original } }),
  );
  own.addEventListener('input', () => change({ backgroundWords: parseWords(own.value) }));
  keySmoothing.addEventListener('change', () => change({ keySmoothing: keySmoothing.checked }));
  promptDenoising.addEventListener('change', () =>
    change({ promptDenoising: promptDenoising.checked }),
  );
  threshold.addEventListener('input', () => change({ threshold: threshold.valueAsNumber }));
  const showDevice = choice('device', devices, (device) => change({ device }));
  const showBackground = choice('background', backgrounds, (background) => change({ background }));

  const show = ({ options, view }: State): void => {
    showDevice(options.device);
    showBackground(options.background);
    own.hidden = options.background !== 'words';
    keySmoothing.checked = options.keySmoothing;
    promptDenoising.checked = options.promptDenoising;
    threshold.valueAsNumber = options.threshold;
    thresholdValue.value = options.threshold.toFixed(2);
    opacity.valueAsNumber = view.opacity;
    original.setAttribute('aria-pressed', String(view.original));
  };
  store.subscribe(show);
  show(store.state());
}
