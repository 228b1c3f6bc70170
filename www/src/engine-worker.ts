/** The worker that the engine runs in, under the rules of this page. */

let address: string | undefined;

/**
 * The address of a script that does nothing but import `worker.js`. A worker of a file obeys the
 * policy that the file is served with, and hosts that set no headers set none; a worker of a blob
 * obeys the policy of the page, wherever that is served.
 */
export function engineWorker(): string {
  address ??= URL.createObjectURL(
    new Blob([`import ${JSON.stringify(new URL('worker.js', import.meta.url).href)};`], {
      type: 'text/javascript',
    }),
  );
  return address;
}
