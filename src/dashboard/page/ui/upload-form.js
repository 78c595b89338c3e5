// The place where a file is dropped or chosen, named, and sent.

import { get } from '../api.js';
import { fill, h } from '../dom.js';
import { bytes, count, percent, slug } from '../format.js';
import { go } from '../router.js';
import { bareName, contentType, ENDINGS, upload } from '../upload.js';
import { keptFile, onDrop } from './drop.js';
import { field, typedList } from './field.js';
import { notify, notifyProblem } from './notices.js';
import { progressBar } from './parts.js';
import { problemPanel, wasLeft } from './problem.js';

/** Uploads of this page that are under way, by the names of their data sets: they go on when their view is left. @type {Map<string, AbortController>} */
export const uploads = new Map();

/**
 * The settings that few files need.
 * @param {boolean} isWorkbook
 */
function options(isWorkbook) {
  const missing = h('input', { type: 'text', placeholder: 'n/k, unknown' });
  const skip = h('input', { type: 'text', placeholder: 'row_id' });
  const types = h('textarea', { placeholder: '{"postal_code": "categorical"}', spellcheck: 'false' });
  const sheet = h('input', { type: 'text' });
  const element = h(
    'details',
    null,
    h('summary', null, 'How to read the file'),
    h(
      'div',
      { class: 'fields' },
      field('Words that mean “no value”', missing, 'With commas between them.'),
      field('Columns to leave out', skip, 'With commas between them.'),
      field('Types of columns', types, 'JSON, where the service should not find them itself.'),
      isWorkbook ? field('Sheet', sheet, 'The first one with cells, if this is empty.') : null,
    ),
  );
  const read = () => ({
    missing: typedList(missing),
    skip_columns: typedList(skip),
    types: types.value.trim(),
    sheet: sheet.value.trim(),
  });
  return { element, read };
}

/**
 * Sends the file and shows how far it has come: first the bytes sent, then the rows that the service has read.
 * @param {Element} area
 * @param {File} file
 * @param {string} type
 * @param {Record<string, string | string[]>} parameters
 */
async function sendFile(area, file, type, parameters) {
  const bar = progressBar(`Sending ${file.name}`);
  const state = h('p', { role: 'status' }, 'Sending …');
  const stop = new AbortController();
  uploads.set(String(parameters.name), stop);
  const warn = (/** @type {Event} */ event) => event.preventDefault();
  addEventListener('beforeunload', warn);
  fill(area, bar, state, h('button', { type: 'button', onclick: () => stop.abort() }, 'Stop'));
  const timer = setInterval(async () => {
    const page = await get('/datasets?limit=1', stop.signal).catch(() => null);
    const mine = page?.loading.find((/** @type {any} */ one) => one.name === parameters.name);
    if (mine?.rows && bar.value === 1) state.textContent = `Reading: ${count(mine.rows)} rows so far …`;
  }, 1000);
  try {
    return await upload(
      file,
      type,
      parameters,
      (share) => {
        bar.value = share;
        state.textContent = share < 1 ? `Sending: ${percent(share)} of ${bytes(file.size)}` : 'Reading the rows …';
      },
      stop.signal,
    );
  } finally {
    clearInterval(timer);
    uploads.delete(String(parameters.name));
    removeEventListener('beforeunload', warn);
  }
}

/**
 * The form of a chosen file. An upload goes on when the view is left, and tells when it is done.
 * @param {Element} area
 * @param {File} file
 * @param {string} type
 * @param {AbortSignal} signal
 * @param {() => void} back
 */
function nameForm(area, file, type, signal, back) {
  const name = h('input', {
    type: 'text',
    value: slug(bareName(file.name)),
    required: true,
    maxlength: 63,
    pattern: '[a-z0-9_\\-]+',
    autocomplete: 'off',
  });
  const extra = options(file.name.toLowerCase().includes('.xlsx'));
  const below = h('div', { class: 'upload-state' });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    form.inert = true;
    try {
      const stored = await sendFile(below, file, type, { name: name.value, ...extra.read() });
      notify(`Stored ${stored.name}: ${count(stored.rows)} rows, ${stored.columns.length} columns.`);
      if (!signal.aborted) go(`/datasets/${encodeURIComponent(stored.name ?? stored.id)}`);
    } catch (error) {
      form.inert = false;
      if (signal.aborted) notifyProblem(error);
      else if (wasLeft(error)) fill(below, h('p', null, 'The upload was stopped. Nothing was stored.'));
      else fill(below, problemPanel(error));
    }
  };
  const form = h(
    'form',
    { onsubmit: submit },
    h('p', null, h('strong', null, file.name), ` · ${bytes(file.size)}`),
    field('Name of the data set', name, 'Small letters, digits, - and _.'),
    extra.element,
    h(
      'div',
      { class: 'actions' },
      h('button', { class: 'primary' }, 'Store it'),
      h('button', { type: 'button', onclick: back }, 'Another file'),
    ),
  );
  fill(area, form, below);
  // A file that came with the view is named before the view stands in the document.
  if (area.isConnected) name.focus();
  else requestAnimationFrame(() => name.focus());
}

/**
 * Where a file comes in.
 * @param {AbortSignal} signal
 */
export function uploadArea(signal) {
  const input = h('input', {
    type: 'file',
    accept: ENDINGS,
    class: 'visually-hidden',
    tabindex: '-1',
    'aria-hidden': 'true',
  });
  const area = h('div', { class: 'panel' });
  const take = (/** @type {File | null | undefined} */ file) => {
    if (!file) return;
    const type = contentType(file.name);
    if (type) nameForm(area, file, type, signal, start);
    else {
      start();
      area.append(
        problemPanel(
          new Error(`${file.name} is of no kind that the service reads: use ${ENDINGS.replaceAll(',', ', ')}.`),
        ),
      );
    }
  };
  const start = () => {
    const drop = h(
      'div',
      { class: 'drop' },
      h('p', null, h('strong', null, 'Drop a table here'), ' or'),
      h('button', { type: 'button', class: 'primary', onclick: () => input.click() }, 'Choose a file'),
      h(
        'p',
        { class: 'small muted' },
        'CSV, TSV, JSON, NDJSON, Parquet, Arrow, Feather or Excel; packed with gzip or not.',
      ),
    );
    onDrop(drop, drop, take, signal);
    fill(area, drop, input);
    input.value = '';
  };
  input.addEventListener('change', () => take(input.files?.[0]));
  start();
  take(keptFile());
  return area;
}
