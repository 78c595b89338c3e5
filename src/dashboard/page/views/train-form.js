// The form that makes a model of a data set and starts its first training.

import { path, remove, send } from '../api.js';
import { append, h } from '../dom.js';
import { slug } from '../format.js';
import { choice, field, named, tick, typedList } from '../ui/field.js';
import { jobForm } from '../ui/job-form.js';
import { lossFields } from '../ui/loss.js';
import { trainingFields } from '../ui/training-fields.js';

/** @typedef {import('../types.js').Dataset} Dataset */
/** @typedef {import('../types.js').Column} Column */

const ACTIVATIONS = [
  'relu',
  'gelu',
  'silu',
  'mish',
  'tanh',
  'sigmoid',
  'elu',
  'selu',
  'leaky_relu',
  'softplus',
  'identity',
];
const FEW_VALUES = 20;
const TARGET_NAMES = /^(target|label|class|species|survived|y|outcome|churn|income|price|quality)$/i;

/**
 * The column that is most likely meant: one with a telling name, else the last that can be predicted.
 * @param {Column[]} columns
 */
function likelyTarget(columns) {
  const possible = columns.filter(({ type, distinct }) => type !== 'text' && type !== 'datetime' && distinct > 1);
  return (possible.find(({ name }) => TARGET_NAMES.test(name)) ?? possible.at(-1) ?? columns.at(-1))?.name ?? '';
}

/**
 * Creates the model and starts its training. A model whose training was refused is taken back, so that a second try
 * finds the name free.
 * @param {Record<string, any>} model
 * @param {Record<string, any>} training
 */
async function createAndTrain(model, training) {
  const created = await send('/models', model);
  try {
    return await send(path`/models/${created.id}/train`, training);
  } catch (error) {
    await remove(path`/models/${created.id}`).catch(() => null);
    throw error;
  }
}

/**
 * The widths that were typed: `[]` for "none".
 * @param {HTMLInputElement} input
 */
function widths(input) {
  const text = input.value.trim().toLowerCase();
  if (text === '') return undefined;
  return text === 'none' ? [] : typedList(input).map(Number);
}

/**
 * The columns to learn from: all are ticked but the target and those that number or name the rows, which a training leaves out
 * unless it is told to learn from them.
 * @param {Dataset} dataset
 * @param {HTMLSelectElement} target
 */
function featureTicks({ columns, findings }, target) {
  const ofRows = findings.filter(({ code }) => code === 'identifier_column');
  const leftOut = new Set(ofRows.flatMap((finding) => finding.columns));
  /** @type {HTMLInputElement[]} */
  let boxes = [];
  const list = h('div', { class: 'ticks', tabindex: '0', role: 'group', 'aria-label': 'Columns to learn from' });
  const show = () =>
    boxes.forEach((box) => {
      if (box.parentElement) box.parentElement.hidden = box.value === target.value;
    });
  // A table may have thousands of columns: their boxes are made when somebody wants to see them.
  const make = () => {
    if (boxes.length) return;
    boxes = columns.map(({ name }) => h('input', { type: 'checkbox', value: name, checked: !leftOut.has(name) }));
    append(
      list,
      boxes.map((box) => tick(leftOut.has(box.value) ? `${box.value} (tells rows apart)` : box.value, box)),
    );
    show();
  };
  target.addEventListener('change', show);
  const read = () => {
    const usable = boxes.filter((box) => box.value !== target.value);
    const isUsual = usable.every((box) => box.checked !== leftOut.has(box.value));
    return isUsual ? undefined : usable.filter((box) => box.checked).map((box) => box.value);
  };
  return { element: h('fieldset', null, h('legend', null, 'Columns to learn from'), list), make, read };
}

/**
 * Whether a column holds two classes that are written as 0 and 1.
 * @param {Column} column
 */
const isBinary = ({ type, min, max, distinct }) => type === 'numeric' && min === 0 && max === 1 && distinct === 2;

/**
 * What the service takes a target for, and what may be meant instead.
 * @param {Column | undefined} column
 */
function taskHint(column) {
  if (!column || column.type !== 'numeric') return 'This column holds classes.';
  if (isBinary(column)) return 'This column holds two classes.';
  if (column.distinct <= FEW_VALUES)
    return `Taken as a number. It has ${column.distinct} different values: choose classification if they are classes.`;
  return 'This column holds numbers: a regression.';
}

