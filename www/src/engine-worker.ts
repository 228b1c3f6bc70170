/** The worker that the engine runs in, under the rules of this page. */

let address: string | undefined;

/**
 * The address of `worker.js`, or of a script that does nothing but import it.
 *
 * A worker of a file obeys the policy that the file is served with, and hosts that set no headers set
 * none; a worker of a blob obeys the policy of the page, wherever that is served. Where a service
 * worker serves the page it sends a policy with each script. A worker of a blob then would not do: in
 * Firefox the service worker does not serve what it asks for, so that without the network it has
 * nothing.
 */
export function engineWorker(): string {
  const file = new URL('worker.js', import.meta.url).href;
  if (navigator.serviceWorker?.controller) return file;
  address ??= URL.createObjectURL(
    new Blob([`import ${JSON.stringify(file)};`], { type: 'text/javascript' }),
  );
  return address;
}
