// One version: how good it is and where it errs, what matters to it, and how it was trained.

import { get, path, request } from '../api.js';
import { bars } from '../charts/bars.js';
import { confusionMatrix } from '../charts/confusion.js';
import { plot } from '../charts/plot.js';
import { h } from '../dom.js';
import { ago, count, number, percent, words } from '../format.js';
import { link } from '../router.js';
import { lossText, measuresNote } from '../ui/loss.js';
import { distilledPanel, measureName, metricsTable } from '../ui/metrics.js';
import { modelHead, nameOf } from '../ui/model-head.js';
import { during } from '../ui/notices.js';
import { longTable } from '../ui/paged.js';
import { facts, panel } from '../ui/parts.js';
import { warnings } from './job-parts.js';

/** @typedef {import('../types.js').Version} Version */
/** @typedef {import('../types.js').ClassMetrics} ClassMetrics */

const MOST_BARS = 30;

/**
 * The names of the classes in the order of the matrix.
 * @param {Version} version
 */
const classNames = (version) => version.classes ?? (version.metrics.confusion_matrix ?? []).map((_, i) => `class ${i}`);

/** @param {Version} version */
function classPanel(version) {
  const { confusion_matrix: matrix, per_class: classes } = version.metrics;
  if (!classes?.length) return null;
  const names = classNames(version);
  return [
    matrix ? panel('Confusion matrix', confusionMatrix(matrix, names)) : null,
    panel(
      'Class by class',
      longTable(
        'Classes',
        [
          {
            head: 'Class',
            isRowHead: true,
            cell: (/** @type {ClassMetrics} */ one) => one.label ?? names[one.class] ?? `class ${one.class}`,
          },
          { head: 'Precision', numeric: true, cell: (one) => percent(one.precision) },
          { head: 'Recall', numeric: true, cell: (one) => percent(one.recall) },
          { head: 'F1', numeric: true, cell: (one) => number(one.f1) },
          { head: 'Rows', numeric: true, cell: (one) => count(one.support) },
        ],
        classes,
      ),
    ),
  ];
}

/**
 * How much each column matters.
 * @param {{ measure: string, features: { feature: string, importance: number | null, std: number | null }[] }} importance
 */
function importancePanel({ measure, features }) {
  if (!features.length) return null;
  const most = Math.max(...features.map((one) => one.importance ?? 0), 1e-12);
  return panel(
    'What matters to it',
    h(
      'p',
      { class: 'muted small' },
      `How much the ${measureName(measure)} grows when a column's values are shuffled, with its deviation.`,
    ),
    bars(
      features.slice(0, MOST_BARS).map(({ feature, importance, std }) => ({
        name: feature,
        shares: [(importance ?? 0) / most],
        text: `${number(importance)} ± ${number(std)}`,
      })),
    ),
    features.length > MOST_BARS
      ? h('p', { class: 'small muted' }, `The ${MOST_BARS} most important of ${features.length} columns.`)
      : null,
  );
}

/**
 * The curves that go with what the version predicts.
 * @param {import('../types.js').Model} model
 * @param {Version} version
 */
function plotsOf(model, { metrics }) {
  if (metrics.accuracy === undefined) {
    const isOne = model.kind === 'dataset' || model.layers?.at(-1) === 1;
    return isOne ? [['Residuals', 'residuals']] : [];
  }
  const hasRoc = metrics.roc_auc !== null && metrics.roc_auc !== undefined;
  return [['Calibration', 'calibration'], ...(hasRoc ? [['ROC curve', 'roc']] : [])];
}

/**
 * @param {import('../types.js').Model} model
 * @param {Version} version
 * @param {AbortSignal} signal
 */
const plotPanels = (model, version, signal) =>
  Promise.all(
    plotsOf(model, version).map(async ([title, name]) => {
      const address = path`/models/${model.id}/versions/${version.version}/plots/${`${name}.svg`}`;
      return panel(title, await plot(`${nameOf(model)}-${version.version}-${name}`, address, signal));
    }),
  );

/**
 * Saves the version's file: by a request, as a link would send no key.
 * @param {string} model
 * @param {Version} version
 */
function exportButton(model, version) {
  const button = h(
    'button',
    {
      type: 'button',
      onclick: () =>
        during(button, async () => {
          const reply = await request(path`/models/${model}/versions/${version.version}/export`);
          const address = URL.createObjectURL(await reply.blob());
          h('a', { href: address, download: `${model}-${version.version}.safetensors` }).click();
          setTimeout(() => URL.revokeObjectURL(address), 60000);
        }),
    },
    'Save as a file',
  );
  return button;
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name, number_], signal }) {
  const [model, version] = await Promise.all([
    get(path`/models/${name}`, signal),
    get(path`/models/${name}/versions/${number_}`, signal),
  ]);
  const [importance, plots] = await Promise.all([
    model.kind === 'dataset' ? get(path`/models/${name}/versions/${version.version}/importance`, signal) : null,
    plotPanels(model, version, signal),
  ]);
  return h(
    'div',
    null,
    modelHead(model, ''),
    h(
      'div',
      { class: 'view-head' },
      h('h2', null, `Version ${version.version}`),
      h(
        'div',
        { class: 'actions' },
        version.job_id
          ? h('a', { class: 'button', href: link`/jobs/${version.job_id}` }, 'Its training and curves')
          : null,
        exportButton(nameOf(model), version),
      ),
    ),
    facts([
      ['Serving', version.active ? '✓ yes' : 'no'],
      ['Aliases', version.aliases.join(', ') || '–'],
      ['Made', ago(version.created_at)],
      ['Epochs', count(version.epochs)],
      ['Recipe', words(version.recipe ?? null)],
      ['Loss', lossText(model)],
      ['Training loss', number(version.loss)],
      ['Validation loss', number(version.validation_loss)],
      ['Rows trained on', count(version.rows)],
    ]),
    panel('Measures', metricsTable(version.metrics), measuresNote(model, version.metrics)),
    warnings(version),
    distilledPanel(version.metrics),
    h('div', { class: 'columns' }, classPanel(version), plots, importance ? importancePanel(importance) : null),
  );
}
