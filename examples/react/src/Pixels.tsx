import { useEffect, useRef } from 'react';

/** A canvas with these pixels. */
export function Pixels({ data, label }: { data: ImageData | undefined; label?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    if (data) canvas.current?.getContext('2d')?.putImageData(data, 0, 0);
  }, [data]);

  if (!data) return null;
  const seen = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true };
  return (
    <canvas
      ref={canvas}
      width={data.width}
      height={data.height}
      style={{ gridArea: '1 / 1', maxWidth: '100%' }}
      {...seen}
    />
  );
}
