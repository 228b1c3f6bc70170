/** What windows of this site tell each other of models. */

interface Announcement {
  type: 'made' | 'taken';
  /** The id of the model in the browser's storage. */
  id: string;
}

const CHANNEL = 'wordmask-models';

/** Hears of models that another window has made. `take` says whether this window uses it from now on. */
export function onModelMade(take: (id: string) => Promise<boolean>): void {
  const channel = open();
  channel?.addEventListener('message', async ({ data }: MessageEvent<Announcement>) => {
    if (data.type === 'made' && (await take(data.id))) {
      channel.postMessage({ type: 'taken', id: data.id } satisfies Announcement);
    }
  });
}

/** Tells other windows of a model that was made; `taken` is called if one of them uses it. */
export function announceModel(id: string, taken: () => void): void {
  const channel = open();
  channel?.addEventListener('message', ({ data }: MessageEvent<Announcement>) => {
    if (data.type === 'taken' && data.id === id) taken();
  });
  channel?.postMessage({ type: 'made', id } satisfies Announcement);
}

function open(): BroadcastChannel | undefined {
  // Older browsers have none; their users come back by the link.
  return typeof BroadcastChannel === 'function' ? new BroadcastChannel(CHANNEL) : undefined;
}
