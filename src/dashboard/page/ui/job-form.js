// A form that starts a training, and leads to it.

import { fill, h } from '../dom.js';
import { go, link } from '../router.js';
import { markPlaces } from './field.js';
import { during } from './notices.js';
import { problemFrom, problemPanel } from './problem.js';

/** @typedef {import('../dom.js').Child} Child */

/**
 * @param {() => Promise<import('../types.js').Job>} start asks for the training
 * @param {...(Child | Child[])} fields
 */
export function jobForm(start, ...fields) {
  const failed = h('div');
  const button = h('button', { class: 'primary' }, 'Train');
  let marks = new AbortController();
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    fill(failed);
    marks.abort();
    marks = new AbortController();
    during(button, async () => {
      try {
        const job = await start();
        go(link`/jobs/${job.id}`.slice(1));
      } catch (error) {
        fill(failed, problemPanel(error));
        markPlaces(form, problemFrom(error).errors, marks.signal);
      }
    });
  };
  const form = h('form', { onsubmit: submit }, ...fields, failed, h('div', { class: 'actions' }, button));
  return form;
}
