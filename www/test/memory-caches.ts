/** The parts of Cache Storage that are used, in memory. */
export function memoryCaches({ full = false } = {}) {
  const all = new Map<string, Map<string, Response>>();
  const caches = {
    keys: async () => [...all.keys()],
    has: async (name: string) => all.has(name),
    delete: async (name: string) => all.delete(name),
    open: async (name: string) => {
      const entries = all.get(name) ?? new Map<string, Response>();
      all.set(name, entries);
      return {
        match: async (url: string) => entries.get(url)?.clone(),
        keys: async () => [...entries.keys()].map((url) => ({ url })),
        put: async (url: string, response: Response) => {
          if (storage.full) throw new Error('QuotaExceededError');
          entries.set(url, response);
        },
      };
    },
  };
  const storage = { all, caches: caches as unknown as CacheStorage, full };
  return storage;
}
