// A table of a list that is too long for one reply: further pages come when they are asked for.

import { h } from '../dom.js';
import { during } from './notices.js';
import { table, tableRow } from './table.js';

/**
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
  const more = h('button', {
    type: 'button',
    onclick: () => during(more, async () => {
      const page = await load(cursor);
      cursor = page.next_cursor;
      body.append(...page.data.map((entry) => tableRow(columns, entry)));
      state.textContent = `${body.children.length} shown`;
      more.hidden = cursor === null;
    }),
  }, 'Show more');
  const state = h('span', { class: 'muted small', role: 'status' }, cursor ? `${first.data.length} shown` : '');
  more.hidden = cursor === null;
  return h('div', { class: 'paged' }, element, h('div', { class: 'actions' }, more, state));
}
