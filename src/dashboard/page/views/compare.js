// Two versions side by side: by their own measures, and on rows of the reader's choice.

import { all, get, path, query, send } from '../api.js';
import { fill, h } from '../dom.js';
import { ago, count, number, percent, points, words } from '../format.js';
import { go, link } from '../router.js';
import { datasetChoice, usableDatasets } from '../ui/dataset-choice.js';
import { choice, field } from '../ui/field.js';
import { measuresOf } from '../ui/metrics.js';
import { modelHead, nameOf } from '../ui/model-head.js';
import { during, notify } from '../ui/notices.js';
import { emptyState, panel } from '../ui/parts.js';
import { problemPanel } from '../ui/problem.js';
import { table } from '../ui/table.js';
import { warnings } from './job-parts.js';

/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Version} Version */
/** @typedef {import('../types.js').Metrics} Metrics */

/**
 * Which of two values of a measure is the better one, in words and by a sign.
 * @param {number | null | undefined} a
 * @param {number | null | undefined} b
 * @param {import('../ui/metrics.js').Measure} measure
 * @param {[string, string]} names
 */
function better(a, b, { more, show }, names) {
  if (a === null || a === undefined || b === null || b === undefined) return '–';
  if (a === b) return 'equal';
  const by = show === percent ? points : number;
  const name = a > b === more ? names[0] : names[1];
  return h('span', { class: 'better' }, h('span', { class: 'badge accent' }, name), ` by ${by(Math.abs(a - b))}`);
}

/**
 * Measures of two versions in one table.
 * @param {string} label
 * @param {[Metrics, Metrics]} metrics
 * @param {[string, string]} names
 */
const measureTable = (label, [first, second], names) =>
  table(
    label,
    [
      { head: 'Measure', isRowHead: true, cell: (one) => one.name },
      { head: names[0], numeric: true, cell: (one) => one.show(/** @type {any} */ (first)[one.key]) },
      { head: names[1], numeric: true, cell: (one) => one.show(/** @type {any} */ (second)[one.key]) },
      {
        head: 'Better',
        cell: (one) => better(/** @type {any} */ (first)[one.key], /** @type {any} */ (second)[one.key], one, names),
      },
    ],
    measuresOf(first, second),
  );

/**
 * What two versions are, line by line.
 * @param {Version} a
 * @param {Version} b
 * @param {[string, string]} names
 */
function factTable(a, b, names) {
  /** @type {[string, (version: Version) => import('../dom.js').Child][]} */
  const lines = [
    ['Serving', (one) => (one.active ? '✓ yes' : 'no')],
    ['Made', (one) => ago(one.created_at)],
    ['Recipe', (one) => words(one.recipe ?? null)],
    ['Epochs', (one) => count(one.epochs)],
    ['Rows trained on', (one) => count(one.rows)],
    ['Training loss', (one) => number(one.loss)],
    ['Validation loss', (one) => number(one.validation_loss)],
    ['Columns', (one) => count(one.features?.length)],
    ['Aliases', (one) => one.aliases.join(', ') || '–'],
    [
      'Training',
      (one) => one.job_id && h('a', { href: link`/jobs/${one.job_id}` }, `curves of version ${one.version}`),
    ],
  ];
  return table(
    'Versions',
    [
      { head: 'What', isRowHead: true, cell: ([name]) => name },
      { head: names[0], numeric: true, cell: ([, show]) => show(a) },
      { head: names[1], numeric: true, cell: ([, show]) => show(b) },
    ],
    lines,
  );
}

/**
 * Measures both on the rows of a data set.
 * @param {Model} model
 * @param {Version} a
 * @param {Version} b
 * @param {[string, string]} names
 * @param {import('../types.js').Dataset[]} datasets
 */
