// All data sets, what is being loaded, and the place where a file comes in.

import { get, query } from '../api.js';
import { fill, h } from '../dom.js';
import { ago, bytes, count } from '../format.js';
import { link } from '../router.js';
import { pause } from '../events.js';
import { datasetNames } from '../ui/dataset-choice.js';
import { emptyState, panel, viewHead } from '../ui/parts.js';
import { pagedTable } from '../ui/paged.js';
import { uploadArea, uploads } from '../ui/upload-form.js';

/** @typedef {import('../types.js').Dataset} Dataset */
/** @typedef {import('../types.js').Loading} Loading */

/**
 * @param {(one: Dataset) => string} name
 * @returns {import('../ui/table.js').TableColumn<Dataset>[]}
 */
const columns = (name) => [
  {
    head: 'Data set',
    isRowHead: true,
    cell: (one) => h('a', { href: link`/datasets/${one.name ?? one.id}`, title: one.id }, name(one)),
  },
  { head: 'Rows', numeric: true, cell: (one) => count(one.rows) },
  { head: 'Columns', numeric: true, cell: (one) => count(one.columns.length) },
  { head: 'Size', numeric: true, cell: (one) => bytes(one.bytes) },
  {
    head: 'Findings',
    cell: (one) =>
      one.findings.length ? h('span', { class: 'badge warn' }, `${one.findings.length} to look at`) : '–',
  },
  { head: 'Stored', cell: (one) => ago(one.created_at) },
];

/**
 * A button that stops an upload of this page whose own view was left.
 * @param {Loading} one
 */
function stopButton({ name }) {
  const stop = uploads.get(name ?? '');
  return stop ? h('button', { type: 'button', onclick: () => stop.abort() }, 'Stop') : null;
}

/** @param {Loading[]} loading */
const loadingList = (loading) =>
  panel(
    'On their way in',
    h(
      'ul',
      null,
      loading.map((one) =>
        h(
          'li',
          null,
          `${one.name ?? 'without a name'}: ${one.state}, ${bytes(one.bytes)} received, ${count(one.rows)} rows read `,
          stopButton(one),
        ),
      ),
    ),
  );

/**
 * Shows data files of other clients as they come in.
 * @param {Element} area
 * @param {AbortSignal} signal
 */
async function watchLoading(area, signal) {
  while (!signal.aborted) {
    const page = await get('/datasets?limit=1', signal).catch(() => null);
    if (page?.loading.length) fill(area, loadingList(page.loading));
    else fill(area);
    await pause(document.hidden ? 20000 : 4000, signal);
  }
}

/** @type {import('../router.js').View} */
export async function view({ signal }) {
  const load = (/** @type {string | null} */ cursor) => get(`/datasets${query({ limit: 50, cursor })}`, signal);
  const first = await load(null);
  const loading = h('div');
  watchLoading(loading, signal);
  return h(
    'div',
    null,
    viewHead('Data', 'Tables that are stored once and trained on often.'),
    uploadArea(signal),
    loading,
    first.data.length
      ? pagedTable('Data sets', columns(datasetNames(first.data)), first, load)
      : emptyState(
          'No data set yet',
          'Drop a table above, or take the sample from the start page.',
          h('a', { class: 'button', href: '#/' }, 'To the start page'),
        ),
  );
}
