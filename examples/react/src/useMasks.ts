import { useEffect, useState } from 'react';
import type { EncodedPicture, Segmentation, Segmenter } from 'wordmask';

interface Picture {
  picture?: EncodedPicture;
  pixels?: ImageData;
  error?: Error;
}

/** The picture of a file, encoded once; words are cheap after that. */
export function usePicture(segmenter: Segmenter | undefined, file: Blob | undefined): Picture {
  const [state, setState] = useState<Picture>({});

  useEffect(() => {
    if (!segmenter || !file) return;
    const { signal, abort } = stopper();
    let encoded: EncodedPicture | undefined;
    const work = async () => {
      const picture = await segmenter.encode(file, { signal });
      encoded = picture;
      const pixels = await picture.toImageData();
      if (!signal.aborted) setState({ picture, pixels });
    };
    work().catch((error) => !signal.aborted && setState({ error }));
    return () => {
      abort();
      encoded?.free();
      setState({});
    };
  }, [segmenter, file]);

  return state;
}

interface Masks {
  result?: Segmentation;
  error?: Error;
}

/** The masks of these words. A call that new words have overtaken is stopped. */
export function useMasks(picture: EncodedPicture | undefined, words: readonly string[]): Masks {
  const [state, setState] = useState<Masks>({});

  useEffect(() => {
    if (!picture || words.length === 0) return;
    const { signal, abort } = stopper();
    picture.segment(words, { signal }).then(
      (result) => !signal.aborted && setState({ result }),
      (error) => !signal.aborted && setState({ error }),
    );
    return () => {
      abort();
      setState({});
    };
  }, [picture, words]);

  return state;
}

function stopper(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
