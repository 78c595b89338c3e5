// A table of a list that is too long for one reply: further pages come when they are asked for.

import { h } from '../dom.js';
import { during } from './notices.js';
import { table, tableRow } from './table.js';

/**
 * Gives a list that is all here page by page.
 * @template T
 * @param {T[]} entries
 * @param {number} size
 */
function localPages(entries, size) {
  return (/** @type {string | null} */ cursor) => {
    const from = Number(cursor ?? 0);
    const to = from + size;
    return { data: entries.slice(from, to), next_cursor: to < entries.length ? String(to) : null };
  };
}

/**
 * A table of a list that is all here, of which some rows are shown at first.
 * @template T
 * @param {string} label
 * @param {import('./table.js').TableColumn<T>[]} columns
 * @param {T[]} entries
 * @param {number} [size]
 */
export function longTable(label, columns, entries, size = 100) {
  const page = localPages(entries, size);
  return pagedTable(label, columns, page(null), async (cursor) => page(cursor));
}

/**
 * A table of a list of the service, of which the first page is here.
 * @template T
 * @param {string} label
 * @param {import('./table.js').TableColumn<T>[]} columns
 * @param {{ data: T[], next_cursor: string | null }} first
 * @param {(cursor: string | null) => Promise<{ data: T[], next_cursor: string | null }>} load
 */
export function pagedTable(label, columns, first, load) {
  const element = table(label, columns, first.data);
  element.classList.add('long');
  const body = /** @type {HTMLElement} */ (element.querySelector('tbody'));
  let cursor = first.next_cursor;
  const more = h(
    'button',
    {
      type: 'button',
      onclick: () =>
        during(more, async () => {
          const page = await load(cursor);
          cursor = page.next_cursor;
          body.append(...page.data.map((entry) => tableRow(columns, entry)));
          state.textContent = `${body.children.length} shown`;
          more.hidden = cursor === null;
        }),
    },
    'Show more',
  );
  const state = h('span', { class: 'muted small', role: 'status' }, cursor ? `${first.data.length} shown` : '');
  more.hidden = cursor === null;
  return h('div', { class: 'paged' }, element, h('div', { class: 'actions' }, more, state));
}
