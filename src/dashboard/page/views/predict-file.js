// Predictions for a whole file: its rows go in, and the answers come back as a file to save.

import { path, query, request } from '../api.js';
import { fill, h } from '../dom.js';
import { bytes, quoted } from '../format.js';
import { key } from '../session.js';
import { choice, field, tick, typedList } from '../ui/field.js';
import { nameOf } from '../ui/model-head.js';
import { during } from '../ui/notices.js';
import { copyable, panel } from '../ui/parts.js';
import { InputError, problemPanel, wasLeft } from '../ui/problem.js';
import { bareName, contentType, ENDINGS } from '../upload.js';

/** @typedef {import('../types.js').Model} Model */

/** What is shown of the answers before they are saved. */
const FIRST = { lines: 6, characters: 2000 };

/**
 * The line for a shell that asks the same.
 * @param {string} address
 * @param {string} type
 * @param {string} name
 */
function fileLine(address, type, name) {
  const keyPart = key() ? ' -H "Authorization: Bearer $EPOCHD_KEY"' : '';
  return (
    `curl -s ${quoted(location.origin + address)}${keyPart} -H ${quoted(`Content-Type: ${type}`)} -H 'Accept: text/csv' ` +
    `--data-binary ${quoted(`@${name}`)} -o predictions.csv`
  );
}

/**
 * The first lines of the answers, and the link that saves them.
 * @param {Blob} answers
 * @param {string} name
 * @param {AbortSignal} signal
 */
async function saved(answers, name, signal) {
  const address = URL.createObjectURL(answers);
  signal.addEventListener('abort', () => URL.revokeObjectURL(address));
  const text = await answers.slice(0, FIRST.characters).text();
  const lines = text.split('\n').slice(0, FIRST.lines);
  return [
    copyable(lines.join('\n'), 'The first answers'),
    h('p', { class: 'actions' }, h('a', { class: 'button primary', href: address, download: name }, `Save ${name}`), ` ${bytes(answers.size)}`),
  ];
}

/** What is asked for beside the rows. */
function options() {
  const interval = choice([
    ['', 'Without'],
    ['0.8', '80 %'],
    ['0.9', '90 %'],
    ['0.95', '95 %'],
  ]);
  const repeated = h('input', { type: 'text', placeholder: 'customer_id' });
  const foreign = h('input', { type: 'checkbox' });
  const each = h('input', { type: 'checkbox' });
  const elements = [
    h(
      'div',
      { class: 'fields' },
      field('Certainty of intervals or sets', interval),
      field('Columns to repeat beside the answers', repeated, 'With commas between them.'),
    ),
    tick('Pass over columns that the model does not know', foreign),
    tick('Answer the rows that can be read, and say what is wrong with the others', each),
  ];
  const read = () => ({
    interval: interval.value,
    flags: true,
    passthrough: typedList(repeated),
    unknown: foreign.checked ? 'ignore' : '',
    on_error: each.checked ? 'row' : '',
  });
  return { elements, read };
}

/**
 * @param {Model} model
 * @param {AbortSignal} signal
 */
export function predictFile(model, signal) {
  const input = h('input', { type: 'file', accept: ENDINGS, required: true });
  const asked = options();
  const area = h('div', { 'aria-live': 'polite', class: 'paged' });
  const line = h('div');
  const chosen = () => {
    const file = input.files?.[0];
    const type = file && contentType(file.name);
    const address = path`/models/${nameOf(model)}/predict` + query(asked.read());
    return { file, type, address };
  };
  const showLine = () => {
    const { file, type, address } = chosen();
    fill(line, file && type ? copyable(fileLine(address, type, file.name), 'Command that predicts the file') : null);
  };
  const answered = async () => {
    const { file, type, address } = chosen();
    if (!file || !type) throw new InputError(`Choose a file of a kind that the service reads: ${ENDINGS.replaceAll(',', ', ')}.`);
    const headers = { 'Content-Type': type, Accept: 'text/csv' };
    const reply = await request(address, { method: 'POST', body: file, headers, signal });
    return saved(await reply.blob(), `${bareName(file.name)}-predictions.csv`, signal);
  };
  const button = h('button', null, 'Predict all rows');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, async () => {
      fill(area, h('p', { role: 'status' }, 'The service answers row by row …'));
      try {
        fill(area, await answered());
      } catch (error) {
        fill(area, wasLeft(error) ? null : problemPanel(error));
      }
    });
  };
  const form = h(
    'form',
    { onsubmit: submit, oninput: showLine },
    field('A file of records', input, 'CSV, JSON, NDJSON, Parquet, Arrow or Excel, with the columns of the training; packed with gzip or not.'),
    ...asked.elements,
    h('div', { class: 'actions' }, button),
  );
  return panel('Many records', form, area, line);
}
