'use client';

import { useEffect } from 'react';
import { segment } from '../segment.js';
import 'wordmask/element';

async function answer(given) {
  try {
    const picture = await fetch(given.get('picture'));
    return await segment(given.get('model'), await picture.blob());
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}

export default function Page() {
  useEffect(() => {
    const given = new URLSearchParams(location.search);
    answer(given).then((body) =>
      fetch(given.get('report'), { method: 'POST', body: JSON.stringify(body) }),
    );
  }, []);
  return <word-mask alt="A scene" />;
}
