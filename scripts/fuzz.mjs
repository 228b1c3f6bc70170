/** Runs a fuzz target: `npm run fuzz -- TARGET [SECONDS]`, or with a file in place of the seconds. See `fuzz/README.md`. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cargoTool, Failure, main, root, run } from './lib.mjs';

const cargoFuzzVersion = '0.13.2';

main(() => {
  const [target, last = '60'] = process.argv.slice(2);
  if (!target) throw new Failure('Name a target: npm run fuzz -- manifest 60');
  const program = cargoTool('cargo-fuzz', 'cargo-fuzz', cargoFuzzVersion);
  const corpus = join(root, 'fuzz', 'corpus', target);
  mkdirSync(corpus, { recursive: true });
  const seconds = /^\d+$/.test(last);
  const inputs = seconds ? [corpus, join(root, 'fuzz', 'seeds', target)] : [last];
  const limits = seconds ? ['--', `-max_total_time=${last}`, '-timeout=20', '-max_len=20000'] : [];
  run(program, ['run', '-s', 'none', '--fuzz-dir', 'fuzz', target, ...inputs, ...limits], {
    // cargo-fuzz passes flags that a stable compiler refuses otherwise.
    env: { RUSTC_BOOTSTRAP: '1' },
    failure: `${target} failed; see above and fuzz/artifacts/${target}.`,
  });
});
