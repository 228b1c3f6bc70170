/** What to do when a file of the package is not found where it is looked for. */
export function missingAdvice(place: string): string {
  if (place.startsWith('file:')) {
    return "It comes from the package's dist: install the package anew, or correct workerUrl and engineUrl.";
  }
  return "Vite's dev server needs optimizeDeps: { exclude: ['wordmask'] } in vite.config.js. A bundler that leaves files alone (esbuild, Rollup without a plugin for assets) needs worker.js and the folder engine, both from the package's dist, beside the bundle; or workerUrl says where worker.js lies.";
}
