// One data set: its columns, what is odd about it, its first rows, and the way to a training.

import { get, path, remove } from '../api.js';
import { histogram, shares } from '../charts/histogram.js';
import { h } from '../dom.js';
import { ago, bytes, count, counted, number, percent } from '../format.js';
import { go } from '../router.js';
import { confirmed } from '../ui/dialog.js';
import { during, notify } from '../ui/notices.js';
import { longTable } from '../ui/paged.js';
import { facts, panel, viewHead } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { trainForm } from './train-form.js';

/** @typedef {import('../types.js').Dataset} Dataset */
/** @typedef {import('../types.js').Column} Column */
/** @typedef {Record<string, any>} Row */

const PREVIEW_ROWS = 12;
const PREVIEW_COLUMNS = 40;
const SAMPLE_ROWS = 1000;
const SAMPLE_CELLS = 50000;

/**
 * How the cells of a column are written, in words.
 * @param {Column} column
 */
function written(column) {
  const format = column.format;
  const order = column.date_order ? column.date_order.replace('_', ' ') : '';
  if (!format) return order;
  if (format.format) return `dates as ${format.format}`;
  const parts = [
    format.prefix && `${format.prefix} before`,
    format.suffix && `${format.suffix} behind`,
    format.thousands && `“${format.thousands}” between thousands`,
    format.decimal === ',' && 'decimal comma',
    format.scale && format.scale !== 1 && `times ${format.scale}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/**
 * The middle of a column, as far as there is one.
 * @param {Column} column
 */
function range(column) {
  if (column.type === 'numeric') return `${number(column.min)} to ${number(column.max)}`;
  if (column.type === 'datetime') return `${String(column.min).slice(0, 10)} to ${String(column.max).slice(0, 10)}`;
  if (column.type === 'boolean') return `${percent(column.mean)} true`;
  return '–';
}

/**
 * How a column's values are spread: numbers of the rows looked at, words by their frequency in all rows.
 * @param {Column} column
 * @param {Row[]} sample
 * @param {number} rows
 */
function spread(column, sample, rows) {
  if (column.type === 'numeric') {
    const values = sample.map((row) => row[column.name]).filter((value) => typeof value === 'number');
    return values.length
      ? histogram(
          values,
          `${column.name} in the first ${counted(sample.length, 'row')}: from ${number(column.min)} to ${number(column.max)}, mean ${number(column.mean)}`,
        )
      : null;
  }
  if (column.type === 'text' || column.type === 'datetime') return null;
  return shares(column.top.slice(0, 3), rows);
}

/**
 * @param {Dataset} dataset
 * @param {Row[]} sample
 */
function columnTable(dataset, sample) {
  return longTable(
    'Columns',
    [
      { head: 'Column', isRowHead: true, cell: (/** @type {Column} */ one) => one.name },
      {
        head: 'Type',
        cell: (one) => [
          h('span', { class: 'badge' }, one.type),
          written(one) ? h('div', { class: 'small muted' }, written(one)) : null,
        ],
      },
      { head: 'Spread', cell: (one) => spread(one, sample, dataset.rows) },
      {
        head: 'Missing',
        numeric: true,
        cell: (one) => (one.missing ? `${count(one.missing)} (${percent(one.missing / dataset.rows)})` : '0'),
      },
      { head: 'Distinct', numeric: true, cell: (one) => count(one.distinct) },
      { head: 'Range', numeric: true, cell: range },
      {
        head: 'Mean ± deviation',
        numeric: true,
        cell: (one) => (one.type === 'numeric' ? `${number(one.mean)} ± ${number(one.std)}` : '–'),
      },
    ],
    dataset.columns,
    40,
  );
}

/** @param {Dataset} dataset */
const findings = (dataset) =>
  dataset.findings.length > 0 &&
  h(
    'section',
    { class: 'panel advice' },
    h('h2', null, 'Worth knowing before training'),
    h(
      'ul',
      null,
      dataset.findings.map((one) => h('li', null, one.message)),
    ),
  );

/** @param {any} cell */
const cellText = (cell) =>
  cell === null || cell === undefined ? h('span', { class: 'muted' }, 'missing') : String(cell);

/**
 * @param {Dataset} dataset
 * @param {Row[]} rows
 */
function preview(dataset, rows) {
  const element = table(
    'First rows',
    dataset.columns.slice(0, PREVIEW_COLUMNS).map((column) => ({
      head: column.name,
      numeric: column.type === 'numeric',
      cell: (/** @type {Row} */ row) => cellText(row[column.name]),
    })),
    rows,
  );
  element.classList.add('preview');
  return element;
}

/** @param {Dataset} dataset */
function deleteButton(dataset) {
  const name = dataset.name ?? dataset.id;
  const button = h(
    'button',
    {
      type: 'button',
      class: 'danger',
      onclick: () =>
        during(button, async () => {
          if (
            !(await confirmed(
              `Delete ${name}?`,
              'Its rows are gone for good. Models that were trained on it stay.',
              'Delete it',
            ))
          )
            return;
          await remove(path`/datasets/${dataset.id}`);
          notify(`${name} was deleted.`);
          go('/datasets');
        }),
    },
    'Delete',
  );
  return button;
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name], signal }) {
  /** @type {Dataset} */
  const dataset = await get(path`/datasets/${name}`, signal);
  const limit = Math.max(PREVIEW_ROWS, Math.min(SAMPLE_ROWS, Math.floor(SAMPLE_CELLS / dataset.columns.length)));
  const form = trainForm(dataset);
  const { data: rows } = await get(path`/datasets/${dataset.id}/rows` + `?limit=${limit}`, signal);
  return h(
    'div',
    null,
    viewHead(dataset.name ?? dataset.id, [`Stored ${ago(dataset.created_at)}`], deleteButton(dataset)),
    facts([
      ['Rows', count(dataset.rows)],
      ['Columns', count(dataset.columns.length)],
      ['Size', bytes(dataset.bytes)],
    ]),
    findings(dataset),
    panel('Train a model on it', form),
    h(
      'section',
      { class: 'paged' },
      h('h2', null, 'Columns'),
      columnTable(dataset, rows),
      h('p', { class: 'small muted' }, `Histograms show the first ${counted(rows.length, 'row')}, shares all rows.`),
    ),
    h(
      'section',
      { class: 'paged' },
      h('h2', null, 'First rows'),
      preview(dataset, rows.slice(0, PREVIEW_ROWS)),
      dataset.columns.length > PREVIEW_COLUMNS &&
        h('p', { class: 'small muted' }, `The first ${PREVIEW_COLUMNS} of ${count(dataset.columns.length)} columns.`),
    ),
  );
}
