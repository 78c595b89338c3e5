// One training: its curves as they grow, how long it will take, and what came of it.

import { get, path, query, remove, send } from '../api.js';
import { Curves } from '../charts/curves.js';
import { Series } from '../charts/series.js';
import { fill, h } from '../dom.js';
import { follow, pause } from '../events.js';
import { ago, words } from '../format.js';
import { go, link } from '../router.js';
import { confirmed } from '../ui/dialog.js';
import { tick } from '../ui/field.js';
import { canBeTraced } from '../ui/model-head.js';
import { during, notify, notifyProblem } from '../ui/notices.js';
import { panel, progressBar, viewHead } from '../ui/parts.js';
import { problemPanel } from '../ui/problem.js';
import {
  candidates,
  comparison,
  isOpen,
  jobFacts,
  numbers,
  outcome,
  settings,
  toldOfCancelled,
  warnings,
} from './job-parts.js';

/** @typedef {import('../types.js').Job} Job */
/** @typedef {import('../types.js').Epoch} Epoch */
/** @typedef {import('../types.js').Model} Model */

const POINTS = 2000;
const MOST_OTHERS = 20;

/**
 * The history of a training, at most about `POINTS` epochs of it.
 * @param {Job} job
 * @param {AbortSignal} signal
 */
async function history(job, signal) {
  const series = new Series();
  const every = Math.max(1, Math.ceil(job.epoch / POINTS));
  let after = 0;
  for (;;) {
    const page = await get(path`/jobs/${job.id}/epochs` + query({ every, after, limit: 1000 }), signal);
    page.data.forEach((/** @type {Epoch} */ epoch) => series.add(epoch));
    if (page.next_after === null || !page.data.length) return series;
    after = page.next_after;
  }
}

/**
 * The buttons that end a training.
 * @param {Job} job
 * @param {(job: Job) => void} changed
 */
function cancelButtons(job, changed) {
  const cancel = async (/** @type {boolean} */ keep) => {
    const now = await send(path`/jobs/${job.id}/cancel` + (keep ? '?keep=true' : ''));
    changed(now);
    notify(toldOfCancelled(now, keep));
  };
  const keep = h('button', { type: 'button', onclick: () => during(keep, () => cancel(true)) }, 'Stop and keep');
  const drop = h(
    'button',
    {
      type: 'button',
      class: 'danger',
      onclick: () =>
        during(drop, async () => {
          if (await confirmed('Cancel this training?', 'What it has learned so far is dropped.', 'Cancel it'))
            await cancel(false);
        }),
    },
    'Cancel',
  );
  return h('div', { class: 'actions' }, keep, drop);
}

/**
 * Ticks for other trainings of the model, whose curves are laid over this one's.
 * @param {Job} job
 * @param {string | null} first the one that is ticked from the start
 * @param {(others: { label: string, series: Series, tone: number }[]) => void} changed
 * @param {AbortSignal} signal
 */
async function overlays(job, first, changed, signal) {
  const { data } = await get(`/jobs${query({ model: job.model_id, limit: MOST_OTHERS + 1 })}`, signal);
  // The newest are offered; one that is asked for may be older.
  const isThere = data.some((/** @type {Job} */ one) => one.id === first);
  if (first && !isThere) data.push(await get(path`/jobs/${first}`, signal));
  const others = data.filter((/** @type {Job} */ one) => one.id !== job.id && one.epoch > 0);
  if (!others.length) return null;
  /** @type {Map<string, { label: string, series: Series, tone: number }>} */
  const chosen = new Map();
  const boxes = others.map((/** @type {Job} */ one, /** @type {number} */ i) => {
    const label = one.version ? `version ${one.version}` : `${words(one.state)} ${ago(one.created_at)}`;
    const box = h('input', { type: 'checkbox' });
    const change = async () => {
      if (box.checked) chosen.set(one.id, { label, series: await history(one, signal), tone: i + 1 });
      else chosen.delete(one.id);
      changed([...chosen.values()]);
    };
    box.addEventListener('change', () => change().catch(notifyProblem));
    if (one.id === first) requestAnimationFrame(() => box.click());
    return tick(label, box);
  });
  return h(
    'details',
    { open: first !== null },
    h('summary', null, 'Lay other trainings of this model over it'),
    h('div', { class: 'ticks', tabindex: '0', role: 'group', 'aria-label': 'Other trainings' }, boxes),
  );
}

/**
 * Follows a training that has not ended: its events, and how far it is. Of many epochs a second not each is an event: the
 * curve is read once more when it has ended.
 * @param {Job} job
 * @param {Series} series
 * @param {{ curve: () => void, job: (job: Job) => void, failed: (error: unknown) => void }} told
 * @param {AbortSignal} signal
 */
