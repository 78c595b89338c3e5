// How a model does in service: whether it is asked what it was trained for, and whether its predictions come true.

import { get, path } from '../api.js';
import { bars } from '../charts/bars.js';
import { h } from '../dom.js';
import { ago, count, number, percent } from '../format.js';
import { modelHead } from '../ui/model-head.js';
import { panel } from '../ui/parts.js';
import { problemPanel, wasLeft } from '../ui/problem.js';
import { table } from '../ui/table.js';

/** @typedef {import('../types.js').DriftColumn} DriftColumn */
/** @typedef {import('../types.js').Bin} Bin */

const MOVED = 0.1;
const OTHER = 0.25;
const MOST_NAMED = 8;

/**
 * Whether an index of so many rows says something. Of few it is chance: about the bins divided by the rows.
 * @param {DriftColumn} column
 * @param {number} rows
 */
const isEnough = ({ bins }, rows) => rows >= 10 * bins.length;

/**
 * What an index means.
 * @param {DriftColumn} column
 * @param {number} rows
 */
function verdict(column, rows) {
  const { population_stability: index } = column;
  if (index === null) return h('span', { class: 'badge' }, 'not asked yet');
  if (!isEnough(column, rows)) return h('span', { class: 'badge' }, 'too few rows to tell');
  if (index < MOVED) return h('span', { class: 'badge good' }, '✓ as in training');
  if (index < OTHER) return h('span', { class: 'badge warn' }, '~ has moved');
  return h('span', { class: 'badge bad' }, '! another population');
}

/**
 * The bins of a column, those in training above those asked.
 * @param {DriftColumn} column
 */
function binsOf({ column, bins }) {
  const element = h('details', null, h('summary', { 'aria-label': `Bins of ${column}` }, 'Bins'));
  // Of hundreds of columns few are looked at: bars are drawn when somebody wants to see them.
  element.addEventListener('toggle', () => element.append(binBars(bins)), { once: true });
  return element;
}

/** @param {Bin[]} bins */
function binBars(bins) {
  const used = bins.filter(({ expected, actual }) => expected > 0.001 || (actual ?? 0) > 0.001);
  const most = Math.max(...used.flatMap(({ expected, actual }) => [expected, actual ?? 0]), 1e-9);
  return bars(
    used.map(({ bin, expected, actual }) => ({
      name: bin,
      shares: [expected / most, (actual ?? 0) / most],
      text: `${percent(expected)} → ${percent(actual)}`,
    })),
  );
}

/**
 * Which columns have moved, first those that have most.
 * @param {DriftColumn[]} columns
 * @param {(column: DriftColumn) => string} name
 * @param {number} rows
 */
function moved(columns, name, rows) {
  const told = columns.filter((one) => one.population_stability !== null && isEnough(one, rows));
  if (!told.length) return null;
  const index = (/** @type {DriftColumn} */ one) => one.population_stability ?? 0;
  const all = told.filter((one) => index(one) >= MOVED).sort((a, b) => index(b) - index(a));
  if (!all.length) return h('p', null, 'It is asked for the same as in training.');
  const more = all.length > MOST_NAMED ? ` and ${count(all.length - MOST_NAMED)} more` : '';
  return h(
    'p',
    null,
    'Unlike the training: ',
    h('strong', null, all.slice(0, MOST_NAMED).map(name).join(', ')),
    `${more}.`,
  );
}

/** @param {any} drift */
function driftPanel(drift) {
  /** @type {DriftColumn[]} */
  const columns = [...(drift.predictions ? [drift.predictions] : []), ...drift.columns];
  const name = (/** @type {DriftColumn} */ one) =>
    one === drift.predictions ? `${one.column} (predicted)` : one.column;
  return panel(
    'Is it asked what it was trained for?',
    h(
      'p',
      { class: 'muted small' },
      `Version ${drift.version} was asked to predict ${count(drift.rows)} rows since it was activated ${ago(drift.since)}. An index below ${MOVED} means that nothing has moved; above ${OTHER} it is another population. In the bins, the upper bar is training, the lower one what was asked.`,
    ),
    moved(columns, name, drift.rows),
    table(
      'Drift by column',
      [
        {
          head: 'Column',
          isRowHead: true,
          cell: name,
        },
        { head: 'Stability index', numeric: true, cell: (one) => number(one.population_stability) },
        { head: 'Meaning', cell: (one) => verdict(one, drift.rows) },
        { head: 'In training → asked', cell: binsOf },
      ],
      columns,
    ),
  );
}

/** @param {any[]} versions */
function feedbackPanel(versions) {
  if (!versions.length) {
    return panel(
      'Do its predictions come true?',
      h(
        'p',
        { class: 'muted' },
        'Nobody has told yet. A prediction made with ids=true has an id, by which its true outcome is told; the form for a prediction does so too.',
      ),
    );
  }
  const isClass = versions[0].metrics.accuracy !== undefined;
  const measures = isClass
    ? [
        ['accuracy', 'Accuracy', percent],
        ['log_loss', 'Log loss', number],
        ['calibration_error', 'Calibration error', number],
      ]
    : [
        ['rmse', 'RMSE', number],
        ['mae', 'MAE', number],
        ['r2', 'R²', number],
      ];
  return panel(
    'Do its predictions come true?',
    table(
      'Feedback by version',
      [
        { head: 'Version', isRowHead: true, cell: (one) => `Version ${one.version}` },
        { head: 'Outcomes', numeric: true, cell: (one) => count(one.rows) },
        ...measures.map(([key, name, show]) => ({
          head: /** @type {string} */ (name),
          numeric: true,
          cell: (/** @type {any} */ one) => /** @type {any} */ (show)(one.metrics[/** @type {string} */ (key)]),
        })),
        { head: 'Since', cell: (one) => ago(one.since) },
      ],
      versions,
    ),
  );
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name], signal }) {
  const model = await get(path`/models/${name}`, signal);
  const kept = (/** @type {unknown} */ error) => {
    if (wasLeft(error)) throw error;
    return { error };
  };
  const isAsked = model.kind === 'dataset' && model.active_version !== null;
  if (!isAsked) {
    const why =
      model.kind === 'layers' ? 'Models by layer sizes have no columns to follow.' : 'It has not been trained yet.';
    return h('div', null, modelHead(model, 'drift'), panel('There is nothing to follow', h('p', null, why)));
  }
  const [drift, feedback] = await Promise.all([
    get(path`/models/${name}/drift`, signal).catch(kept),
    get(path`/models/${name}/feedback`, signal).catch(kept),
  ]);
  return h(
    'div',
    null,
    modelHead(model, 'drift'),
    drift.error ? problemPanel(drift.error) : driftPanel(drift),
    feedback.error ? problemPanel(feedback.error) : feedbackPanel(feedback.data),
  );
}
