/** Published models as rows of a list: what they know, what they take, under which licence. */
import { english, make } from './dom.js';
import { form, megabytes, number, percent } from './formats.js';
import { FIRST, type PublishedModel, published, seenBy } from './published.js';
import { t } from './texts.js';

/**
 * Fills a list with the published models: a few at first, the others behind a fold.
 *
 * @param action What stands beside each: how to get it.
 */
export function showPublished(
  list: HTMLUListElement,
  wanted: (model: PublishedModel) => boolean,
  action: (model: PublishedModel) => HTMLElement,
): void {
  const open = list.querySelector('details')?.open ?? false;
  const rows = published.filter(wanted).map((model) => row(model, action(model)));
  const others = rows.slice(FIRST);
  list.replaceChildren(...rows.slice(0, FIRST));
  if (others.length === 0) return;
  const fold = make('details', 'more');
  fold.open = open;
  const inner = make('ul');
  inner.append(...others);
  const count = others.length;
  fold.append(make('summary', '', t.published.more(form(count), number(count))), inner);
  const item = make('li');
  item.append(fold);
  list.append(item);
}

function row(model: PublishedModel, action: HTMLElement): HTMLLIElement {
  const item = make('li', 'model published');
  item.id = `published-${model.name}`;
  const title = make('p', 'title');
  title.append(make('span', 'name', model.title));
  if (model.recommended) title.append(' ', make('span', 'badge', t.published.recommended));
  const about = make('div', 'quiet');
  about.append(make('p', '', seenBy(model, t)), facts(model));
  item.append(title, about, action);
  return item;
}

function facts(model: PublishedModel): HTMLParagraphElement {
  const line = make('p', 'facts');
  const { download_megabytes, stored_megabytes, scheme, imagenet } = model;
  const sizes = [download_megabytes, stored_megabytes[scheme]].map((size) =>
    megabytes(size * 1e6, 0),
  );
  line.append(
    `${t.published.takes(sizes[0] ?? '', sizes[1] ?? '')} · `,
    link(t.published.accuracy(percent(imagenet.top1)), imagenet.source),
    ` · ${t.published.license} `,
    english(link(model.license, model.license_source, model.license_note)),
  );
  return line;
}

function link(text: string, address: string, title = ''): HTMLAnchorElement {
  const made = make('a', '', text);
  made.href = address;
  made.target = '_blank';
  made.rel = 'noopener noreferrer';
  if (title !== '') made.title = title;
  return made;
}
