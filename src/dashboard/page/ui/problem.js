// What went wrong, in the service's words: what it is, what to do, and where.

import { ApiError, localProblem } from '../api.js';
import { h } from '../dom.js';

/** @typedef {import('../types.js').Problem} Problem */

/** What somebody has typed that cannot be used. */
export class InputError extends Error {}

/**
 * Whether this is no failure: the view was left before the reply came.
 * @param {unknown} error
 */
export const wasLeft = (error) => error instanceof DOMException && error.name === 'AbortError';

/**
 * The problem document of whatever was thrown.
 * @param {unknown} error
 * @returns {Problem}
 */
export function problemFrom(error) {
  if (error instanceof ApiError) return error.problem;
  if (error instanceof InputError) return localProblem('This cannot be used', error.message);
  return localProblem('The page failed', error instanceof Error ? error.message : String(error));
}

/**
 * A panel that tells of a failure; `again` puts a button under it that tries once more.
 * @param {unknown} error
 * @param {(() => void) | null} [again]
 */
export function problemPanel(error, again = null) {
  return problemView(problemFrom(error), again);
}

/** @param {string} text */
const bare = (text) => text.toLowerCase().replace(/\.$/, '');

/**
 * What to do about it, unless the detail has said so already.
 * @param {Problem} problem
 */
const remedy = ({ remedy: text, detail }) =>
  text && !bare(detail).includes(bare(text)) ? h('p', null, h('strong', null, 'What to do: '), text) : null;

/**
 * @param {Problem} problem
 * @param {(() => void) | null} [again]
 */
export function problemView(problem, again = null) {
  const places = (problem.errors ?? []).filter(
    (place) => place.detail !== problem.detail || place.pointer || place.parameter,
  );
  const place = (/** @type {import('../types.js').ProblemPlace} */ one) =>
    h(
      'li',
      null,
      h('code', null, one.pointer ?? one.parameter ?? ''),
      one.detail === problem.detail ? null : ` ${one.detail}`,
    );
  return h(
    'div',
    { class: 'panel problem', role: 'alert' },
    h('p', { class: 'problem-title' }, problem.title),
    h('p', null, problem.detail),
    places.length ? h('ul', null, places.map(place)) : null,
    remedy(problem),
    h(
      'p',
      { class: 'small muted' },
      problem.code ? h('a', { href: `/docs/errors#${problem.code}` }, 'What this means') : null,
      problem.request_id ? ` · request ${problem.request_id}` : null,
    ),
    again ? h('button', { type: 'button', onclick: again }, 'Try again') : null,
  );
}
