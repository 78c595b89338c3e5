// Pictures that the service draws: the same that a README or a report takes.

import { query, request } from '../api.js';
import { fill, h } from '../dom.js';
import { notifyProblem } from '../ui/notices.js';
import { isDark } from './colours.js';

/**
 * The picture at an address as an element. It comes as text, since a picture by its address alone would ask without a key.
 * @param {string} address
 * @param {AbortSignal} signal
 */
async function picture(address, signal) {
  const reply = await request(address + query({ theme: isDark() ? 'dark' : 'light' }), { signal });
  const read = new DOMParser().parseFromString(await reply.text(), 'image/svg+xml').documentElement;
  return document.importNode(read, true);
}

/**
 * A button that saves what is shown.
 * @param {HTMLElement} frame
 * @param {string} title
 */
function saveButton(frame, title) {
  const save = () => {
    const text = new XMLSerializer().serializeToString(/** @type {Node} */ (frame.firstChild));
    const address = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
    h('a', { href: address, download: `${title}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };
  return h('button', { type: 'button', onclick: save }, 'Save as SVG');
}

/**
 * A picture of the service's, in the colours of the page. Where there is none, the service's own words stand in its place.
 * @param {string} title what its file is called
 * @param {string} address
 * @param {AbortSignal} signal
 */
export async function plot(title, address, signal) {
  const frame = h('div', { class: 'plot' });
  try {
    fill(frame, await picture(address, signal));
  } catch (error) {
    if (/** @type {any} */ (error).problem?.code !== 'plot_unavailable') throw error;
    return h('p', { class: 'muted' }, /** @type {any} */ (error).problem.detail);
  }
  const redraw = () =>
    picture(address, signal)
      .then((drawn) => fill(frame, drawn))
      .catch((error) => signal.aborted || notifyProblem(error));
  addEventListener('epochd-theme', redraw, { signal });
  return h('div', { class: 'paged' }, frame, h('div', { class: 'actions' }, saveButton(frame, title)));
}
