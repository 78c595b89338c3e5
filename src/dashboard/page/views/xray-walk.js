// The walk through backpropagation: one step at a time, by buttons or arrow keys, or by itself.

import { xrayDrawing, xrayLegend } from '../charts/xray.js';
import { stepsOf } from '../charts/xray-steps.js';
import { fill, h } from '../dom.js';
import { count, fine, number } from '../format.js';
import { facts, progressBar } from '../ui/parts.js';
import { table } from '../ui/table.js';

/** @typedef {import('../types.js').Trace} Trace */
/** @typedef {import('../charts/xray-steps.js').Step} Step */

const MS_A_STEP = 2500;

/**
 * The numbers of a step.
 * @param {Step} step
 */
const numbers = ({ title, heads, rows, left }) => [
  table(
    `Numbers of the step ${title}`,
    heads.map(({ head, kind }, i) => ({
      head,
      isRowHead: i === 0,
      numeric: kind === 'number' || kind === 'fine',
      cell: (/** @type {(string | number | null)[]} */ row) => {
        const cell = row[i];
        if (kind === 'fine') return fine(/** @type {number | null} */ (cell));
        if (kind === 'number') return number(/** @type {number | null} */ (cell));
        return kind === 'text' ? h('span', { class: 'sum' }, cell) : cell;
      },
    })),
    rows,
  ),
  left ? h('p', { class: 'small muted' }, `${count(left)} more are not shown.`) : null,
];

/**
 * How far the gradients are from those by differences.
 * @param {Trace} trace
 */
export const gradientCheck = ({ check, version }) =>
  facts([
    ['Version', count(version)],
    ['Parameters', count(check.parameters)],
    ['Largest gradient', number(check.largest_gradient)],
    ['Largest difference from (L(w + h) − L(w − h)) / 2h', number(check.largest_difference)],
    ['h', number(check.step)],
  ]);

/**
 * Whether an arrow key at an element belongs to that element.
 * @param {EventTarget | null} target
 */
function usesArrows(target) {
  if (!(target instanceof Element)) return false;
  return target.matches('input, select, textarea, [role="dialog"] *') || target.scrollWidth > target.clientWidth + 1;
}

/**
 * The walk through a trace. `rate` gives η as it stands in its field.
 * @param {Trace} trace
 * @param {string | null} loss
 * @param {() => number} rate
 * @param {AbortSignal} signal
 */
export function walk(trace, loss, rate, signal) {
  let steps = stepsOf(trace, loss, rate());
  let current = 0;
  let timer = 0;
  const last = steps.length - 1;
  const title = h('h2');
  const formula = h('p', { class: 'formula' });
  const said = h('p', { role: 'status', 'aria-live': 'polite' });
  const frame = h('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Drawing of the network' });
  const area = h('div', { class: 'paged' });
  const bar = progressBar('Steps walked');

  const show = () => {
    const step = steps[current];
    title.textContent = step.title;
    formula.textContent = step.formula;
    said.textContent = `Step ${current + 1} of ${steps.length}, ${step.phase.toLowerCase()}. ${step.said}`;
    const { drawing, middle } = xrayDrawing(trace, step);
    fill(frame, drawing);
    frame.scrollLeft = middle * frame.scrollWidth - frame.clientWidth / 2;
    fill(area, numbers(step));
    bar.value = current / last;
    for (const [button, to] of ends) button.setAttribute('aria-disabled', String(current === to));
  };
  const go = (/** @type {number} */ to) => {
    current = Math.max(0, Math.min(last, to));
    show();
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = '▶ Play';
  };
  const start = () => {
    if (current === last) go(0);
    play.textContent = '❚❚ Pause';
    timer = setInterval(() => {
      go(current + 1);
      if (current === last) stop();
    }, MS_A_STEP);
  };
  const by = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => number} */ to) =>
    h('button', { type: 'button', 'aria-label': label, title: label, onclick: () => (stop(), go(to())) }, text);
  const first = by('⇤', 'First step', () => 0);
  const previous = by('←', 'Previous step', () => current - 1);
  const play = h('button', { type: 'button', onclick: () => (timer ? stop() : start()) }, '▶ Play');
  const next = by('→', 'Next step', () => current + 1);
  const end = by('⇥', 'Last step', () => last);
  const ends = /** @type {[HTMLButtonElement, number][]} */ ([
    [first, 0],
    [previous, 0],
    [next, last],
    [end, last],
  ]);

  addEventListener(
    'keydown',
    (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || usesArrows(event.target)) return;
      event.preventDefault();
      stop();
      go(current + by);
    },
    { signal },
  );
  signal.addEventListener('abort', stop);
  show();
  requestAnimationFrame(show);
  const element = h(
    'section',
    { class: 'panel' },
    h('div', { class: 'walk-bar' }, first, previous, play, next, end, bar),
    h('div', { class: 'walk' }, h('div', null, frame, xrayLegend()), h('div', null, title, formula, said, area)),
  );
  /** Reckons with the rate as it stands now. */
  const refresh = () => {
    steps = stepsOf(trace, loss, rate());
    show();
  };
  return { element, refresh };
}