function evaluateForm(model, a, b, names, datasets) {
  if (model.kind !== 'dataset' || !datasets.length) return null;
  const dataset = datasetChoice(datasets, model.dataset_id ?? '');
  if (!dataset.value) dataset.selectedIndex = 0;
  const area = h('div', { 'aria-live': 'polite' });
  const button = h('button', null, 'Measure both');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, async () => {
      try {
        const [first, second] = await Promise.all(
          [a, b].map((one) =>
            send(path`/models/${model.id}/versions/${one.version}/evaluate`, { dataset: dataset.value }),
          ),
        );
        fill(
          area,
          measureTable('Measures on this data set', [first.metrics, second.metrics], names),
          h('p', { class: 'small muted' }, `${count(first.rows)} rows. Rows that a version was trained on flatter it.`),
          warnings({ warnings: [...first.warnings, ...second.warnings] }),
        );
      } catch (error) {
        fill(area, problemPanel(error));
      }
    });
  };
  return panel(
    'On the same rows',
    h('p', { class: 'muted small' }, 'Both are asked for all rows of a data set that has the target.'),
    h('form', { class: 'inline', onsubmit: submit }, field('Data set', dataset), button),
    area,
  );
}

/**
 * The choice of the two versions.
 * @param {Model} model
 * @param {Version[]} versions
 * @param {Version} a
 * @param {Version} b
 */
function chooser(model, versions, a, b) {
  const options = versions.map(
    ({ version }) => /** @type {[string, string]} */ ([String(version), `Version ${version}`]),
  );
  const first = choice(options, String(a.version));
  const second = choice(options, String(b.version));
  const change = () => go(link`/models/${nameOf(model)}/compare`.slice(1) + query({ a: first.value, b: second.value }));
  first.addEventListener('change', change);
  second.addEventListener('change', change);
  return h('div', { class: 'fields' }, field('First', first), field('Second', second));
}

/**
 * A button that lets a version serve.
 * @param {Model} model
 * @param {Version} version
 */
function activateButton(model, version) {
  if (version.active) return null;
  const button = h(
    'button',
    {
      type: 'button',
      onclick: () =>
        during(button, async () => {
          await send(path`/models/${model.id}/versions/${version.version}/activate`);
          notify(`Version ${version.version} serves now.`);
          go(link`/models/${nameOf(model)}`.slice(1));
        }),
    },
    `Activate version ${version.version}`,
  );
  return button;
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name], parameters, signal }) {
  /** @type {[Model, Version[]]} */
  const [model, versions] = await Promise.all([
    get(path`/models/${name}`, signal),
    all(path`/models/${name}/versions`, {}, signal),
  ]);
  if (versions.length < 2) {
    return h(
      'div',
      null,
      modelHead(model, 'compare'),
      emptyState(
        'There is nothing to compare yet',
        'A further training makes a second version.',
        h('a', { class: 'button primary', href: link`/models/${name}/train` }, 'Train again'),
      ),
    );
  }
  const chosen = (/** @type {string} */ key) => versions.find(({ version }) => String(version) === parameters.get(key));
  const a = chosen('a') ?? versions.find(({ active }) => active) ?? versions[0];
  const b = chosen('b') ?? /** @type {Version} */ (versions.find((one) => one !== a));
  /** @type {[string, string]} */
  const names = [`Version ${a.version}`, `Version ${b.version}`];
  const curves =
    a.job_id &&
    b.job_id &&
    h('a', { class: 'button', href: link`/jobs/${a.job_id}` + query({ with: b.job_id }) }, 'Curves of both');
  const datasets = await usableDatasets(model, signal).catch(() => []);
  return h(
    'div',
    null,
    modelHead(model, 'compare', curves, activateButton(model, a), activateButton(model, b)),
    chooser(model, versions, a, b),
    h(
      'div',
      { class: 'columns' },
      panel(
        'Measures',
        measureTable('Measures', [a.metrics, b.metrics], names),
        h('p', { class: 'small muted' }, 'Each on the rows held out from its own training: these may differ.'),
      ),
      panel('What they are', factTable(a, b, names)),
    ),
    evaluateForm(model, a, b, names, datasets),
  );
}
