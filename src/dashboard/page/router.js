// Addresses after the `#`: `#/models/flowers?tab=drift`. A view lives until the next one is shown.

import { fill, h } from './dom.js';
import { InputError, problemPanel } from './ui/problem.js';

/**
 * What a view gets: the parts of its address that vary, the parameters after `?`, and a signal that ends with it.
 * @typedef {{ parts: string[], parameters: URLSearchParams, signal: AbortSignal }} Place
 */
/** @typedef {(place: Place) => Node | Promise<Node>} View */
/** @typedef {{ pattern: RegExp, load: () => Promise<View> }} Route */

let current = new AbortController();

/** The address after the `#` as a path and its parameters. */
export function address() {
  const [path, search] = location.hash.replace(/^#/, '').split('?');
  return { path: path || '/', parameters: new URLSearchParams(search ?? '') };
}

/**
 * Goes to an address of the page.
 * @param {string} path
 */
export function go(path) {
  location.hash = path;
}

/**
 * An address in the page with its parts escaped: link`/models/${name}`.
 * @param {TemplateStringsArray} texts
 * @param {...(string | number)} values
 */
export function link(texts, ...values) {
  return '#' + texts.reduce((whole, text, i) => whole + encodeURIComponent(values[i - 1]) + text);
}

/**
 * Marks the part of the navigation that the address belongs to.
 * @param {string} path
 */
function markArea(path) {
  const area = path.split('/')[1] ?? '';
  for (const item of document.querySelectorAll('#nav a')) {
    if (item.getAttribute('data-area') === area) item.setAttribute('aria-current', 'page');
    else item.removeAttribute('aria-current');
  }
}

/**
 * A part of an address as it is meant.
 * @param {string} part
 */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new InputError(`“${part}” is no part of an address: a % stands before two hexadecimal digits there.`);
  }
}

/**
 * Shows the view of the address.
 * @param {Route[]} routes
 * @param {HTMLElement} main
 * @param {boolean} moveFocus
 */
async function show(routes, main, moveFocus) {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const { path, parameters } = address();
  markArea(path);
  main.setAttribute('aria-busy', 'true');
  // A view that is left meanwhile may end later than the next one, and has no say any more.
  const loading = () => signal.aborted || fill(main, h('p', { class: 'muted' }, 'Loading …'));
  const slow = setTimeout(loading, 150);
  let content;
  try {
    const route = routes.find(({ pattern }) => pattern.test(path));
    if (!route) throw new InputError(`There is nothing at ${path}.`);
    const parts = (path.match(route.pattern) ?? []).slice(1).map(decoded);
    const view = await route.load();
    content = await view({ parts, parameters, signal });
  } catch (error) {
    content = h('section', null, h('h1', null, 'This cannot be shown'), problemPanel(error, reload));
  }
  clearTimeout(slow);
  if (signal.aborted) return;
  fill(main, content);
  main.removeAttribute('aria-busy');
  const heading = main.querySelector('h1');
  document.title = `${heading?.textContent ?? 'Start'} · epochd`;
  scrollTo(0, 0);
  if (moveFocus) main.focus({ preventScroll: true });
}

/** Shows the current address again. */
export function reload() {
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/**
 * Follows the address from now on.
 * @param {Route[]} routes
 * @param {HTMLElement} main
 */
export function start(routes, main) {
  addEventListener('hashchange', () => {
    if (location.hash.startsWith('#/') || location.hash === '') show(routes, main, true);
  });
  show(routes, main, false);
}
