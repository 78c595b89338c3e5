// Measures of versions: their names, what is better, and their comparison with baselines.

import { h } from '../dom.js';
import { count, number, percent, words } from '../format.js';
import { facts, panel } from './parts.js';
import { table } from './table.js';

/** @typedef {import('../types.js').Metrics} Metrics */
/** @typedef {{ key: string, name: string, more: boolean, show: (value: number | null | undefined) => string, hint: string }} Measure */

/** @type {Measure[]} */
export const MEASURES = [
  { key: 'accuracy', name: 'Accuracy', more: true, show: percent, hint: 'the share of rows that are right' },
  { key: 'log_loss', name: 'Log loss', more: false, show: number, hint: 'how sure it was of what was not so' },
  { key: 'macro_f1', name: 'Macro F1', more: true, show: number, hint: 'precision and recall, all classes alike' },
  { key: 'roc_auc', name: 'ROC AUC', more: true, show: number, hint: 'how well it ranks two classes' },
  { key: 'pinball_loss', name: 'Pinball loss', more: false, show: number, hint: 'how far off the quantile is' },
  { key: 'poisson_deviance', name: 'Poisson deviance', more: false, show: number, hint: 'how far off the rates are' },
  {
    key: 'rmse',
    name: 'RMSE',
    more: false,
    show: number,
    hint: 'the root of the mean squared error, in the unit of the target',
  },
  { key: 'mae', name: 'MAE', more: false, show: number, hint: 'the mean absolute error, in the unit of the target' },
  { key: 'r2', name: 'R²', more: true, show: number, hint: 'the share of the variance that is explained' },
];

/**
 * The measures that at least one of these has.
 * @param {(Metrics | Record<string, any> | null | undefined)[]} all
 */
export const measuresOf = (...all) =>
  MEASURES.filter(({ key }) =>
    all.some(
      (metrics) => /** @type {any} */ (metrics)?.[key] !== undefined && /** @type {any} */ (metrics)?.[key] !== null,
    ),
  );

/**
 * A value of a measure as that is shown.
 * @param {string} key
 * @param {number | null} value
 */
export const shownMeasure = (key, value) => (MEASURES.find((one) => one.key === key)?.show ?? number)(value);

/**
 * The name of a measure.
 * @param {string} key
 */
export const measureName = (key) => MEASURES.find((one) => one.key === key)?.name ?? words(key);

/**
 * One measure in one word: what a list shows of a version.
 * @param {Metrics | null} metrics
 */
export function headline(metrics) {
  const first = measuresOf(metrics)[0];
  return first && metrics ? `${first.name} ${first.show(/** @type {any} */ (metrics)[first.key])}` : '–';
}

const BASELINES = /** @type {Record<string, string>} */ ({
  majority_class: 'Most frequent class',
  mean: 'Mean of the target',
  median: 'Median of the target',
  quantile: 'Quantile of the target',
  linear: 'Linear model',
});

/**
 * The measures of a version beside what needs no network.
 * @param {Metrics} metrics
 */
export function metricsTable(metrics) {
  const baselines = Object.entries(metrics.baselines ?? {});
  const measures = measuresOf(metrics);
  const rows = table(
    'Measures',
    [
      {
        head: 'Measure',
        isRowHead: true,
        cell: (/** @type {Measure} */ one) => [
          one.name,
          h('div', { class: 'small muted' }, `${one.more ? 'more' : 'less'} is better: ${one.hint}`),
        ],
      },
      {
        head: 'This network',
        numeric: true,
        cell: (one) => h('strong', null, one.show(/** @type {any} */ (metrics)[one.key])),
      },
      ...baselines.map(([name, baseline]) => ({
        head: BASELINES[name] ?? name,
        numeric: true,
        cell: (/** @type {Measure} */ one) => (baseline[one.key] === undefined ? '–' : one.show(baseline[one.key])),
      })),
    ],
    measures,
  );
  rows.classList.add('measures');
  const rowsText = metrics.rows ? `${count(metrics.rows)} ` : '';
  const which =
    metrics.rows_used === 'training'
      ? 'rows that it was trained on: no rows were held out'
      : 'rows held out from training';
  return [
    rows,
    h(
      'p',
      { class: 'small muted' },
      `Measured on ${rowsText}${which}`,
      metrics.split ? ` (${metrics.split.type}: ${metrics.split.reason}).` : '.',
    ),
  ];
}

/**
 * A version beside the one whose answers it learned, if it learned those of one.
 * @param {Metrics} metrics
 */
export function distilledPanel({ distilled }) {
  if (!distilled) return null;
  const { version, rows, metric, value, of_version: other, measures_flatter: flatter, reason } = distilled;
  /** @type {[string, string][]} */
  const measured = [
    [`This version: ${words(metric)}`, shownMeasure(metric, value)],
    [`Version ${version}: ${words(metric)}`, shownMeasure(metric, other)],
    ['Rows that neither has learned from', count(rows)],
  ];
  return panel(
    `One network that learned what version ${version} answers`,
    reason ? h('p', { class: 'muted' }, reason) : facts(measured),
    flatter ? h('p', null, `The measures above flatter: version ${version} may have learned from their rows.`) : null,
  );
}
