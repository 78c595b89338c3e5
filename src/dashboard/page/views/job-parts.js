// What a training says of itself: how far it is, what looks wrong, and what came of it.

import { h } from '../dom.js';
import { count, counted, duration, fine, number, percent, secondsBetween, words } from '../format.js';
import { link } from '../router.js';
import { lossText, measuresNote } from '../ui/loss.js';
import { metricsTable, shownMeasure } from '../ui/metrics.js';
import { nameOf } from '../ui/model-head.js';
import { facts, findingItem, panel, stateBadge } from '../ui/parts.js';
import { problemView } from '../ui/problem.js';
import { table } from '../ui/table.js';

/** @typedef {import('../types.js').Job} Job */
/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../charts/series.js').Series} Series */

/**
 * Whether a training waits or runs.
 * @param {Job} job
 */
export const isOpen = (job) => job.state === 'queued' || job.state === 'running';

/**
 * What became of a training that was told to end, and of the epochs it had done where they were to be kept.
 * @param {Job} job
 * @param {boolean} keep
 */
export function toldOfCancelled(job, keep) {
  if (isOpen(job)) return 'It ends once the epochs done are measured.';
  if (job.version !== null && keep) return `Stopped. Version ${job.version} keeps ${counted(job.epoch, 'epoch')}.`;
  if (job.state !== 'cancelled') return `It has ended before: ${words(job.state)}.`;
  if (!keep) return 'Cancelled.';
  return `Stopped. Nothing was kept: ${job.epoch === 0 ? 'no epoch was done' : 'there is no new version'}.`;
}

/**
 * @param {Job} job
 * @param {Model | null} model none where it is gone
 */
export function jobFacts(job, model) {
  const took = job.started_at ? duration(secondsBetween(job.started_at, job.finished_at)) : '–';
  // A model that was made without a loss says which it has once it is trained.
  /** @type {[string, string][]} */
  const loss = model?.loss ? [['Loss', lossText(model)]] : [];
  /** @type {[string, import('../dom.js').Child][]} */
  const pairs = [
    ['State', stateBadge(job.state)],
    ['Epoch', `${count(job.epoch)} of ${count(job.epochs)}`],
    ...loss,
    ['Training loss', number(job.loss)],
    ['Validation loss', number(job.validation_loss)],
    ['Best epoch', count(job.best_epoch)],
    ['Rows', count(job.rows)],
    ['Rows a second', job.rows_per_second === null ? '–' : count(Math.round(job.rows_per_second))],
    [isOpen(job) ? 'Running for' : 'Took', took],
    isOpen(job)
      ? [job.eta_seconds === null ? 'Takes' : 'Time left', about(job.eta_seconds ?? job.estimated_seconds ?? null)]
      : ['Ended by', job.state === 'cancelled' && job.version !== null ? 'being stopped, and kept' : words(job.stop_reason)],
  ];
  return facts(pairs);
}

/** @param {number | null} seconds */
function about(seconds) {
  if (seconds === null) return '–';
  return seconds < 1 ? 'less than a second' : `about ${duration(seconds)}`;
}

/**
 * What was told of a training, by its job or by the version that it made.
 * @param {{ warnings: import('../types.js').Warning[] }} of
 */
export const warnings = ({ warnings: told }) =>
  told.length > 0 &&
  h(
    'section',
    { class: 'panel advice' },
    h('h2', null, 'Warnings, and what to do'),
    h('ul', null, told.map(findingItem)),
  );

/** @param {Job} job */
export function comparison({ comparison: one }) {
  if (!one) return null;
  return panel(
    'Beside the version that served before',
    facts([
      [`New version: ${words(one.metric)}`, shownMeasure(one.metric, one.candidate)],
      [
        one.active_version === null ? 'No version before' : `Version ${one.active_version}: ${words(one.metric)}`,
        shownMeasure(one.metric, one.active),
      ],
      ['Rows', count(one.rows)],
      ['Served when it was published', one.activated ? 'yes' : 'no'],
    ]),
    h('p', { class: 'muted' }, one.reason),
  );
}

const TOGETHER =
  'What the answer of all that were chosen together loses on the rows held out, once this candidate was done. By how much less than in the row above is what it brought.';

