/** What the scripts share: running programs, finding tools, and saying clearly what is missing. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Where cargo puts what it builds. */
export const targetDir = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');

/** Where programs are installed that belong to this project alone. */
export const toolsDir = join(root, 'target', 'tools');

/** A failure with one sentence that a person can act on; `main` prints only that. */
export class Failure extends Error {}

/** Runs a script's main function and turns failures into an exit code. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}

/** Whether this module is the script that was started. */
export function isMain(moduleUrl) {
  const started = process.argv[1];
  return started !== undefined && fileURLToPath(moduleUrl) === realpathSync(started);
}

/**
 * Runs a program in the root of the project and shows what it prints.
 *
 * @param {string} failure what to say if it does not succeed
 */
export function run(program, args, { env = {}, failure } = {}) {
  console.log(`> ${[program, ...args].join(' ')}`);
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error || status !== 0) {
    const how = error ? error.message : `it ended with ${status}`;
    throw new Failure(failure ?? `${program} ${args[0] ?? ''} failed: ${how}.`);
  }
}

/** What a program prints, trimmed; `undefined` if it cannot be run or fails. */
export function output(program, args) {
  const { status, stdout } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** The path of a program on the search path, if it is there. */
export function which(name) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const ending of endings) {
      const path = join(folder, name + ending);
      if (isProgram(path)) return path;
    }
  }
  return undefined;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Runs npm in the root of the project. */
export function npm(args, failure) {
  const [program, ...given] = npmCommand(args);
  run(program, given, { failure });
}

/** What runs npm with these arguments: the npm that started us, if there is one. */
export function npmCommand(args) {
  const started = process.env.npm_execpath;
  if (started?.endsWith('.js')) return [process.execPath, started, ...args];
  return [which('npm') ?? 'npm', ...args];
}

/** The file name of a program. */
export function executable(name) {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

/** Installs a program from crates.io into `target/tools`, unless it is there in this version. */
export function cargoTool(program, crate, version) {
  const path = join(toolsDir, 'bin', executable(program));
  const present = existsSync(path) ? output(path, ['--version']) : undefined;
  if (present?.split(/\s+/).includes(version)) return path;
  run(
    'cargo',
    ['install', crate, '--version', version, '--locked', '--force', '--root', toolsDir],
    {
      failure: `${crate} ${version} could not be installed. Check the connection to crates.io, then run this again.`,
    },
  );
  return path;
}

/**
 * The path of a Python with these packages: WORDMASK_PYTHON, or one in a virtual environment of its own.
 *
 * @param {string[]} requirements lists of the packages
 * @param {string} imports modules that show whether they are there
 * @param start what runs a program with arguments
 */
export function pythonWith({ folder, imports, requirements }, start = run) {
  const chosen = process.env.WORDMASK_PYTHON;
  if (chosen) {
    if (output(chosen, ['-c', `import ${imports}; print(1)`])) return chosen;
    throw new Failure(
      `WORDMASK_PYTHON is ${chosen}, which has not the packages of ${requirements.join(' and ')}.`,
    );
  }
  const own = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(own)) {
    const system = which('python3') ?? which('python');
    if (!system) throw new Failure('Python is missing: install Python 3.11 or newer.');
    start(system, ['-m', 'venv', folder]);
  }
  const lists = requirements.flatMap((path) => ['-r', path]);
  start(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...lists]);
  return own;
}

/** What a browser window makes ready beside its page, for nobody here: as much work as a small page itself. */
const unusedFeatures = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'PreloadTopChromeWebUI'];

/**
 * Flags under which a headless Chromium has WebGPU on a machine without a GPU, and asks no server
 * of its maker for anything.
 */
export const chromiumFlags = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  `--disable-features=${['AutofillServerCommunication', ...unusedFeatures].join()}`,
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** The path of a Chromium or Chrome; installs one if there is none. */
export async function chromium() {
  const found = (await presentChromium()) ?? (await installedChromium());
  if (!found) {
    throw new Failure(
      'No browser for the tests: install Chromium or Chrome, or set CHROME_PATH to one.',
    );
  }
  return found;
}

async function presentChromium() {
  const chosen = process.env.CHROME_PATH;
  if (chosen) {
    if (!isProgram(chosen)) throw new Failure(`CHROME_PATH is ${chosen}, which cannot be run.`);
    return chosen;
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const places = [
    ...names.map(which),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    await playwrightChromium(),
  ];
  return places.find((path) => path && isProgram(path));
}

async function playwrightChromium() {
  try {
    const playwright = await import('playwright-core');
    return playwright.chromium.executablePath();
  } catch {
    return undefined;
  }
}

async function installedChromium() {
  for (const install of [installWithPlaywright, () => installWithApt('chromium')]) {
    try {
      install();
    } catch (error) {
      console.warn(error.message);
    }
    const found = await presentChromium();
    if (found) return found;
  }
  return undefined;
}

function installWithPlaywright() {
  const cli = join(root, 'node_modules', 'playwright-core', 'cli.js');
  run(process.execPath, [cli, 'install', 'chromium'], {
    failure: 'Playwright could not download Chromium.',
  });
}

function installWithApt(name) {
  if (process.getuid?.() !== 0 || !which('apt-get')) return;
  run('apt-get', ['update'], { failure: 'apt-get could not read its package lists.' });
  run('apt-get', ['install', '-y', '--no-install-recommends', name], {
    failure: `apt-get could not install ${name}.`,
  });
}

/** The path of a Firefox; installs Debian's if there is none, and `undefined` where that cannot be. */
export function firefox() {
  const found = presentFirefox();
  if (found) return found;
  try {
    installWithApt('firefox-esr');
  } catch (error) {
    console.warn(error.message);
  }
  return presentFirefox();
}

function presentFirefox() {
  const places = [
    which('firefox-esr'),
    which('firefox'),
    '/Applications/Firefox.app/Contents/MacOS/firefox',
  ];
  return places.find((path) => path && isProgram(path));
}
