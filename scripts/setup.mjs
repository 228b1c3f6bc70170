/**
 * Checks for what a person has to install, and installs the rest: npm packages, the wasm target and
 * the program that makes the engine's JavaScript. `node scripts/setup.mjs deny` installs cargo-deny as well.
 *
 * Uses nothing but Node, since it runs before npm has installed anything.
 */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  cargoTool,
  executable,
  Failure,
  isMain,
  main,
  npm,
  output,
  root,
  run,
  toolsDir,
  which,
} from './lib.mjs';

export const wasmTarget = 'wasm32-unknown-unknown';
const cargoDenyVersion = '0.20.2';

export function setup({ deny = false } = {}) {
  requirePrograms();
  installPackages();
  installWasmTarget();
  buildBindgen();
  if (deny) cargoTool('cargo-deny', 'cargo-deny', cargoDenyVersion);
}

/** Builds the program that makes the engine's JavaScript, if need be, and returns its path. */
export function buildBindgen() {
  const manifest = join(root, 'scripts', 'bindgen', 'Cargo.toml');
  const where = ['--manifest-path', manifest, '--target-dir', toolsDir];
  run('cargo', ['build', '--release', '--locked', '--quiet', ...where], {
    failure: 'scripts/bindgen could not be built. Check the connection to crates.io; see above.',
  });
  return join(toolsDir, 'release', executable('bindgen'));
}

function requirePrograms() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) {
    throw new Failure(
      `Node is ${process.version}; install Node 20 or newer from https://nodejs.org.`,
    );
  }
  if (!which('cargo')) throw new Failure('Rust is missing: install it from https://rustup.rs.');
  if (process.platform !== 'win32' && !['cc', 'gcc', 'clang'].some(which)) {
    throw new Failure(
      'A C compiler is missing: install gcc or clang (Debian: "apt-get install build-essential"; macOS: "xcode-select --install").',
    );
  }
}

function installPackages() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  npm(
    ['ci', '--no-audit', '--no-fund'],
    'npm could not install the packages. Check the connection.',
  );
}

function installWasmTarget() {
  const folder = output('rustc', ['--print', 'target-libdir', '--target', wasmTarget]);
  if (folder && existsSync(folder)) return;
  if (!which('rustup')) {
    throw new Failure(`Rust lacks the target ${wasmTarget}: install Rust from https://rustup.rs.`);
  }
  run('rustup', ['target', 'add', wasmTarget], {
    failure: `rustup could not add ${wasmTarget}. Check the connection, then run this again.`,
  });
}

if (isMain(import.meta.url)) main(() => setup({ deny: process.argv.includes('deny') }));
