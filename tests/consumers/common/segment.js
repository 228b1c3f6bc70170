import { Segmenter } from 'wordmask';

/** The label map of the sample, and which engine made it. At one scale: how many there is time for, the machine decides. */
export async function segment(model, picture) {
  const segmenter = await Segmenter.load(model, { device: 'cpu' });
  const encoded = await segmenter.encode(picture);
  const { width, height, labels, classes } = await encoded.segment(['heart', 'cup', 'grass'], {
    multiScale: false,
  });
  const engine = segmenter.device.name;
  await segmenter.close();
  return {
    engine,
    width,
    height,
    labels: [...labels],
    pixels: classes.map(({ pixels }) => pixels),
  };
}
