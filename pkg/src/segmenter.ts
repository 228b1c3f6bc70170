/// <reference lib="esnext.disposable" preserve="true" />
import { abortable, Bridge, type LoadRequest, Resident } from './bridge.js';
import type { BundleInfo, Device, Methods } from './engine.js';
import { codeOf, WordmaskError } from './errors.js';
import { hubAddress, hubFile, hubName } from './hub.js';
import { modelId, type StoredModel } from './models.js';
import { checkEncode, checkLoad, type EncodeOptions, type LoadOptions } from './options.js';
import { orFree } from './ownership.js';
import { EncodedPicture } from './picture.js';
import { absolute, enginePlaces } from './places.js';
import type { CallRequest, Place } from './protocol.js';
import { decodedByBrowser, fileName, type PictureSource, pictureData } from './source.js';
import { startWorker } from './start.js';
import { type Knowledge, lookUp } from './vocabulary.js';

/**
 * What can be loaded: the directory of a bundle or the address of its `wordmask.json`, relative to
 * the page; a bundle on the hub as `hf:owner/name` or `hf:owner/name@revision`; or a model in the
 * browser's storage. Outside of browsers, paths on the disk work as well.
 */
export type ModelSource = string | URL | Pick<StoredModel, 'id'>;

/** A loaded model in a worker of its own. */
export class Segmenter {
  readonly #bridge: Bridge;

  private constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /**
   * Loads a bundle: its vision tower, and the words that are ready. The text tower follows with the
   * first call that has a word which is not.
   *
   * @throws WordmaskError with the codes `network`, `integrity`, `model`, `device`, `unsupported` or `input`.
   */
  static async load(model: ModelSource, options?: LoadOptions): Promise<Segmenter> {
    const checked = checkLoad(options);
    const { device, cache, hubUrl, workerUrl, engineUrl, signal, onProgress } = checked;
    signal?.throwIfAborted();
    const request: LoadRequest = {
      model: place(model, hubUrl),
      device,
      cache,
      engines: enginePlaces({ engineUrl, workerUrl }),
    };
    const bridge = new Bridge(() => startWorker({ workerUrl }), request, onProgress);
    try {
      await abortable(bridge.connect(), signal);
    } catch (error) {
      bridge.close();
      throw error;
    }
    return new Segmenter(bridge);
  }

  /**
   * The addresses of the engines that may be needed, for a service worker that keeps them: first that
   * which runs, then that which takes over if WebGPU fails.
   */
  get engineUrls(): string[] {
    return this.#bridge.engineUrls;
  }

  /** Where the network runs. Changes from WebGPU to the CPU, unless WebGPU was asked for, when that fails. */
  get device(): Device {
    return { ...this.#bridge.loaded.device };
  }

  /** The model, for showing to people. */
  get info(): BundleInfo {
    const { info } = this.#bridge.loaded;
    return { ...info, vocabulary: [...info.vocabulary] };
  }

  /**
   * Whether the model has learned a word, as far as it can tell: the built-in model has learned few,
   * and answers others with nonsense; a CLIP for photographs reads language in general.
   *
   * @param word As for `segment`: `tv/monitor` is known if one of the names is.
   */
  knows(word: string): Knowledge {
    return lookUp(this.#bridge.loaded.info.vocabulary, word);
  }

  /** What `segment` does where it is not told; differs by device. */
  get methods(): Methods {
    const { refine, ...methods } = this.#bridge.loaded.methods;
    return { ...methods, refine: [...refine] };
  }

  /** Whether what was loaded is there for the next visit. */
  get cached(): boolean {
    return this.#bridge.loaded.cached;
  }

  /**
   * Runs the vision tower on a picture, once; words are cheap after that.
   *
   * The engine decodes JPEG, PNG and WebP files itself, alike in every browser, and gets the pixels
   * of what only the browser decodes. `toImageData` of the result has the pixels that were seen.
   *
   * @throws WordmaskError with the codes `input`, `unsupported`, `out-of-memory` or `device`.
   */
  async encode(source: PictureSource, options?: EncodeOptions): Promise<EncodedPicture> {
    const { engine, signal, onProgress } = checkEncode(options);
    signal?.throwIfAborted();
    const largest = this.#bridge.loaded.largestPicture;
    const data = await abortable(pictureData(source, largest), signal);
    const bridge = this.#bridge;
    const picture = bridge.newHandle();
    const request: CallRequest<'encode'> = { kind: 'encode', picture, data, options: engine };
    const run = async () => {
      const connection = await abortable(bridge.connect(), signal);
      const answer = await orFree(connection, picture, () =>
        connection.call<'encode'>(request, { signal, onProgress }),
      );
      return [connection, answer] as const;
    };
    const [connection, answer] = await bridge.outlasting(run).catch(async (error: unknown) => {
      const isFile = data.size === undefined;
      if (!isFile || codeOf(error) !== 'unsupported') throw error;
      request.data = await abortable(decodedByBrowser(data.blob, error, largest), signal);
      return bridge.outlasting(run);
    });
    const resident = new Resident(bridge, picture, async (home) => {
      await home.call<'encode'>(request);
    });
    resident.settle(connection);
    return new EncodedPicture(bridge, resident, answer, fileName(source));
  }

  /** Ends the worker and frees everything in it. Calls that are under way reject. */
  async close(): Promise<void> {
    this.#bridge.close();
  }

  /** The same as `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function place(model: ModelSource, hubUrl: string | URL | undefined): Place {
  if (typeof model === 'string' && model.startsWith('hf:')) return { url: onHub(model, hubUrl) };
  if (model instanceof URL || (typeof model === 'string' && model !== '')) {
    return { url: manifestUrl(model) };
  }
  if (typeof model === 'object' && model !== null) return { id: modelId(model) };
  throw new WordmaskError(
    'input',
    '"model" must be the address of a bundle, such as "models/clip/", or a model that listModels or importModel has given.',
  );
}

function onHub(model: string, hubUrl: string | URL = hubAddress): string {
  const name = hubName(model);
  if (!name) {
    throw new WordmaskError(
      'input',
      `"${model}" is no bundle of the hub. It looks like "hf:owner/name" or "hf:owner/name@revision".`,
    );
  }
  const hub = absolute(hubUrl, 'hubUrl').replace(/\/+$/, '');
  return hubFile({ hub, ...name }, name.revision ?? 'main', 'wordmask.json');
}

function manifestUrl(model: string | URL): string {
  const base = new URL(absolute(model, 'model'));
  if (base.pathname.endsWith('.json')) return base.href;
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return new URL('wordmask.json', base).href;
}
