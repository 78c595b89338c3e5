// Building the document: elements are made by function calls, so that no data is ever read as HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, any>} Attributes */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Sets one attribute: `on…` functions are listeners, `class`, `data-…` and the like are attributes, booleans are
 * present or absent, and `value`, `checked`, `selected` and `indeterminate` are properties.
 * @param {Element} element
 * @param {string} name
 * @param {any} value
 */
function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (['value', 'checked', 'selected'].includes(name) && !(element instanceof SVGElement)) {
    /** @type {any} */ (element)[name] = value;
  } else element.setAttribute(name, value === true ? '' : String(value));
}

/**
 * Appends children; numbers and texts become text, and what is empty is left out.
 * @param {Element | DocumentFragment} parent
 * @param {(Child | Child[])[]} children
 */
export function append(parent, ...children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Makes an HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  append(element, ...children);
  for (const [name, value] of Object.entries(attributes ?? {})) setAttribute(element, name, value);
  return element;
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Attributes | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const element = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  for (const [name, value] of Object.entries(attributes ?? {})) setAttribute(element, name, value);
  append(element, ...children);
  return element;
}

/**
 * Replaces everything in `parent`.
 * @param {Element} parent
 * @param {...(Child | Child[])} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, ...children);
}

let lastId = 0;

/**
 * An id that no other element has.
 * @param {string} word
 */
export function uniqueId(word) {
  lastId += 1;
  return `${word}-${lastId}`;
}