/**
 * The networks that a training tries, and how much each answers.
 * @param {Job} job
 */
export function candidates({ candidates: all, metrics }) {
  if (!all?.length) return null;
  const selection = metrics?.selection;
  /** @typedef {import('../types.js').Candidate} Candidate */
  return panel(
    'Candidates',
    h(
      'p',
      { class: 'muted' },
      'Networks with settings of their own. Those answer together whose mean errs least. By how much the loss together falls from row to row is what each brought.',
    ),
    table(
      'Candidates',
      [
        {
          head: 'Candidate',
          isRowHead: true,
          numeric: true,
          cell: (/** @type {Candidate} */ one) => count(one.candidate),
        },
        { head: 'Share of the answer', numeric: true, cell: (one) => percent(one.weight) },
        {
          head: 'Loss on rows held out',
          numeric: true,
          cell: (one) => (one.epochs === null ? 'in training' : number(one.validation_loss)),
        },
        {
          // With more digits than others: what a candidate brings may be a hundred-thousandth.
          head: 'Loss together',
          title: TOGETHER,
          numeric: true,
          cell: (one) => typeof one.loss_together === 'number' && fine(one.loss_together),
        },
        { head: 'Epochs', numeric: true, cell: (one) => count(one.epochs) },
        { head: 'Hidden layers', cell: (one) => one.hidden_layers.join(', ') },
        { head: 'Dropout', numeric: true, cell: (one) => number(one.dropout) },
        { head: 'Learning rate', numeric: true, cell: (one) => number(one.learning_rate) },
        { head: 'Weight decay', numeric: true, cell: (one) => number(one.weight_decay) },
      ],
      all,
    ),
    selection
      ? h(
          'p',
          { class: 'muted' },
          `Those that answer lose ${number(selection.validation_loss)} together on the rows held out, which chose them, and `,
          `${number(selection.on_other_rows)} where each fifth of the rows is answered by what the others choose.`,
        )
      : null,
  );
}

/**
 * What came of a training that has ended.
 * @param {Job} job
 * @param {Model | null} model none where it is gone, and its versions with it
 */
export function outcome(job, model) {
  if (job.error) return problemView(job.error);
  if (job.version === null || !job.metrics)
    return job.state === 'cancelled'
      ? panel('Cancelled', h('p', null, 'It published no version. What it learned was dropped.'))
      : null;
  return panel(
    `Published version ${job.version}`,
    metricsTable(job.metrics),
    measuresNote(model, job.metrics),
    model === null
      ? h('p', { class: 'muted' }, 'Its model has been deleted since, with all of its versions.')
      : h(
          'div',
          { class: 'actions' },
          h('a', { class: 'button primary', href: link`/models/${nameOf(model)}/predict` }, 'Try a prediction'),
          h('a', { class: 'button', href: link`/models/${nameOf(model)}/versions/${job.version}` }, 'See the version'),
        ),
  );
}

/**
 * The curve as a table, for those who do not see it, and what shows it anew.
 * @param {Series} series
 */
export function numbers(series) {
  const element = h('details', null, h('summary', null, 'The curve in numbers'));
  const show = () => {
    if (!element.open) return;
    const step = Math.max(1, Math.ceil(series.epochs.length / 40));
    const rows = series.epochs.map((_, i) => i).filter((i) => i % step === 0 || i === series.epochs.length - 1);
    element.lastElementChild?.matches('.scroll') && element.lastElementChild.remove();
    element.append(
      table(
        'Losses by epoch',
        [
          { head: 'Epoch', isRowHead: true, numeric: true, cell: (/** @type {number} */ i) => count(series.epochs[i]) },
          { head: 'Training loss', numeric: true, cell: (i) => number(series.loss[i]) },
          { head: 'Validation loss', numeric: true, cell: (i) => number(series.validation[i]) },
        ],
        rows,
      ),
    );
  };
  element.addEventListener('toggle', show);
  return { element, show };
}

/** @param {Job} job */
export const settings = (job) =>
  h(
    'details',
    { class: 'panel' },
    h('summary', null, 'All settings of this training'),
    h(
      'pre',
      { tabindex: '0', role: 'region', 'aria-label': 'Settings' },
      h('code', null, JSON.stringify(job.config, null, 2)),
    ),
  );
