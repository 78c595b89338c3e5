// A further training of a model.

import { get, path, send } from '../api.js';
import { h } from '../dom.js';
import { curlLine } from '../ui/curl.js';
import { datasetChoice, usableDatasets } from '../ui/dataset-choice.js';
import { field, named, tick } from '../ui/field.js';
import { modelHead, nameOf } from '../ui/model-head.js';
import { jobForm } from '../ui/job-form.js';
import { copyable, emptyState, panel } from '../ui/parts.js';
import { trainingFields } from '../ui/training-fields.js';
import { fitsXor, XOR_TRAINING } from '../ui/xor.js';
import { trainRows } from './train-rows.js';

/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Dataset} Dataset */

/**
 * The line that trains a model by layer sizes: XOR where that fits, else a row of zeros.
 * @param {Model} model
 */
function layersLine(model) {
  const row = (/** @type {number | undefined} */ width) => new Array(Math.min(width ?? 1, 8)).fill(0);
  const zeros = { inputs: [row(model.layers?.[0])], targets: [row(model.layers?.at(-1))] };
  return curlLine(path`/models/${nameOf(model)}/train`, fitsXor(model) ? XOR_TRAINING : zeros);
}

/**
 * The columns of a model that a data set does not have.
 * @param {Model} model
 * @param {Dataset} dataset
 */
function missingColumns(model, dataset) {
  const known = new Set(dataset.columns.map(({ name }) => name));
  return [...(model.features ?? []), model.target].filter((name) => name !== null && !known.has(name));
}

/** @param {(string | null)[]} lacking */
const fitText = (lacking) =>
  lacking.length
    ? `It lacks ${lacking.slice(0, 5).join(', ')}${lacking.length > 5 ? ' and further columns' : ''}, which the model needs.`
    : 'It has the columns that the model needs.';

/**
 * @param {Model} model
 * @param {Dataset[]} datasets
 */
function form(model, datasets) {
  const own = datasets.find(({ id }) => id === model.dataset_id) ?? datasets[0];
  const dataset = datasetChoice(datasets, own.id);
  const warm = h('input', { type: 'checkbox', disabled: model.active_version === null });
  const distill = h('input', { type: 'checkbox', disabled: model.active_version === null });
  named({ dataset, warm_start: warm, distill });
  const datasetField = field('Data set', dataset, ' ');
  const fits = () => {
    const lacking = missingColumns(model, datasets.find(({ id }) => id === dataset.value) ?? own);
    const hint = datasetField.querySelector('.hint');
    if (hint) hint.textContent = fitText(lacking);
  };
  dataset.addEventListener('change', fits);
  fits();
  const training = trainingFields(own.columns, model.active_version !== null);
  const start = () =>
    send(path`/models/${model.id}/train`, {
      dataset: dataset.value,
      warm_start: warm.checked || undefined,
      distill: distill.checked ? model.active_version : undefined,
      ...training.read(),
    });
  return jobForm(
    start,
    h(
      'div',
      { class: 'fields' },
      datasetField,
      training.common,
    ),
    tick('Go on from the weights of the active version', warm),
    tick('Make one network of the active version, which learns its answers and gives them faster', distill),
    h('details', null, h('summary', null, 'More settings'), h('div', { class: 'fields' }, training.further)),
  );
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name], signal }) {
  /** @type {Model} */
  const model = await get(path`/models/${name}`, signal);
  if (model.kind === 'layers') {
    return h(
      'div',
      null,
      modelHead(model, 'train'),
      panel('Train it on rows of numbers', trainRows(model)),
      panel(
        'From a shell',
        h('p', { class: 'muted' }, 'A program sends the rows with a request:'),
        copyable(layersLine(model), 'Command that trains this model'),
      ),
    );
  }
  const datasets = await usableDatasets(model, signal);
  if (!datasets.length) {
    return h(
      'div',
      null,
      modelHead(model, 'train'),
      emptyState(
        'There is no data set to train on',
        'Upload one that has the columns of this model.',
        h('a', { class: 'button primary', href: '#/datasets' }, 'Upload a table'),
      ),
    );
  }
  return h('div', null, modelHead(model, 'train'), panel('Make a further version', form(model, datasets)));
}