function followJob(job, series, told, signal) {
  let isOver = false;
  follow(
    path`/jobs/${job.id}/events`,
    (events) => {
      for (const { event, data } of events) {
        if (event === 'epoch') series.add(JSON.parse(data));
        if (event !== 'state') continue;
        const now = JSON.parse(data);
        isOver = !isOpen(now);
        if (isOver && now.state !== 'cancelled')
          notify(`The training has ended: ${words(now.state)}.`, now.state === 'failed' ? 'bad' : 'good');
        told.job(now);
        if (isOver)
          history(now, signal)
            .then((whole) => {
              series.become(whole);
              told.curve();
            })
            .catch(told.failed);
      }
      told.curve();
      return isOver;
    },
    signal,
  ).catch(told.failed);
  (async () => {
    while (!isOver && !signal.aborted) {
      await pause(1000, signal);
      const now = await get(path`/jobs/${job.id}`, signal).catch((error) => {
        if (!signal.aborted) told.failed(error);
      });
      if (!now) continue;
      told.failed(null);
      if (isOpen(now) && !isOver) told.job(now);
    }
  })();
}

/**
 * A button that deletes a training that has ended.
 * @param {Job} job
 */
function deleteButton(job) {
  const button = h(
    'button',
    {
      type: 'button',
      class: 'danger',
      onclick: () =>
        during(button, async () => {
          if (
            !(await confirmed(
              'Delete this training?',
              'Its curves and settings are gone for good. A version that it published stays.',
              'Delete it',
            ))
          )
            return;
          await remove(path`/jobs/${job.id}`);
          notify('The training was deleted.');
          go('/jobs');
        }),
    },
    'Delete',
  );
  return button;
}

/** The switches above the curves. @param {Curves} curves */
function scaleSwitch(curves) {
  const box = h('input', { type: 'checkbox' });
  box.addEventListener('change', () => curves.setLog(box.checked));
  return tick('Logarithmic scale', box);
}

/**
 * What of a training changes while it runs.
 * @param {Job} job
 * @param {Model | null} model none where it is gone
 */
function changingParts(job, model) {
  const summary = h('section', { class: 'panel', 'aria-label': 'State of the training' });
  const below = h('div', { class: 'paged' });
  const bar = progressBar('Progress of the training');
  let shown = '';
  const show = (/** @type {Job} */ now) => {
    bar.value = now.progress;
    const tried = now.candidates?.map((one) => one.epochs).join();
    const state = `${now.state} ${now.warnings.length} ${now.version} ${tried}`;
    const line = jobFacts(now, model);
    if (state === shown) {
      summary.querySelector('dl')?.replaceWith(line);
      return;
    }
    shown = state;
    fill(summary, line, isOpen(now) ? bar : null, isOpen(now) ? cancelButtons(now, show) : null);
    fill(below, outcome(now, model), comparison(now), candidates(now), warnings(now));
  };
  show(job);
  return { summary, below, show };
}

/**
 * The model of a training; none where it was deleted, which leaves the training there.
 * @param {Job} job
 * @param {AbortSignal} signal
 * @returns {Promise<Model | null>}
 */
const modelOf = (job, signal) =>
  get(path`/models/${job.model_id}`, signal).catch((error) => {
    if (error.problem?.status === 404) return null;
    throw error;
  });

/** @type {import('../router.js').View} */
export async function view({ parts: [id], parameters, signal }) {
  /** @type {Job} */
  const job = await get(path`/jobs/${id}`, signal);
  const model = await modelOf(job, signal);
  const name = model?.name ?? job.model_id;
  const curves = new Curves(signal);
  const series = isOpen(job) ? new Series() : await history(job, signal);
  const own = { label: 'this run', series, tone: 0 };
  const parts = changingParts(job, model);
  const inNumbers = numbers(series);
  const failed = h('div');
  if (isOpen(job)) {
    followJob(
      job,
      series,
      {
        curve: () => {
          curves.update();
          inNumbers.show();
        },
        job: parts.show,
        failed: (error) => fill(failed, error ? problemPanel(error) : null),
      },
      signal,
    );
  }
  curves.setRuns([own]);
  const laid = (/** @type {import('../charts/curves.js').Run[]} */ runs) => curves.setRuns([own, ...runs]);
  const failedToLay = (/** @type {unknown} */ error) => {
    notifyProblem(error);
    return null;
  };
  const others = model && (await overlays(job, parameters.get('with'), laid, signal).catch(failedToLay));
  return h(
    'div',
    null,
    viewHead(
      `Training of ${name}`,
      [`Created ${ago(job.created_at)}`],
      model && canBeTraced(model) && h('a', { class: 'button', href: link`/models/${name}/xray` }, 'X-ray'),
      model && h('a', { class: 'button', href: link`/models/${name}` }, 'To the model'),
      !isOpen(job) && deleteButton(job),
    ),
    parts.summary,
    failed,
    h(
      'div',
      { class: 'columns' },
      panel('Loss by epoch', scaleSwitch(curves), curves.element, others, inNumbers.element),
      parts.below,
    ),
    settings(job),
  );
}
