// All trainings, newest first.

import { get, query } from '../api.js';
import { pause } from '../events.js';
import { fill, h } from '../dom.js';
import { ago, count, duration, number, percent, secondsBetween, words } from '../format.js';
import { go, link } from '../router.js';
import { choice, field } from '../ui/field.js';
import { emptyState, stateBadge, viewHead } from '../ui/parts.js';
import { pagedTable } from '../ui/paged.js';
import { isOpen } from './job-parts.js';

/** @typedef {import('../types.js').Job} Job */

const STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'];

/**
 * @param {Map<string, string>} names
 * @returns {import('../ui/table.js').TableColumn<Job>[]}
 */
const columns = (names) => [
  {
    head: 'Model',
    isRowHead: true,
    cell: (job) => h('a', { href: link`/jobs/${job.id}` }, names.get(job.model_id) ?? job.model_id.slice(0, 13)),
  },
  { head: 'State', cell: (job) => stateBadge(job.state) },
  { head: 'Done', numeric: true, cell: (job) => percent(job.progress) },
  { head: 'Epochs', numeric: true, cell: (job) => `${count(job.epoch)} of ${count(job.epochs)}` },
  { head: 'Loss', numeric: true, cell: (job) => number(job.loss) },
  { head: 'Validation', numeric: true, cell: (job) => number(job.validation_loss) },
  { head: 'Ended by', cell: (job) => words(job.stop_reason) },
  {
    head: 'Took',
    numeric: true,
    cell: (job) => (job.started_at ? duration(secondsBetween(job.started_at, job.finished_at)) : '–'),
  },
  { head: 'Created', cell: (job) => ago(job.created_at) },
];

/**
 * Whether the reader is at work in a list: on further pages than the first, which are not drawn anew, or with the focus in it.
 * @param {Element} area
 */
const isInUse = (area) =>
  area.querySelectorAll('.pages > *').length > 1 ||
  area.querySelector('[aria-busy]') !== null ||
  area.contains(document.activeElement);

/**
 * Keeps the first page up to date while something on it runs.
 * @param {Element} area
 * @param {() => Promise<Node>} draw
 * @param {() => boolean} hasOpen
 * @param {AbortSignal} signal
 */
async function keepFresh(area, draw, hasOpen, signal) {
  while (!signal.aborted) {
    await pause(document.hidden ? 20000 : 3000, signal);
    if (signal.aborted || !hasOpen() || isInUse(area)) continue;
    const content = await draw().catch(() => null);
    if (content && !signal.aborted && !isInUse(area)) fill(area, content);
  }
}

/** @type {import('../router.js').View} */
export async function view({ parameters, signal }) {
  const state = parameters.get('state') ?? '';
  const model = parameters.get('model') ?? '';
  const load = (/** @type {string | null} */ cursor) =>
    get(`/jobs${query({ limit: 50, state, model, cursor })}`, signal);
  // Of very many models, those whose names are on no first page are shown by their ids.
  const models = await get('/models?limit=1000', signal);
  const names = new Map(
    models.data.map((/** @type {import('../types.js').Model} */ one) => [one.id, one.name ?? one.id.slice(0, 13)]),
  );
  let first = await load(null);
  const table = () =>
    first.data.length
      ? pagedTable('Trainings', columns(names), first, load)
      : emptyState(
          'No training here',
          state || model ? 'None fits what was chosen.' : 'Choose a data set, name the column to predict, and train.',
          h('a', { class: 'button', href: '#/datasets' }, 'To the data'),
        );
  const area = h('div', null, table());
  keepFresh(
    area,
    async () => {
      first = await load(null);
      return table();
    },
    () => first.data.some(isOpen),
    signal,
  );
  const filter = choice(
    [['', 'All'], ...STATES.map((one) => /** @type {[string, string]} */ ([one, words(one)]))],
    state,
  );
  filter.addEventListener('change', () => go(`/jobs${query({ state: filter.value, model })}`));
  return h(
    'div',
    null,
    viewHead(
      'Training',
      model ? `Trainings of ${names.get(model) ?? model}.` : 'What runs, waits, and has ended.',
      field('State', filter),
    ),
    area,
  );
}
