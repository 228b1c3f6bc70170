/** What the address of the page says, so that a set-up can be shared: words, method, model and device. Pure. */
import type { Method } from 'wordmask';
import { isStored } from './catalogue.js';
import { methods } from './methods.js';
import { addWords, type DeviceChoice, type State } from './state.js';

export interface Address {
  readonly device: DeviceChoice;
  readonly method: 'auto' | Method;
  /** The model that is wanted; `null` where none is named. */
  readonly model: string | null;
  /** The words; `null` where the address does not speak of words. */
  readonly words: readonly string[] | null;
  /** The model that the page brings along. */
  readonly builtIn: string;
  /** Whether the address names a model that may not be loaded. */
  readonly refused: boolean;
}

/**
 * Reads `?words=cat,dog`, `?method=NAME`, `?device=cpu|webgpu|auto` and `?model=`: a folder of this
 * same site, or the id of a model in the browser's storage.
 */
export function readAddress(address: URL): Address {
  const given = address.searchParams;
  const device = given.get('device');
  const method = given.get('method');
  const words = given.get('words');
  const model = given.get('model');
  const checked = model === null ? null : checkedModel(model, address);
  return {
    device: device === 'cpu' || device === 'webgpu' ? device : 'auto',
    method: methods.find((name) => name === method) ?? 'auto',
    model: checked,
    words: words === null ? null : addWords([], words).words,
    builtIn: new URL('models/doodle/', address).href,
    refused: model !== null && checked === null,
  };
}

function checkedModel(model: string, address: URL): string | null {
  if (isStored(model)) return model;
  const folder = model.endsWith('/') ? model : `${model}/`;
  if (!URL.canParse(folder, address.href)) return null;
  const wanted = new URL(folder, address);
  return wanted.origin === address.origin ? wanted.href : null;
}

/** The same address with what is chosen now. What is as it is without being told is left out. */
export function writeAddress(
  address: URL,
  { words, model, options }: Pick<State, 'words' | 'model' | 'options'>,
): URL {
  const { builtIn } = readAddress(address);
  const next = new URL(address);
  const say = (name: string, value: string, silent: boolean): void => {
    if (silent) next.searchParams.delete(name);
    else next.searchParams.set(name, value);
  };
  say('device', options.device, options.device === 'auto');
  say('method', options.method, options.method === 'auto');
  say('model', relative(model, address), model === builtIn);
  next.searchParams.delete('words');
  const rest = next.searchParams.toString();
  // By hand, because commas and slashes are to be read by people.
  const said = words.length === 0 ? '' : `words=${words.map(encodeWord).join(',')}`;
  next.search = [rest, said].filter(Boolean).join('&').replaceAll('%2F', '/');
  return next;
}

function encodeWord(word: string): string {
  return encodeURIComponent(word).replaceAll('%20', '+');
}

/** A folder below the page without what all its addresses begin with. */
function relative(model: string, address: URL): string {
  if (isStored(model)) return model;
  const base = new URL('.', address).href;
  return model.startsWith(base) ? model.slice(base.length) : new URL(model).pathname;
}
