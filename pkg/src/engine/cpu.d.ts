import type { EngineModule } from '../engine.js';

declare const init: EngineModule['default'];
export default init;
export declare const Dataset: EngineModule['Dataset'];
export declare const BundleLoader: EngineModule['BundleLoader'];
export declare const ModelImport: EngineModule['ModelImport'];
