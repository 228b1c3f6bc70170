/** What WebGPU has to offer before an engine for it is fetched. */

/** As much of WebGPU as is needed for that. */
export interface Gpu {
  requestAdapter(options?: { powerPreference: 'high-performance' }): Promise<Adapter | null>;
}

interface Adapter {
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** Hardware, a program that plays it, or why there is neither, as the end of a sentence. */
export type FoundAdapter =
  | { kind: 'hardware' }
  | { kind: 'software'; name: string }
  | { kind: 'none'; why: string };

/** Asks for the adapter that the engine will open. */
export async function findAdapter(gpu: Gpu | undefined): Promise<FoundAdapter> {
  if (!gpu) return { kind: 'none', why: 'there is no WebGPU here.' };
  const adapter = await gpu
    .requestAdapter({ powerPreference: 'high-performance' })
    .catch(() => null);
  if (!adapter) return { kind: 'none', why: 'no WebGPU adapter could be opened here.' };
  const { info } = adapter;
  if (!info?.isFallbackAdapter) return { kind: 'hardware' };
  const name = info.description || info.architecture || info.vendor || 'WebGPU';
  return { kind: 'software', name };
}
