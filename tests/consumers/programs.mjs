/** Running the programs of a project: to their end, or as a server. */

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { Failure } from '../../scripts/lib.mjs';

/** Runs a program of the project, or one by its path, and returns what it prints. */
export function shell(folder, command) {
  return new Promise((resolve, reject) => {
    const child = begin(folder, command, ['ignore', 'pipe', 'pipe']);
    let out = '';
    let all = '';
    child.stdout.on('data', (part) => {
      out += part;
      all += part;
    });
    child.stderr.on('data', (part) => {
      all += part;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(out);
      else
        reject(new Failure(`${command.slice(0, 3).join(' ')} failed: ${all.trim().slice(-1500)}`));
    });
  });
}

/** Starts a server of the project. */
export function start(folder, command) {
  const child = begin(folder, command, ['ignore', 'pipe', 'pipe'], true);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part) => {
      said += part;
    });
  }
  child.on('error', ({ message }) => {
    said += message;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return {
    get said() {
      return said;
    },
    get isOver() {
      return child.exitCode !== null;
    },
    async stop() {
      // Servers have children of their own, which are of their group.
      if (child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}

function begin(folder, [program, ...args], stdio, detached = false) {
  const own = join(folder, 'node_modules', '.bin');
  return spawn(program, args, {
    cwd: folder,
    stdio,
    detached,
    env: {
      ...process.env,
      PATH: `${own}${delimiter}${process.env.PATH}`,
      CI: '1',
      NEXT_TELEMETRY_DISABLED: '1',
      NO_COLOR: '1',
    },
  });
}

/** Waits until a server answers. */
export async function reachable(url, server, patience) {
  const deadline = Date.now() + patience;
  while (Date.now() < deadline && !server.isOver) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Failure(`The server did not start: ${server.said.slice(-1500)}`);
}

/** A port that nobody listens at. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
