// The x-ray of a model: backpropagation of one row, taken apart by the service and walked step by step.

import { get, path, send } from '../api.js';
import { MOST_UNITS } from '../charts/xray-steps.js';
import { fill, h } from '../dom.js';
import { link } from '../router.js';
import { curlLine } from '../ui/curl.js';
import { field } from '../ui/field.js';
import { modelHead, nameOf } from '../ui/model-head.js';
import { during } from '../ui/notices.js';
import { copyable, emptyState, panel } from '../ui/parts.js';
import { InputError, problemPanel, wasLeft } from '../ui/problem.js';
import { numberInput } from '../ui/training-fields.js';
import { fitsXor, XOR, XOR_TRAINING } from '../ui/xor.js';
import { gradientCheck, walk } from './xray-walk.js';

/** @typedef {import('../types.js').Model} Model */

/**
 * Numbers that were typed with commas or blanks between them.
 * @param {string} text
 */
export function numbersOf(text) {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const wrong = parts.find((part) => !Number.isFinite(Number(part)));
  if (wrong !== undefined) throw new InputError(`“${wrong}” is no number.`);
  return parts.map(Number);
}

/**
 * A row to begin with: one of XOR where it fits, else zeros, with a class where the loss needs one.
 * @param {Model} model
 */
export function firstRow(model) {
  const { layers, loss } = model;
  const inputs = layers?.[0] ?? 1;
  const outputs = layers?.at(-1) ?? 1;
  if (fitsXor(model)) return { inputs: [0, 1], targets: [1] };
  const targets = new Array(outputs).fill(0);
  if (loss === 'cross_entropy') targets[0] = 1;
  return { inputs: new Array(inputs).fill(0), targets };
}

/**
 * What stands there while there is nothing to look at.
 * @param {Model} model
 */
function untrained(model) {
  const fits = fitsXor(model);
  const name = fits ? nameOf(model) : XOR.name;
  return [
    emptyState(
      'It has not been trained',
      'The first training that ends well publishes version 1, whose backpropagation is shown then.',
      h('a', { class: 'button primary', href: link`/models/${nameOf(model)}/train` }, 'Train it'),
    ),
    panel(
      fits ? 'Teach it XOR' : 'Or begin with XOR',
      h(
        'p',
        { class: 'muted' },
        'The example of the article on backpropagation: two inputs, two hidden units and one output, sigmoid, mean squared error, all four rows in each step, learning rate 0.2, 10,000 epochs.',
      ),
      fits ? null : copyable(curlLine('/models', XOR), 'Command that makes the model'),
      copyable(curlLine(path`/models/${name}/train`, XOR_TRAINING), 'Command that trains XOR'),
    ),
  ];
}

/**
 * @param {string} word
 * @param {number[]} values
 */
const listLabel = (word, values) => (values.length > 1 ? `${word}: ${values.length}, by commas` : word);

/**
 * The row, and the walk through what the service says about it.
 * @param {Model} model
 * @param {AbortSignal} signal
 */
async function workbench(model, signal) {
  const row = firstRow(model);
  const text = (/** @type {number[]} */ values) =>
    h('input', { type: 'text', value: values.join(', '), autocomplete: 'off', spellcheck: 'false', required: true });
  const inputs = text(row.inputs);
  const targets = text(row.targets);
  const rate = numberInput({ min: 0, step: 'any', value: '0.2', required: true });
  const area = h('div', { class: 'paged' });
  const check = h('div');
  let walking = new AbortController();
  let refresh = () => {};
  signal.addEventListener('abort', () => walking.abort());

  const trace = async () => {
    walking.abort();
    walking = new AbortController();
    const mine = walking.signal;
    try {
      const target = numbersOf(targets.value);
      // A single number may be a class, which the service takes in a flat list.
      const body = { inputs: [numbersOf(inputs.value)], targets: target.length === 1 ? target : [target] };
      const found = await send(path`/models/${model.id}/trace`, body, 'POST', mine);
      if (mine.aborted) return;
      const shown = walk(found, model.loss, () => Number(rate.value), mine);
      refresh = shown.refresh;
      fill(area, shown.element);
      fill(
        check,
        panel(
          'Gradient check',
          h('p', { class: 'muted' }, 'The gradients beside those found by moving each parameter a little both ways.'),
          gradientCheck(found),
        ),
      );
    } catch (error) {
      if (mine.aborted || wasLeft(error)) return;
      refresh = () => {};
      fill(area, problemPanel(error));
      fill(check);
    }
  };
  rate.addEventListener('input', () => {
    if (rate.checkValidity()) refresh();
  });
  const button = h('button', { class: 'primary' }, 'Trace this row');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, trace);
  };
  const form = h(
    'form',
    { class: 'inline', onsubmit: submit },
    field(listLabel('Inputs', row.inputs), inputs),
    field(listLabel('Targets', row.targets), targets),
    field('Learning rate η', rate),
    button,
  );
  await trace();
  const isLarge = Math.max(...(model.layers ?? [])) > MOST_UNITS;
  return [
    panel(
      'One row',
      h(
        'p',
        { class: 'muted' },
        'What a step of training on this row alone would do, number by number. Nothing is changed in the service.',
      ),
      form,
    ),
    area,
    isLarge
      ? h(
          'p',
          { class: 'small muted' },
          `Of each layer the first ${MOST_UNITS} units are shown; sums and the loss are of all.`,
        )
      : null,
    check,
  ];
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name], signal }) {
  /** @type {Model} */
  const model = await get(path`/models/${name}`, signal);
  return h(
    'div',
    null,
    modelHead(model, 'xray'),
    model.active_version === null ? untrained(model) : await workbench(model, signal),
  );
}
