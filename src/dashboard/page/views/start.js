// The first view: what there is, or the three steps of a fresh service.

import { get, request } from '../api.js';
import { h } from '../dom.js';
import { ago, count, counted } from '../format.js';
import { go, link } from '../router.js';
import { key } from '../session.js';
import { datasetNames } from '../ui/dataset-choice.js';
import { keepFile, onDrop } from '../ui/drop.js';
import { during } from '../ui/notices.js';
import { copyable, panel, stateBadge, viewHead } from '../ui/parts.js';
import { table } from '../ui/table.js';
import { xorButton } from '../ui/xor.js';
import { upload } from '../upload.js';

/** @typedef {import('../types.js').Dataset} Dataset */
/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Job} Job */

/**
 * Stores the table of penguins that the page brings along, or goes to it where it is stored already.
 * @param {AbortSignal} signal
 */
async function takeSample(signal) {
  const file = await (await request('/page/sample/penguins.csv')).blob();
  await upload(file, 'text/csv', { name: 'penguins' }, () => {}, signal).catch((error) => {
    if (error.problem?.code !== 'name_taken') throw error;
  });
  go('/datasets/penguins');
}

/** @param {AbortSignal} signal */
function sampleButton(signal) {
  const button = h(
    'button',
    { type: 'button', onclick: () => during(button, () => takeSample(signal)) },
    'Take the sample: penguins',
  );
  return button;
}

/**
 * One step, with its number.
 * @param {number} number
 * @param {string} title
 * @param {string} text
 * @param {...import('../dom.js').Child} actions
 */
const step = (number, title, text, ...actions) =>
  h(
    'li',
    { class: 'panel' },
    h('span', { class: 'step-number', 'aria-hidden': 'true' }, number),
    h('h2', null, title),
    h('p', { class: 'muted' }, text),
    actions.length ? h('div', { class: 'actions' }, actions) : null,
  );

/** @param {AbortSignal} signal */
const steps = (signal) =>
  h(
    'ol',
    { class: 'steps' },
    step(
      1,
      'Bring a table',
      'Drop it anywhere on this page: CSV, Excel, Parquet and more, as it is, words, dates and gaps included.',
      h('a', { class: 'button primary', href: '#/datasets' }, 'Upload a table'),
      sampleButton(signal),
    ),
    step(
      2,
      'Choose a target and train',
      'Say which column to predict. You see the loss of every epoch, and how the network does beside a simple guess.',
    ),
    step(3, 'Predict', 'Fill in a form, or copy the line that asks the service from your own program.'),
  );

/** An example without any table. */
const example = () =>
  panel(
    'XOR from the article',
    h(
      'p',
      { class: 'muted' },
      'No table at hand? Nine parameters learn XOR in 10,000 epochs. See the loss fall, then walk through the backpropagation of one row, number by number.',
    ),
    h('div', { class: 'actions' }, xorButton()),
  );

/** The way without this page: a command, and what describes the service. */
const fromShell = () =>
  panel(
    'From a shell',
    h(
      'p',
      { class: 'muted' },
      'One command stores a table, makes a model of it and trains. Everything on this page is such a request.',
    ),
    copyable(
      `curl -s '${location.origin}/train?name=penguins&target=species' -H 'Content-Type: text/csv'${key() ? ' -H "Authorization: Bearer $EPOCHD_KEY"' : ''} --data-binary @penguins.csv`,
      'Command that trains',
    ),
    h(
      'p',
      null,
      h('a', { href: '/docs' }, 'The whole API'),
      ' · ',
      h('a', { href: '/docs/errors' }, 'What errors mean'),
      key() ? null : h('span', null, ' · ', h('a', { href: '/metrics' }, 'Metrics')),
    ),
  );

