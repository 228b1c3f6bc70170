import { type ChangeEvent, useMemo, useState } from 'react';
import type { Progress } from 'wordmask';
import { Pixels } from './Pixels';
import { useMasks, usePicture } from './useMasks';
import { useSegmenter } from './useSegmenter';
import './word-mask';

export function App({ model }: { model: string }) {
  const [file, setFile] = useState<File>();
  const [text, setText] = useState('');
  const words = useMemo(() => split(text), [text]);

  const choose = (event: ChangeEvent<HTMLInputElement>) => setFile(event.target.files?.[0]);

  return (
    <main>
      <label>
        Picture <input type="file" accept="image/*" onChange={choose} />
      </label>
      <label>
        Words <input value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <h2>With hooks</h2>
      <Masks model={model} file={file} words={words} />
      <h2>With the element</h2>
      <word-mask picture={file} words={text} model={model} alt="The picture" />
    </main>
  );
}

function Masks({ model, file, words }: { model: string; file?: File; words: readonly string[] }) {
  const loading = useSegmenter(model);
  const { picture, pixels, error: unread } = usePicture(loading.segmenter, file);
  const { result, error: unsegmented } = useMasks(picture, words);
  const masks = useMemo(() => result?.toImageData({ opacity: 0.6 }), [result]);
  const error = loading.error ?? unread ?? unsegmented;

  return (
    <section>
      {error && <p role="alert">{error.message}</p>}
      {loading.progress && <p role="status">{told(loading.progress)}</p>}
      <div style={{ display: 'grid' }}>
        <Pixels data={pixels} label="The picture" />
        <Pixels data={masks} />
      </div>
      <ul>
        {result?.classes.map(({ name, color, fraction }) => (
          <li key={name}>
            <span style={{ background: `rgb(${color.join(' ')})` }}>&emsp;</span> {name}{' '}
            {Math.round(fraction * 100)} %
          </li>
        ))}
      </ul>
    </section>
  );
}

function split(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function told(progress: Progress): string {
  if (progress.phase !== 'download') return 'Preparing the model';
  return `Downloading the model: ${Math.round((progress.loaded / progress.total) * 100)} %`;
}
