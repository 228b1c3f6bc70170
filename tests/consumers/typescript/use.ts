import { type Segmentation, Segmenter, WordmaskError } from 'wordmask';
import { WordMask } from 'wordmask/element';

export async function use(file: File): Promise<Segmentation | undefined> {
  try {
    await using segmenter = await Segmenter.load('models/doodle/', { device: 'auto' });
    const picture = await segmenter.encode(file);
    return await picture.segment(['cat', 'tv/monitor'], { background: 'none' });
  } catch (error) {
    if (error instanceof WordmaskError && error.code === 'network') return undefined;
    throw error;
  }
}

const element: WordMask = document.createElement('word-mask');
element.addEventListener('result', ({ detail }) => console.log(detail.classes[0]?.name));
export const made: boolean = element instanceof WordMask;
