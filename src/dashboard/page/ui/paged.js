// A table of a list that is too long for one reply: further pages come when they are asked for.

import { h } from '../dom.js';
import { count } from '../format.js';
import { during } from './notices.js';
import { table, tableRow } from './table.js';

/** Rows that are drawn at once: few enough that a slow machine lays them out in a frame or two, whatever their cells hold. */
const PIECE = 10;

/**
 * A table of one page. Its rows come in pieces with a frame in between, so that the page answers all the while.
 * @template T
 * @param {string} label
 * @param {import('./table.js').TableColumn<T>[]} columns
 * @param {T[]} entries
 * @returns {{ element: HTMLElement, drawn: Promise<void> }} The table, and when all its rows are in it.
 */
function tableInPieces(label, columns, entries) {
  const element = table(label, columns, entries.slice(0, PIECE));
  const body = /** @type {HTMLElement} */ (element.querySelector('tbody'));
  const draw = async () => {
    for (let from = PIECE; from < entries.length; from += PIECE) {
      await new Promise(requestAnimationFrame);
      body.append(...entries.slice(from, from + PIECE).map((entry) => tableRow(columns, entry)));
    }
  };
  return { element, drawn: draw() };
}

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
 * A list of the service of which the first page is here: a table a page, as one long table would be laid out anew as a
 * whole with every row that comes.
 * @template T
 * @param {string} label
 * @param {import('./table.js').TableColumn<T>[]} columns
 * @param {{ data: T[], next_cursor: string | null }} first
 * @param {(cursor: string | null) => Promise<{ data: T[], next_cursor: string | null }>} load
 */
export function pagedTable(label, columns, first, load) {
  const pages = h('div', { class: 'pages' }, tableInPieces(label, columns, first.data).element);
  let shown = first.data.length;
  let cursor = first.next_cursor;
  const more = h(
    'button',
    {
      type: 'button',
      onclick: () =>
        during(more, async () => {
          const page = await load(cursor);
          const from = shown + 1;
          shown += page.data.length;
          const { element, drawn } = tableInPieces(`${label}, ${count(from)} to ${count(shown)}`, columns, page.data);
          pages.append(element);
          await drawn;
          cursor = page.next_cursor;
          state.textContent = `${count(shown)} shown`;
          more.hidden = cursor === null;
        }),
    },
    'Show more',
  );
  const state = h('span', { class: 'muted small', role: 'status' }, cursor ? `${count(shown)} shown` : '');
  more.hidden = cursor === null;
  return h('div', { class: 'paged' }, pages, h('div', { class: 'actions' }, more, state));
}
