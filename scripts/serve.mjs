/** Serves the built page on this machine: `node scripts/serve.mjs [--port 8080] [--host 127.0.0.1]`. */

import { createReadStream, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { Failure, isMain, main, root } from './lib.mjs';
import { isolation } from './page.mjs';
import { hubPolicy, modelsPage, ownPolicy } from './policy.mjs';

const types = new Map([
  ['.css', 'text/css; charset=utf-8'],
  ['.html', 'text/html; charset=utf-8'],
  ['.ico', 'image/x-icon'],
  ['.jpeg', 'image/jpeg'],
  ['.jpg', 'image/jpeg'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.json', 'application/json; charset=utf-8'],
  ['.map', 'application/json; charset=utf-8'],
  ['.mjs', 'text/javascript; charset=utf-8'],
  ['.png', 'image/png'],
  ['.svg', 'image/svg+xml'],
  ['.txt', 'text/plain; charset=utf-8'],
  ['.wasm', 'application/wasm'],
  ['.webmanifest', 'application/manifest+json'],
  ['.webp', 'image/webp'],
]);

const safety = {
  ...isolation,
  'Content-Security-Policy': ownPolicy,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Serves a folder. Takes the next free port if this one is taken; port 0 takes any free one.
 *
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serve(folder, { port = 8080, host = '127.0.0.1' } = {}) {
  const base = realpathSync(folder);
  const server = createServer((request, response) => {
    answer(base, request, response).catch(() => response.destroy());
  });
  const taken = await listen(server, port, host);
  const close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`, close };
}

async function listen(server, port, host) {
  const tries = port === 0 ? 1 : 20;
  for (let candidate = port; candidate < port + tries && candidate < 65536; candidate++) {
    try {
      await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(candidate, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      return server.address().port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Failure(`The ports from ${port} on are taken; choose another one with --port.`);
}

async function answer(base, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refuse(response, 405, { Allow: 'GET, HEAD' });
  }
  const path = locate(base, request.url ?? '/');
  const found = path && (await stat(path).catch(() => undefined));
  if (!found?.isFile()) return refuse(response, 404);
  // Revalidated each time, so that a rebuilt page is seen and an unchanged one is not sent again.
  const tag = `"${found.size.toString(36)}-${found.mtimeMs.toString(36)}"`;
  const headers = { ...safety, 'Cache-Control': 'no-cache', ETag: tag };
  if (path === join(base, modelsPage)) headers['Content-Security-Policy'] = hubPolicy;
  if (request.headers['if-none-match'] === tag) return response.writeHead(304, headers).end();
  response.writeHead(200, {
    ...headers,
    'Content-Type': types.get(extname(path)) ?? 'application/octet-stream',
    'Content-Length': found.size,
  });
  if (request.method === 'HEAD') return response.end();
  return pipeline(createReadStream(path), response);
}

function refuse(response, status, headers = {}) {
  response.writeHead(status, { ...safety, ...headers, 'Content-Type': 'text/plain' });
  response.end(`${status}\n`);
}

/** The file that an address means, if it lies in the folder, links followed. */
function locate(base, address) {
  try {
    let path = decodeURIComponent(address.split(/[?#]/, 1)[0]);
    if (path.endsWith('/')) path += 'index.html';
    const real = realpathSync(join(base, path));
    return real.startsWith(base + sep) ? real : undefined;
  } catch {
    // Not decodable, a NUL byte, or no such file.
    return undefined;
  }
}

/** Serves the built page where the arguments of the command say, and tells its address. */
export async function serveBuilt(args = process.argv.slice(2)) {
  const options = {
    port: { type: 'string', default: '8080' },
    host: { type: 'string', default: '127.0.0.1' },
  };
  const { values } = parseArgs({ args, options });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Failure(`--port must be a number from 0 to 65535, not ${values.port}.`);
  }
  const { url } = await serve(join(root, 'www', 'dist'), { port, host: values.host }).catch(
    (error) => {
      if (error.code === 'ENOENT') throw new Failure('The page is not built: run "npm start".');
      throw error;
    },
  );
  console.log(`The page is at ${url} (Ctrl+C ends it).`);
}

if (isMain(import.meta.url)) main(() => serveBuilt());
