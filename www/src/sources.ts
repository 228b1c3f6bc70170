/** Every way a picture comes in: dropped, pasted, chosen. All lead to one `File`. */
import { element } from './dom.js';
import { shorten } from './state.js';

/** A picture that the browser could read: the file for the engine, and pixels to show meanwhile. */
export interface Source {
  readonly name: string;
  readonly file: File;
  readonly preview: ImageBitmap;
}

/** Reads a picture far enough to show it. Fails with a sentence for people. */
export async function readSource(file: File): Promise<Source> {
  const name = file.name === '' ? 'picture' : file.name;
  const shown = shorten(name, 60);
  if (file.size === 0) throw new Error(`“${shown}” is empty. Choose another picture.`);
  try {
    return { name, file, preview: await createImageBitmap(file) };
  } catch {
    throw new Error(
      `“${shown}” is not a picture that can be read, or it is damaged. Try a JPEG, PNG or WebP file.`,
    );
  }
}

/** The first picture of what was dropped or pasted; else the first file, so that the refusal can name it. */
function pick(files: FileList): File | null {
  return [...files].find((file) => file.type.startsWith('image/')) ?? files[0] ?? null;
}

/** Listens everywhere. `take` gets a file, `refuse` a sentence when something came that is no file. */
export function listenForPictures(
  take: (file: File) => void,
  refuse: (text: string) => void,
): void {
  const input = element('file', HTMLInputElement);
  input.addEventListener('change', () => {
    const file = input.files === null ? null : pick(input.files);
    // Emptied, so that choosing the same file again counts as a choice.
    input.value = '';
    if (file !== null) take(file);
  });

  document.addEventListener('paste', (event) => {
    const file = event.clipboardData === null ? null : pick(event.clipboardData.files);
    if (file === null) return; // Text goes where the cursor is.
    event.preventDefault();
    take(file);
  });

  listenForDrops(take, refuse);
}

function listenForDrops(take: (file: File) => void, refuse: (text: string) => void): void {
  const veil = element('drop', HTMLElement);
  // Enter and leave come for every element under the pointer: count them.
  let depth = 0;
  const show = (next: number): void => {
    depth = Math.max(0, next);
    veil.hidden = depth === 0;
  };
  addEventListener('dragenter', (event) => {
    event.preventDefault();
    show(depth + 1);
  });
  addEventListener('dragleave', () => show(depth - 1));
  addEventListener('dragover', (event) => {
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
  });
  addEventListener('drop', (event) => {
    // Always: otherwise the browser would leave the page and open the file.
    event.preventDefault();
    show(0);
    const file = event.dataTransfer === null ? null : pick(event.dataTransfer.files);
    if (file !== null) take(file);
    else
      refuse(
        'That was no file. This page contacts no other site: save the picture first, then drop the file.',
      );
  });
}
