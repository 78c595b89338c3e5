// All models, page by page, with a search by name.

import { all, get, query } from '../api.js';
import { fill, h } from '../dom.js';
import { ago, count, counted, words } from '../format.js';
import { link } from '../router.js';
import { field } from '../ui/field.js';
import { notifyProblem } from '../ui/notices.js';
import { longTable, pagedTable } from '../ui/paged.js';
import { emptyState, viewHead } from '../ui/parts.js';

/** @typedef {import('../types.js').Model} Model */

const PAGE = 100;

/** @type {import('../ui/table.js').TableColumn<Model>[]} */
const COLUMNS = [
  {
    head: 'Model',
    isRowHead: true,
    cell: (model) => h('a', { href: link`/models/${model.name ?? model.id}` }, model.name ?? model.id),
  },
  {
    head: 'Predicts',
    cell: (model) => model.target ?? (model.layers ? counted(model.layers.at(-1) ?? 0, 'number') : '–'),
  },
  { head: 'Kind', cell: (model) => words(model.task ?? 'layers') },
  { head: 'Layers', cell: (model) => model.layers?.join(' · ') ?? '–' },
  { head: 'Parameters', numeric: true, cell: (model) => count(model.parameter_count) },
  {
    head: 'Serves',
    cell: (model) =>
      model.active_version
        ? h('span', { class: 'badge good' }, `version ${model.active_version}`)
        : h('span', { class: 'badge' }, 'not trained'),
  },
  { head: 'Changed', cell: (model) => ago(model.updated_at) },
];

/** @type {import('../router.js').View} */
export async function view({ signal }) {
  const load = (/** @type {string | null} */ cursor) => get(`/models${query({ limit: PAGE, cursor })}`, signal);
  const first = await load(null);
  if (!first.data.length) {
    return h(
      'div',
      null,
      viewHead('Models', 'What has been trained, and serves.'),
      emptyState(
        'No model yet',
        'A model is made from a data set: choose one, and the column to predict.',
        h('a', { class: 'button primary', href: '#/datasets' }, 'To the data'),
      ),
    );
  }
  const area = h('div', null, pagedTable('Models', COLUMNS, first, load));
  /** @type {Promise<Model[]> | null} */
  let everything = null;
  const search = h('input', { type: 'search', autocomplete: 'off' });
  const find = async () => {
    const text = search.value.trim().toLowerCase();
    if (!text) return fill(area, pagedTable('Models', COLUMNS, first, load));
    everything ??= all('/models', {}, signal);
    const found = (await everything).filter((model) =>
      `${model.name ?? model.id} ${model.target ?? ''}`.toLowerCase().includes(text),
    );
    if (search.value.trim().toLowerCase() !== text) return undefined;
    return fill(
      area,
      h('p', { class: 'muted small', role: 'status' }, `${count(found.length)} found`),
      longTable('Models found', COLUMNS, found),
    );
  };
  search.addEventListener('input', () =>
    find().catch((error) => {
      everything = null;
      notifyProblem(error);
    }),
  );
  return h(
    'div',
    null,
    viewHead('Models', 'What has been trained, and serves.', field('Find by name or target', search)),
    area,
  );
}
