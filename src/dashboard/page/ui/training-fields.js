// The fields of a training that a first one and a further one have in common.

import { h } from '../dom.js';
import { choice, field, named, typedNumber } from './field.js';

/** @typedef {import('../types.js').Column} Column */

/**
 * A field for a number, which may be left empty.
 * @param {Record<string, any>} attributes
 */
export const numberInput = (attributes) => h('input', { type: 'number', inputmode: 'decimal', ...attributes });

/**
 * The ways to hold rows out, with the columns that can say which.
 * @param {Column[]} columns
 */
function splits(columns) {
  /** @type {[string, string][]} */
  const ways = [
    ['auto', 'As the table suggests'],
    ['random', 'At random'],
    ['order', 'The last rows of the table'],
  ];
  for (const { name, type } of columns) if (type === 'datetime') ways.push([`time:${name}`, `The latest by ${name}`]);
  for (const { name, type } of columns)
    if (type !== 'text' && type !== 'datetime') ways.push([`group:${name}`, `Whole groups of ${name}`]);
  return choice(ways, 'auto');
}

/**
 * A split as the service takes it.
 * @param {string} value
 */
function splitOf(value) {
  const colon = value.indexOf(':');
  return colon < 0 ? value : { type: value.slice(0, colon), column: value.slice(colon + 1) };
}

/**
 * The fields, and what was chosen in them: only what differs from the service's own defaults.
 * @param {Column[]} columns
 * @param {boolean} servesAlready
 */
export function trainingFields(columns, servesAlready) {
  const epochs = numberInput({ min: 1, max: 1000000, step: 1, placeholder: 'by the number of rows' });
  const seconds = numberInput({ min: 0, step: 'any', placeholder: 'no limit' });
  const activate = choice(
    [
      ['always', 'Always'],
      ['if_better', 'If it is better than the active one'],
      ['never', 'Not until I activate it'],
    ],
    servesAlready ? 'if_better' : 'always',
  );
  const rate = numberInput({ min: 0, step: 'any', placeholder: 'by the recipe' });
  const batch = numberInput({ min: 1, step: 1, placeholder: 'by the number of rows' });
  const share = numberInput({ min: 0, max: 0.9, step: 'any', placeholder: 'by the number of rows' });
  const split = splits(columns);
  const balanced = choice([
    ['', 'All classes alike'],
    ['balanced', 'Rare classes more'],
  ]);
  const seed = numberInput({ min: 0, step: 1, placeholder: '0' });
  named({ epochs, max_seconds: seconds, activate, split, validation_split: share });
  named({ learning_rate: rate, batch_size: batch, class_weight: balanced, seed });
  const common = [
    field('Epochs, at most', epochs, 'It stops sooner where the validation loss no longer falls.'),
    field('Seconds, at most', seconds, 'Then it publishes what it has learned.'),
    field('Serve the new version', activate),
  ];
  const further = [
    field('Rows held out', split, 'By these rows a version is measured.'),
    field('Share held out', share),
    field('Learning rate', rate),
    field('Batch size', batch),
    field('Weights of classes', balanced),
    field('Seed', seed),
  ];
  const read = () => ({
    epochs: typedNumber(epochs),
    max_seconds: typedNumber(seconds),
    activate: activate.value,
    learning_rate: typedNumber(rate),
    batch_size: typedNumber(batch),
    validation_split: typedNumber(share),
    split: split.value === 'auto' ? undefined : splitOf(split.value),
    class_weight: balanced.value || undefined,
    seed: typedNumber(seed),
  });
  return { common, further, read };
}
