// One data set: its columns, what is odd about it, its first rows, and the way to a training.

import { get, path, remove } from '../api.js';
import { histogram, shares } from '../charts/histogram.js';
import { h } from '../dom.js';
import { ago, bytes, count, counted, number, percent } from '../format.js';
import { go } from '../router.js';
import { confirmed } from '../ui/dialog.js';
import { during, notify } from '../ui/notices.js';
import { longTable } from '../ui/paged.js';
import { facts, findingItem, panel, viewHead } from '../ui/parts.js';
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
 * The middle of a column, as far as there is one: a column without values has none.
 * @param {Column} column
 */
export function range({ type, min, max, mean }) {
  if (type === 'boolean' && mean !== null) return `${percent(mean)} true`;
  if (min === null || min === undefined) return '–';
  if (type === 'numeric') return `${number(min)} to ${number(max)}`;
  return type === 'datetime' ? `${String(min).slice(0, 10)} to ${String(max).slice(0, 10)}` : '–';
}

/**
 * The cells of a column as numbers: of texts their lengths. None where a cell is none of these.
 * @param {Column} column
 * @param {any} cell
 */
function numberOf({ type }, cell) {
  if (type === 'text') return typeof cell === 'string' ? cell.length : NaN;
  return type === 'datetime' ? Date.parse(cell) : cell;
}

/**
 * The values of a numeric column in all rows, where the profile names each of them.
 * @param {Column} column
 * @param {number} rows
 */
function allValues({ type, top, missing }, rows) {
  const isWhole = top.reduce((sum, one) => sum + one.count, 0) === rows - missing;
  return type === 'numeric' && isWhole ? top.map((one) => ({ value: Number(one.value), count: one.count })) : null;
}

/**
 * How a column's values are spread: words by their frequency in all rows, others as a histogram. The service tells of all
 * rows the ends and the most frequent values alone, so that further values are those of the first rows.
 * @param {Column} column
 * @param {Row[]} sample
 * @param {number} rows
 */
function spread(column, sample, rows) {
  const { name, type } = column;
  if (type === 'categorical' || type === 'boolean') return shares(column.top.slice(0, 3), rows);
  const all = allValues(column, rows);
  const first = sample.map((row) => ({ value: numberOf(column, row[name]), count: 1 }));
  const values = (all ?? first).filter(({ value }) => Number.isFinite(value));
  if (!values.length) return null;
  /** @type {[number, number] | null} */
  const ends = type === 'text' ? null : [numberOf(column, column.min), numberOf(column, column.max)];
  const isWhole = all !== null || sample.length === rows;
  const of = isWhole ? 'all rows' : `the first ${counted(sample.length, 'row')}`;
  const what = type === 'text' ? `Lengths of ${name}` : name;
  const mean = type === 'numeric' ? `, mean ${number(column.mean)}` : '';
  const told = type === 'text' ? '' : `: from ${range(column)}${mean}`;
  return [
    histogram(values, `${what} in ${of}${told}`, ends),
    h('div', { class: 'small muted' }, [type === 'text' && 'lengths', !isWhole && of].filter(Boolean).join(' in ')),
  ];
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
    h('ul', null, dataset.findings.map(findingItem)),
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
      h('div', { class: 'described' }, columnTable(dataset, rows)),
      h(
        'p',
        { class: 'small muted' },
        'Histograms and shares are of all rows, unless other rows are named below. A histogram reaches from the least to the largest value of all rows in any case.',
      ),
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