/**
 * Whether numbers are predicted: by the task, or by the column where no task is chosen.
 * @param {Column | undefined} column
 * @param {string} task
 */
export const isOfNumbers = (column, task) =>
  column?.type === 'numeric' && (task === '' ? !isBinary(column) : task === 'regression');

/**
 * The fields of the loss, as far as what is chosen beside it leaves a choice.
 * @param {Column[]} columns
 * @param {HTMLSelectElement} target
 * @param {HTMLSelectElement} task
 * @param {HTMLSelectElement} recipe
 */
function lossesFor(columns, target, task, recipe) {
  const fields = lossFields();
  const offer = () => {
    const column = columns.find(({ name }) => name === target.value);
    // The recipe `best` chooses its networks by squared errors.
    const isFree = recipe.value !== 'best' && isOfNumbers(column, task.value);
    fields.offer((isFree && column) || null);
  };
  for (const one of [target, task, recipe]) one.addEventListener('change', offer);
  offer();
  return fields;
}

/**
 * The fields that describe the model.
 * @param {Dataset} dataset
 */
function modelFields(dataset) {
  const target = choice(
    dataset.columns.map(({ name }) => name),
    likelyTarget(dataset.columns),
  );
  const name = h('input', {
    type: 'text',
    required: true,
    maxlength: 63,
    pattern: '[a-z0-9_\\-]+',
    autocomplete: 'off',
  });
  const task = choice([
    ['', 'As the column suggests'],
    ['classification', 'Classification: one of several classes'],
    ['regression', 'Regression: a number'],
  ]);
  const taskField = field('Task', task, ' ');
  const hidden = h('input', {
    type: 'text',
    placeholder: 'as the recipe has them',
    pattern: '\\s*([nN]one|[0-9]+(\\s*,\\s*[0-9]+)*)?\\s*',
  });
  const recipe = choice([
    ['', 'Standard'],
    ['plain', 'Plain'],
    ['best', 'Best: takes all of the time it is given'],
  ]);
  /** @type {[string, string][]} */
  const activations = ACTIVATIONS.map((name) => [name, name]);
  const activation = choice([['', 'As the recipe has it'], ...activations]);
  const dropout = h('input', { type: 'number', min: 0, max: 0.99, step: 'any', placeholder: 'as the recipe has it' });
  const features = featureTicks(dataset, target);
  const loss = lossesFor(dataset.columns, target, task, recipe);
  const suggest = () => {
    const hint = taskField.querySelector('.hint');
    if (hint) hint.textContent = taskHint(dataset.columns.find((column) => column.name === target.value));
    if (name.dataset.own !== 'yes') name.value = slug(`${dataset.name ?? 'model'}-${target.value}`);
  };
  name.addEventListener('input', () => {
    name.dataset.own = 'yes';
  });
  target.addEventListener('change', suggest);
  suggest();
  // Browsers would fill in their user's own.
  name.autocomplete = 'off';
  named({ name, target, task, recipe, hidden_layers: hidden, activation, dropout });
  const read = () => ({
    name: name.value,
    dataset: dataset.id,
    target: target.value,
    task: task.value || undefined,
    features: features.read(),
    hidden_layers: widths(hidden),
    recipe: recipe.value || undefined,
    activation: activation.value || undefined,
    dropout: dropout.value === '' ? undefined : Number(dropout.value),
    ...loss.read(),
  });
  return {
    common: [
      field('Column to predict', target),
      field('Name of the model', name, 'Small letters, digits, - and _.'),
      taskField,
    ],
    further: [
      field(
        'Recipe',
        recipe,
        'Standard suits most tables. Plain learns several times as fast; best tries many networks for five minutes, and leaves no choice of loss.',
      ),
      ...loss.elements,
      field('Hidden layers', hidden, 'Widths with commas between them; “none” makes a linear model.'),
      field('Activation', activation),
      field('Dropout', dropout),
    ],
    features,
    read,
  };
}

/**
 * @param {Dataset} dataset
 */
export function trainForm(dataset) {
  const model = modelFields(dataset);
  const training = trainingFields(dataset.columns, false);
  return jobForm(
    () => createAndTrain(model.read(), training.read()),
    h('div', { class: 'fields' }, model.common, training.common),
    h(
      'details',
      { ontoggle: model.features.make },
      h('summary', null, 'More settings'),
      h(
        'div',
        { class: 'paged' },
        h('div', { class: 'fields' }, model.further, training.further),
        model.features.element,
      ),
    ),
  );
}
