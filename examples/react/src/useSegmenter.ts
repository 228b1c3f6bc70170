import { useEffect, useState } from 'react';
import { type Progress, Segmenter } from 'wordmask';

interface Loading {
  segmenter?: Segmenter;
  progress?: Progress;
  error?: Error;
}

/** A segmenter for as long as the component lives. */
export function useSegmenter(model: string): Loading {
  const [loading, setLoading] = useState<Loading>({});

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const loaded = Segmenter.load(model, {
      signal,
      onProgress: (progress) => setLoading({ progress }),
    });
    loaded.then(
      (segmenter) => {
        if (!signal.aborted) setLoading({ segmenter });
      },
      (error) => {
        if (!signal.aborted) setLoading({ error });
      },
    );
    return () => {
      stop.abort();
      loaded.then(
        (segmenter) => segmenter.close(),
        () => undefined,
      );
      setLoading({});
    };
  }, [model]);

  return loading;
}
