// The form that trains a model by layer sizes: on rows of numbers that are typed, or pasted from a table.

import { path, send } from '../api.js';
import { h } from '../dom.js';
import { counted } from '../format.js';
import { choice, field, tick, typedNumber } from '../ui/field.js';
import { jobForm } from '../ui/job-form.js';
import { InputError } from '../ui/problem.js';
import { numberInput } from '../ui/training-fields.js';
import { fitsXor, XOR_TRAINING } from '../ui/xor.js';

/** @typedef {import('../types.js').Model} Model */

const OPTIMIZERS = ['adam', 'adamw', 'sgd', 'momentum', 'nesterov', 'rmsprop', 'adagrad'];

/**
 * How many numbers of a row are inputs, and how many are targets: under cross-entropy a target is the index of its class.
 * @param {Model} model
 */
const widthsOf = ({ layers, loss }) => ({
  inputs: layers?.[0] ?? 1,
  targets: loss === 'cross_entropy' ? 1 : (layers?.at(-1) ?? 1),
});

/**
 * Rows of numbers with commas, semicolons or spaces between them, as inputs and targets.
 * @param {string} text
 * @param {{ inputs: number, targets: number }} widths
 */
export function typedRows(text, widths) {
  const lines = text.split('\n').flatMap((line, i) => (line.trim() ? [{ line: line.trim(), number: i + 1 }] : []));
  if (!lines.length) throw new InputError('There is no row: write one a line.');
  const width = widths.inputs + widths.targets;
  const rows = lines.map(({ line, number }) => {
    const values = line.split(/[\s,;]+/).filter(Boolean);
    const wrong = values.find((value) => !Number.isFinite(Number(value)));
    if (wrong !== undefined) throw new InputError(`Line ${number}: “${wrong}” is no number.`);
    if (values.length !== width)
      throw new InputError(
        `Line ${number} has ${counted(values.length, 'number')}: a row has ${counted(widths.inputs, 'input')} and ${counted(widths.targets, 'target')}.`,
      );
    return values.map(Number);
  });
  return {
    inputs: rows.map((row) => row.slice(0, widths.inputs)),
    targets: rows.map((row) => row.slice(widths.inputs)),
  };
}

/** The rows of XOR as they are typed. */
const xorRows = () => XOR_TRAINING.inputs.map((row, i) => [...row, XOR_TRAINING.targets[i]].join(', ')).join('\n');

/**
 * The fields, and the training that they ask for: XOR's where the model can learn it.
 * @param {Model} model
 */
function fields(model) {
  const widths = widthsOf(model);
  const isXor = fitsXor(model);
  const rows = h('textarea', { rows: 8, required: true, spellcheck: false, value: isXor ? xorRows() : '' });
  const epochs = numberInput({
    min: 1,
    max: 1000000,
    step: 1,
    value: isXor ? XOR_TRAINING.epochs : '',
    placeholder: '100',
  });
  const rate = numberInput({
    min: 0,
    step: 'any',
    value: isXor ? XOR_TRAINING.learning_rate : '',
    placeholder: 'by the optimizer',
  });
  const optimizer = choice(OPTIMIZERS, isXor ? XOR_TRAINING.optimizer : 'adam');
  const full = h('input', { type: 'checkbox', checked: isXor });
  const share = numberInput({ min: 0, max: 0.9, step: 'any', placeholder: '0' });
  const warm = h('input', { type: 'checkbox', disabled: model.active_version === null });
  const read = () => ({
    ...typedRows(rows.value, widths),
    epochs: typedNumber(epochs),
    learning_rate: typedNumber(rate),
    optimizer: optimizer.value,
    batch_size: full.checked ? 'full' : undefined,
    validation_split: typedNumber(share),
    warm_start: warm.checked || undefined,
  });
  const hint = `One a line: ${widths.inputs} inputs, then ${widths.targets === 1 ? 'the target' : `${widths.targets} targets`}, with commas or spaces between them.`;
  const elements = [
    field('Rows', rows, hint),
    h(
      'div',
      { class: 'fields' },
      field('Epochs', epochs),
      field('Optimizer', optimizer),
      field('Learning rate', rate),
      field('Share of the rows held out', share),
    ),
    tick('One step an epoch, on all rows at once', full),
    tick('Go on from the weights of the active version', warm),
  ];
  return { elements, read };
}

/** @param {Model} model */
export function trainRows(model) {
  const { elements, read } = fields(model);
  return jobForm(async () => send(path`/models/${model.id}/train`, read()), elements);
}
