// Small parts that several views have in common.

import { h } from '../dom.js';
import { columnBefore, words } from '../format.js';
import { notify, notifyProblem } from './notices.js';

/** @typedef {import('../dom.js').Child} Child */

const STATES = /** @type {Record<string, string>} */ ({
  queued: '◌',
  running: '▶',
  succeeded: '✓',
  failed: '✕',
  cancelled: '■',
});

/**
 * The state of a job, as a sign and a word.
 * @param {string} state
 */
export const stateBadge = (state) =>
  h('span', { class: `badge ${state}` }, h('span', { 'aria-hidden': 'true' }, STATES[state] ?? ''), ` ${words(state)}`);

/**
 * The head of a view: title, a line below, and actions at the right.
 * @param {string} title
 * @param {Child | Child[]} below
 * @param {...Child} actions
 */
export const viewHead = (title, below, ...actions) =>
  h(
    'div',
    { class: 'view-head' },
    h('div', null, h('h1', null, title), h('p', { class: 'muted' }, below)),
    actions.length ? h('div', { class: 'actions' }, actions) : null,
  );

/**
 * What stands where there is nothing yet.
 * @param {string} title
 * @param {string} text
 * @param {...Child} actions
 */
export const emptyState = (title, text, ...actions) =>
  h('div', { class: 'panel empty' }, h('h2', null, title), h('p', null, text), h('div', { class: 'actions' }, actions));

/**
 * Pairs of words and values.
 * @param {[string, Child | Child[]][]} pairs
 */
export const facts = (pairs) =>
  h(
    'dl',
    { class: 'facts' },
    pairs.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))),
  );

/**
 * A section with a heading.
 * @param {string} title
 * @param {...(Child | Child[])} children
 */
export const panel = (title, ...children) => h('section', { class: 'panel' }, h('h2', null, title), ...children);

/**
 * An item of a list of findings.
 * @param {{ column: string | null, message: string }} finding
 */
export function findingItem(finding) {
  const column = columnBefore(finding);
  return h('li', null, column && h('strong', null, column), finding.message);
}

/**
 * A bar of progress with its label.
 * @param {string} label
 */
export function progressBar(label) {
  const bar = h('progress', { max: 1, value: 0, 'aria-label': label });
  return bar;
}

/**
 * Code with a button that copies it.
 * @param {string} text
 * @param {string} label
 */
export function copyable(text, label) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      notify('Copied');
    } catch (error) {
      notifyProblem(new Error('The browser does not let this page copy: mark the text and copy it by hand.'));
    }
  };
  return h(
    'div',
    { class: 'copyable' },
    h('pre', { tabindex: '0', role: 'region', 'aria-label': label }, h('code', null, text)),
    h('button', { type: 'button', onclick: copy, 'aria-label': `Copy: ${label}` }, 'Copy'),
  );
}
