/**
 * By whose fault something failed:
 *
 * - `input`: the caller gave something that cannot be used, such as a broken picture or a bad option
 * - `model`: the bundle does not describe a model that this version can run
 * - `unsupported`: the browser or the device lacks something that is needed, or a picture is of a
 *   kind that cannot be decoded
 * - `device`: the GPU failed; the next call starts the engine anew
 * - `out-of-memory`: a buffer of the needed size could not be had, or the browser's storage is full
 * - `network`: a file could not be downloaded
 * - `integrity`: the bytes of a file are not the ones that the manifest promises
 * - `internal`: a fault of this library
 */
export type ErrorCode =
  | 'input'
  | 'model'
  | 'unsupported'
  | 'device'
  | 'out-of-memory'
  | 'network'
  | 'integrity'
  | 'internal';

const codes: ReadonlySet<string> = new Set<ErrorCode>([
  'input',
  'model',
  'unsupported',
  'device',
  'out-of-memory',
  'network',
  'integrity',
  'internal',
]);

/** Everything that fails here fails with this; its message says what to do and can be shown to people. */
export class WordmaskError extends Error {
  override readonly name = 'WordmaskError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether this is one of the codes that a `WordmaskError` may carry. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && codes.has(value);
}

/** The `code` property of anything thrown, if it has one. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
