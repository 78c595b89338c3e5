// Tables that scroll inside their own frame, with numbers aligned.

import { h } from '../dom.js';

/**
 * A column: its heading, with more words where somebody points at it, and the content of its cell for an entry. Numbers stand at
 * the right.
 * @template T
 * @typedef {{ head: string, cell: (entry: T) => import('../dom.js').Child | import('../dom.js').Child[],
 *   numeric?: boolean, isRowHead?: boolean, title?: string }} TableColumn
 */

/**
 * @template T
 * @param {TableColumn<T>[]} columns
 * @param {T} entry
 */
export function tableRow(columns, entry) {
  return h(
    'tr',
    null,
    columns.map(({ cell, numeric, isRowHead }) =>
      h(isRowHead ? 'th' : 'td', { class: numeric ? 'number' : null, scope: isRowHead ? 'row' : null }, cell(entry)),
    ),
  );
}

/**
 * A table of entries.
 * @template T
 * @param {string} label
 * @param {TableColumn<T>[]} columns
 * @param {T[]} entries
 */
export function table(label, columns, entries) {
  const heads = columns.map(({ head, numeric, title }) =>
    h('th', { scope: 'col', class: numeric ? 'number' : null, title }, head),
  );
  return h(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': label, tabindex: '0' },
    h(
      'table',
      null,
      h('thead', null, h('tr', null, heads)),
      h(
        'tbody',
        null,
        entries.map((entry) => tableRow(columns, entry)),
      ),
    ),
  );
}
