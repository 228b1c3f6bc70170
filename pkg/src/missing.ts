/** What to do when a file of the package is not found where it is looked for. */
export const missingAdvice =
  "Vite's dev server needs optimizeDeps: { exclude: ['wordmask'] } in vite.config.js. A bundler that leaves files alone (esbuild, Rollup without a plugin for assets) needs worker.js and the folder engine, both from the package's dist, beside the bundle; or workerUrl says where worker.js lies.";
