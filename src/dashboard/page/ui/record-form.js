// A form for one record, made from the schema of a model.

import { h } from '../dom.js';
import { number } from '../format.js';
import { choice, field } from './field.js';

/** @typedef {import('../types.js').Schema} Schema */
/** @typedef {import('../types.js').Feature} Feature */

const MOST_OPTIONS = 40;

/**
 * What to fill in, in a few words.
 * @param {Feature} feature
 */
function hint(feature) {
  if (!feature.used) return feature.note ?? 'Predictions do not depend on it.';
  if (feature.type === 'numeric' && feature.min !== null)
    return `Training saw ${number(feature.min)} to ${number(feature.max)}.`;
  if (feature.type === 'datetime' && feature.min !== null) return `Training saw ${feature.min} to ${feature.max}.`;
  return null;
}

/**
 * The input of one column.
 * @param {Feature} feature
 * @param {any} example
 */
function inputOf({ type, categories }, example) {
  // A middle of two numbers may have digits that neither has.
  const shown = typeof example === 'number' ? Number(example.toPrecision(12)) : example;
  const text = shown === null || shown === undefined ? '' : String(shown);
  if (type === 'boolean') return choice([['', 'missing'], 'true', 'false'], text);
  if (categories && categories.length <= MOST_OPTIONS) return choice([['', 'missing'], ...categories], text);
  if (type === 'numeric') return h('input', { type: 'number', step: 'any', inputmode: 'decimal', value: text });
  return h('input', { type: 'text', value: text, autocomplete: 'off' });
}

/**
 * A cell as the service takes it: `null` where nothing is there.
 * @param {Feature} feature
 * @param {string} text
 */
function cellOf({ type }, text) {
  if (text === '') return null;
  if (type === 'numeric') return Number(text);
  return type === 'boolean' ? text === 'true' : text;
}

/**
 * The fields of a record, and the record that stands in them: what is missing is left out.
 * @param {Schema} schema
 * @returns {{ element: Element, read: () => any }}
 */
export function recordFields(schema) {
  const features = schema.features ?? [];
  const inputs = features.map((feature) => inputOf(feature, schema.example?.[feature.name]));
  const fields = features.map((feature, i) => field(feature.name, inputs[i], hint(feature)));
  const read = () => {
    const cells = features.map((feature, i) => [feature.name, cellOf(feature, inputs[i].value)]);
    return Object.fromEntries(cells.filter(([, cell]) => cell !== null));
  };
  return { element: h('div', { class: 'fields' }, fields), read };
}

/**
 * The field of a row of numbers, for a model by layer sizes.
 * @param {Schema} schema
 * @returns {{ element: Element, read: () => any }}
 */
export function rowField(schema) {
  const example = Array.isArray(schema.example) ? schema.example : new Array(schema.inputs ?? 1).fill(0);
  const input = h('textarea', { spellcheck: 'false' });
  input.value = example.join(', ');
  const read = () =>
    input.value
      .split(/[\s,;]+/)
      .filter(Boolean)
      .map(Number);
  return { element: field('Row', input, `${schema.inputs} numbers with commas between them.`), read };
}
