/** A page that segments a sample and posts the answer. The addresses come in its own. */
import { segment } from './segment.js';

const given = new URLSearchParams(location.search);

async function answer() {
  try {
    const picture = await fetch(given.get('picture'));
    return await segment(given.get('model'), await picture.blob());
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}

await fetch(given.get('report'), { method: 'POST', body: JSON.stringify(await answer()) });
