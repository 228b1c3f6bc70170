/**
 * What each page may connect to: its Content-Security-Policy.
 *
 * Pictures are handled by the page that reaches nothing but its own origin. Models of a hub are fetched
 * by another page, which has no way to be given a picture. Workers are started from blobs, so that they
 * obey the page that starts them.
 */

/** Where the hub's files are: its interface, and where it sends those who ask for large files. */
export const hubHosts = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];

/** The page for models of the hub. */
export const modelsPage = 'models.html';

/** What all files are served with, where headers can be set. */
export const ownPolicy = policy(["'self'"]);

/** What the page for models of the hub is served with. */
export const hubPolicy = policy(["'self'", ...hubHosts]);

function policy(connect) {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self' blob:",
    `connect-src ${connect.join(' ')}`,
    "img-src 'self' blob: data:",
    "style-src 'self'",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
