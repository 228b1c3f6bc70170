import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no element "root".');

/** The bundle to load: `?model=` in the address, or one that lies in `public/models`. */
const model = new URLSearchParams(location.search).get('model') ?? '/models/doodle/';

createRoot(root).render(
  <StrictMode>
    <App model={model} />
  </StrictMode>,
);
