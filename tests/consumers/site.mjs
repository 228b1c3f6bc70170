/** What the pages of the consumers talk to: the model, the picture, and where their answers go. */

import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { root } from '../../scripts/lib.mjs';

const types = new Map([
  ['.css', 'text/css'],
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript'],
  ['.json', 'application/json'],
  ['.png', 'image/png'],
  ['.svg', 'image/svg+xml'],
  ['.wasm', 'application/wasm'],
]);

const model = join(root, 'weights', 'doodle');
const picture = join(root, 'tests', 'fixtures', 'scenes', 'heart-and-cup.png');

/**
 * Serves a folder, the model under `model/`, the picture as `scene-1.png`, and takes answers.
 *
 * @param {{ policy?: string, onRequest?: (path: string) => void }} options a
 *   Content-Security-Policy, and what is called with the path of each request
 */
export async function openSite(folder, { policy, onRequest } = {}) {
  const waiting = new Map();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://site.invalid');
    onRequest?.(pathname);
    response.setHeader('Access-Control-Allow-Origin', '*');
    if (policy) response.setHeader('Content-Security-Policy', policy);
    if (request.method === 'POST') return take(request, response, waiting.get(pathname));
    give(response, locate(folder, decodeURIComponent(pathname)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  let asked = 0;
  return {
    url,

    /** An address for an answer, and the answer. */
    expectAnswer() {
      const path = `/answers/${++asked}`;
      const answer = new Promise((resolve) => waiting.set(path, resolve));
      return { report: new URL(path, url).href, answer };
    },

    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function locate(folder, path) {
  if (path === '/scene-1.png') return picture;
  const inModel = /^\/model\/([\w.-]+)$/.exec(path);
  if (inModel) return join(model, inModel[1]);
  return join(folder, normalize(path.endsWith('/') ? `${path}index.html` : path));
}

function give(response, path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    return response.writeHead(404, { 'Content-Type': 'text/plain' }).end('404\n');
  }
  const type = types.get(extname(path)) ?? 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type });
  createReadStream(path).pipe(response);
}

function take(request, response, done) {
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (part) => {
    text += part;
  });
  request.on('end', () => {
    response.end();
    done?.(JSON.parse(text));
  });
}