/** @param {Model[]} models */
const modelTable = (models) =>
  table(
    'Newest models',
    [
      {
        head: 'Model',
        isRowHead: true,
        cell: (model) => h('a', { href: link`/models/${model.name ?? model.id}` }, model.name ?? model.id.slice(0, 13)),
      },
      { head: 'Predicts', cell: (model) => model.target ?? counted(model.layers?.at(-1) ?? 0, 'number') },
      {
        head: 'Serves',
        numeric: true,
        cell: (model) => (model.active_version ? `version ${model.active_version}` : 'not trained'),
      },
      { head: 'Changed', cell: (model) => ago(model.updated_at) },
    ],
    models,
  );

/**
 * @param {Job[]} jobs
 * @param {Model[]} models
 */
const jobTable = (jobs, models) =>
  table(
    'Newest trainings',
    [
      {
        head: 'Training of',
        isRowHead: true,
        cell: (job) =>
          h(
            'a',
            { href: link`/jobs/${job.id}` },
            models.find(({ id }) => id === job.model_id)?.name ?? job.model_id.slice(0, 13),
          ),
      },
      { head: 'State', cell: (job) => stateBadge(job.state) },
      { head: 'Epochs', numeric: true, cell: (job) => count(job.epoch) },
      { head: 'Created', cell: (job) => ago(job.created_at) },
    ],
    jobs,
  );

/** @param {Dataset[]} datasets */
function datasetTable(datasets) {
  const name = datasetNames(datasets);
  return table(
    'Newest data sets',
    [
      {
        head: 'Data set',
        isRowHead: true,
        cell: (one) => h('a', { href: link`/datasets/${one.name ?? one.id}`, title: one.id }, name(one)),
      },
      { head: 'Rows', numeric: true, cell: (one) => count(one.rows) },
      { head: 'Columns', numeric: true, cell: (one) => count(one.columns.length) },
    ],
    datasets,
  );
}

/**
 * A panel with the newest entries and a link to all of them.
 * @param {string} title
 * @param {string} href
 * @param {Node | null} content
 */
const newest = (title, href, content) =>
  content &&
  panel(title, h('div', { class: 'newest' }, content), h('p', null, h('a', { href }, `All ${title.toLowerCase()}`)));

/**
 * The frame of the view, in which a table can be dropped anywhere: the view of the data takes it.
 * @param {AbortSignal} signal
 * @param {...import('../dom.js').Child} children
 */
function frame(signal, ...children) {
  const element = h('div', { class: 'drop-view' }, ...children);
  const take = (/** @type {File} */ file) => {
    keepFile(file);
    go('/datasets');
  };
  onDrop(window, element, take, signal);
  return element;
}

/** @type {import('../router.js').View} */
export async function view({ signal }) {
  // A key of the role `predict` may read models alone.
  const list = (/** @type {string} */ path) => get(`${path}?limit=5`, signal).then((page) => page.data);
  const models = await list('/models');
  const [datasets, jobs] = await Promise.all(
    ['/datasets', '/jobs'].map((path) =>
      list(path).catch((error) => {
        if (error.problem?.status === 403) return [];
        throw error;
      }),
    ),
  );
  const isFresh = !models.length && !datasets.length && !jobs.length;
  if (isFresh) {
    return frame(
      signal,
      viewHead(
        'From a table to predictions',
        'Train a neural network on your table and serve it over HTTP: three steps.',
      ),
      steps(signal),
      example(),
      fromShell(),
    );
  }
  return frame(
    signal,
    viewHead(
      'Overview',
      'The newest of everything. A table that is dropped here is taken in.',
      h('a', { class: 'button primary', href: '#/datasets' }, 'Upload a table'),
    ),
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        { class: 'paged' },
        newest('Models', '#/models', models.length ? modelTable(models) : null),
        newest('Data sets', '#/datasets', datasets.length ? datasetTable(datasets) : null),
      ),
      newest('Trainings', '#/jobs', jobs.length ? jobTable(jobs, models) : null),
    ),
    h(
      'details',
      { class: 'panel' },
      h('summary', null, 'How it works, in three steps'),
      h('div', { class: 'paged' }, steps(signal), models.length ? example() : null),
    ),
    models.length ? null : example(),
    fromShell(),
  );
}
