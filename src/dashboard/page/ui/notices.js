// Short messages that say what has been done, or that it failed.

import { h } from '../dom.js';
import { problemFrom, wasLeft } from './problem.js';

/**
 * Shows a message for some seconds.
 * @param {string} text
 * @param {'good' | 'bad'} [kind]
 */
export function notify(text, kind = 'good') {
  const area = document.getElementById('notices');
  const close = () => notice.remove();
  const notice = h(
    'div',
    { class: `notice ${kind}` },
    h('span', null, text),
    h('button', { type: 'button', class: 'quiet', 'aria-label': 'Close this message', onclick: close }, '✕'),
  );
  area?.append(notice);
  setTimeout(close, kind === 'good' ? 5000 : 15000);
}

/**
 * Shows what failed.
 * @param {unknown} error
 */
export function notifyProblem(error) {
  if (wasLeft(error)) return;
  const problem = problemFrom(error);
  notify(`${problem.title}: ${problem.detail}`, 'bad');
}

/**
 * Does something for a button, once at a time, and tells of a failure. The button is not disabled meanwhile, as it would
 * lose the focus.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} work
 */
export async function during(button, work) {
  if (button.hasAttribute('aria-busy')) return;
  button.setAttribute('aria-busy', 'true');
  try {
    await work();
  } catch (error) {
    notifyProblem(error);
  } finally {
    button.removeAttribute('aria-busy');
  }
}
