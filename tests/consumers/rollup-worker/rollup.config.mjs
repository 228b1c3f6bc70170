import { nodeResolve } from '@rollup/plugin-node-resolve';
import offMainThread from '@surma/rollup-plugin-off-main-thread';

export default {
  input: 'main.js',
  output: { dir: 'dist', format: 'es' },
  plugins: [nodeResolve({ browser: true }), offMainThread()],
};
