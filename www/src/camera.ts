/** A still of the camera as a picture like any other. */
import { element } from './dom.js';
import { t } from './texts.js';

/** Shows the button where there is a way to a camera; `take` gets each still. */
export function connectCamera(take: (still: File) => void): void {
  const open = element('camera-open', HTMLButtonElement);
  const dialog = element('camera', HTMLDialogElement);
  const view = element('camera-view', HTMLVideoElement);
  const note = element('camera-note', HTMLElement);
  const shoot = element('camera-take', HTMLButtonElement);
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  open.hidden = typeof devices?.getUserMedia !== 'function';
  /** Counts what was asked for, so that a stream that comes too late is let go of. */
  let turn = 0;

  const release = (): void => {
    turn++;
    stop(view.srcObject);
    view.srcObject = null;
    shoot.disabled = true;
  };
  const start = async (): Promise<void> => {
    const mine = ++turn;
    note.textContent = t.camera.starting;
    dialog.showModal();
    try {
      const stream = await devices.getUserMedia({
        // As much as the camera has; the one that looks away from the person, where there are two.
        video: { facingMode: 'environment', width: { ideal: 4096 }, height: { ideal: 4096 } },
      });
      if (mine !== turn) return stop(stream);
      view.srcObject = stream;
      await view.play();
      if (mine !== turn) return;
      note.textContent = '';
      shoot.disabled = false;
      shoot.focus();
    } catch (error) {
      if (mine === turn) note.textContent = reason(error);
    }
  };

  open.addEventListener('click', () => void start());
  element('camera-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
  shoot.addEventListener('click', async () => {
    const still = await frame(view);
    if (still === null) {
      note.textContent = t.camera.failed;
      return;
    }
    dialog.close();
    take(still);
  });
  // Escape closes it too.
  dialog.addEventListener('close', release);
  addEventListener('pagehide', release);
}

function stop(stream: MediaProvider | null): void {
  if (stream instanceof MediaStream) for (const track of stream.getTracks()) track.stop();
}

/** What the camera shows now. */
async function frame(view: HTMLVideoElement): Promise<File | null> {
  const canvas = document.createElement('canvas');
  canvas.width = view.videoWidth;
  canvas.height = view.videoHeight;
  canvas.getContext('2d')?.drawImage(view, 0, 0);
  const blob = await new Promise<Blob | null>((done) => {
    canvas.toBlob(done, 'image/jpeg', 0.95);
  });
  return blob && new File([blob], `${t.camera.fileName}.jpg`, { type: blob.type });
}

function reason(error: unknown): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return t.camera.denied;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return t.camera.none;
    case 'NotReadableError':
    case 'AbortError':
      return t.camera.busy;
    default:
      return t.camera.failed;
  }
}
