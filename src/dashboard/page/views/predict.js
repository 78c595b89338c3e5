// Trying a prediction: a form, the answer, and the line that asks the same from a program.

import { get, path, query, send } from '../api.js';
import { bars } from '../charts/bars.js';
import { fill, h } from '../dom.js';
import { number, percent, words } from '../format.js';
import { link } from '../router.js';
import { curlLine } from '../ui/curl.js';
import { choice, field } from '../ui/field.js';
import { modelHead, nameOf } from '../ui/model-head.js';
import { during, notify, notifyProblem } from '../ui/notices.js';
import { copyable, emptyState, panel } from '../ui/parts.js';
import { problemPanel } from '../ui/problem.js';
import { recordFields, rowField } from '../ui/record-form.js';
import { explanationPart } from './explanation.js';
import { predictFile } from './predict-file.js';

/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Schema} Schema */
/** @typedef {import('../types.js').Predicted} Predicted */

const MOST_CLASSES = 12;
const FLAGS = /** @type {Record<string, string>} */ ({
  above_max: 'lies above everything that training saw',
  below_min: 'lies below everything that training saw',
  unseen_category: 'is a word that training never saw',
  missing: 'is missing, which training never saw',
});

/**
 * Where the truth is, by the share of such records that was asked for.
 * @param {number} level
 * @param {string} what
 * @param {...import('../dom.js').Child} values
 */
const holds = (level, what, ...values) => h('p', null, `In ${percent(level)} of cases ${what} `, ...values, '.');

/**
 * @param {Predicted} row
 * @param {number} level
 */
function classAnswer(row, level) {
  const all = Object.entries(row.probabilities ?? {}).sort((a, b) => b[1] - a[1]);
  return [
    h('p', { class: 'answer' }, row.label),
    row.label_set &&
      holds(level, 'the true class is among these:', h('strong', null, row.label_set.join(', '))),
    bars(all.slice(0, MOST_CLASSES).map(([name, share]) => ({ name, shares: [share ?? 0], text: percent(share) }))),
    all.length > MOST_CLASSES
      ? h('p', { class: 'small muted' }, `The ${MOST_CLASSES} most likely of ${all.length} classes.`)
      : null,
  ];
}

/**
 * @param {Predicted} row
 * @param {number} level
 */
const valueAnswer = (row, level) => [
  h('p', { class: 'answer' }, number(row.value)),
  row.lower !== undefined &&
    holds(level, 'the true value lies between', h('strong', null, number(row.lower)), ' and ', h('strong', null, number(row.upper))),
];

/** @param {Predicted} row */
const flags = (row) =>
  row.flags.length > 0 &&
  h(
    'div',
    { class: 'panel advice' },
    h('h3', null, 'Be less sure: the record is unlike those of the training'),
    h(
      'ul',
      null,
      row.flags.map(({ column, flag }) => h('li', null, h('strong', null, column), ` ${FLAGS[flag] ?? words(flag)}.`)),
    ),
  );

/**
 * Where the true outcome of a prediction is told.
 * @param {Model} model
 * @param {string} id
 */
function outcomeForm(model, id) {
  const input = model.classes ? choice(model.classes) : h('input', { type: 'number', step: 'any', required: true });
  if (input instanceof HTMLSelectElement) input.selectedIndex = 0;
  const button = h('button', null, 'Tell the service');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, async () => {
      const target = model.classes ? input.value : Number(input.value);
      const taken = await send(path`/models/${model.id}/feedback`, { ids: [id], targets: [target] });
      notify(taken.rows ? 'Noted: Drift tells how often its predictions come true.' : 'This outcome was told before.');
    });
  };
  return h(
    'details',
    null,
    h('summary', null, 'I know what really happened'),
    h('form', { class: 'inline', onsubmit: submit }, field(`True ${model.target}`, input), button),
  );
}

