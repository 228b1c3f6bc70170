/** Tells React's types of the element. */
import type { DetailedHTMLProps, HTMLAttributes } from 'react';
import type { WordMask } from 'wordmask/element';
import 'wordmask/element';

type WordMaskAttributes = Partial<
  Pick<WordMask, 'src' | 'picture' | 'words' | 'model' | 'alt' | 'opacity'>
>;

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'word-mask': DetailedHTMLProps<HTMLAttributes<WordMask>, WordMask> & WordMaskAttributes;
    }
  }
}