/**
 * @param {Model} model
 * @param {any} reply
 * @param {number} level how sure the interval is to be
 * @param {() => Promise<Predicted>} explained asks for the same with an explanation
 */
function answer(model, reply, level, explained) {
  const version = h('p', { class: 'muted small' }, `Answered by version ${reply.version}.`);
  if (model.kind === 'layers')
    return panel('Answer', h('p', { class: 'answer' }, reply.outputs[0].map(number).join(', ')), version);
  /** @type {Predicted} */
  const row = reply.predictions[0];
  return panel(
    `Predicted: ${model.target}`,
    row.label === undefined ? valueAnswer(row, level) : classAnswer(row, level),
    flags(row),
    explanationPart(explained),
    version,
    row.id ? outcomeForm(model, row.id) : null,
  );
}

/**
 * @param {Model} model
 * @param {Schema} schema
 */
function form(model, schema) {
  const isTable = schema.kind === 'dataset';
  const record = isTable ? recordFields(schema) : rowField(schema);
  const interval = choice(
    [
      ['', 'Without'],
      ['0.8', '80 %'],
      ['0.9', '90 %'],
      ['0.95', '95 %'],
    ],
    isTable ? '0.9' : '',
  );
  const area = h('div', { 'aria-live': 'polite', class: 'paged' });
  const line = h('div');
  const request = () => ({
    address: path`/models/${nameOf(model)}/predict` + query(isTable ? { interval: interval.value } : {}),
    body: isTable ? { records: record.read() } : { inputs: [record.read()] },
  });
  const showLine = () => {
    const { address, body } = request();
    fill(line, copyable(curlLine(address, body), 'Command that asks the same'));
  };
  const asked = async () => {
    const { address, body } = request();
    const ids = isTable ? `${address.includes('?') ? '&' : '?'}ids=true` : '';
    return { reply: await send(address + ids, body), body, level: Number(interval.value) };
  };
  // A version of few rows has no interval of some levels: that is told, and the answer is given without one.
  const withoutInterval = (/** @type {any} */ error) => {
    if (error.problem?.code !== 'interval_unavailable') throw error;
    notifyProblem(error);
    interval.value = '';
    showLine();
    return asked();
  };
  const button = h('button', { class: 'primary' }, 'Predict');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, async () => {
      try {
        const { reply, body, level } = await asked().catch(withoutInterval);
        const explained = async () => {
          const version = path`/models/${model.id}/versions/${reply.version}/predict`;
          return (await send(`${version}?explain=true&top=8`, body)).predictions[0];
        };
        fill(area, answer(model, reply, level, explained));
      } catch (error) {
        fill(area, problemPanel(error));
      }
    });
  };
  showLine();
  const element = h(
    'form',
    { onsubmit: submit, oninput: showLine },
    record.element,
    h(
      'div',
      { class: 'fields' },
      isTable
        ? field('Certainty of interval or set', interval, 'In about so many of such cases the true value, or class, is inside.')
        : null,
    ),
    h('div', { class: 'actions' }, button),
  );
  return h(
    'div',
    { class: 'columns' },
    panel('Record', element),
    h('div', { class: 'paged' }, area, panel('The same from a program', line)),
  );
}

/** @type {import('../router.js').View} */
export async function view({ parts: [name], signal }) {
  /** @type {Model} */
  const model = await get(path`/models/${name}`, signal);
  if (model.active_version === null) {
    return h(
      'div',
      null,
      modelHead(model, 'predict'),
      emptyState(
        'It has not been trained',
        'The first training that ends well publishes version 1, which answers then.',
        h('a', { class: 'button primary', href: link`/models/${name}/train` }, 'Train it'),
      ),
    );
  }
  const schema = await get(path`/models/${name}/schema`, signal);
  const many = schema.kind === 'dataset' ? predictFile(model, signal) : null;
  return h('div', null, modelHead(model, 'predict'), form(model, schema), many);
}
