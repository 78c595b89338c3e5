// Parts of forms: each input with its label and, where it helps, a hint.

import { h, uniqueId } from '../dom.js';

/**
 * An input with a label above and a hint below.
 * @template {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} T
 * @param {string} label
 * @param {T} input
 * @param {string | null} [hint]
 */
export function field(label, input, hint = null) {
  input.id ||= uniqueId('field');
  const hintId = hint ? `${input.id}-hint` : null;
  if (hintId) input.setAttribute('aria-describedby', hintId);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: input.id }, label),
    input,
    hintId ? h('p', { class: 'hint', id: hintId }, hint) : null,
  );
}

/**
 * Names inputs as the request calls what is typed into them.
 * @param {Record<string, HTMLInputElement | HTMLSelectElement>} inputs
 */
export function named(inputs) {
  for (const [name, input] of Object.entries(inputs)) input.name = name;
}

/**
 * Says below an input what is wrong with it, until it is changed or `signal` ends it.
 * @param {HTMLInputElement | HTMLSelectElement} input
 * @param {string} detail
 * @param {AbortSignal} signal
 */
function mark(input, detail, signal) {
  const described = input.getAttribute('aria-describedby');
  const words = h('p', { class: 'small bad-text', id: uniqueId('fault') }, detail);
  const clear = () => {
    words.remove();
    input.removeAttribute('aria-invalid');
    if (described) input.setAttribute('aria-describedby', described);
    else input.removeAttribute('aria-describedby');
  };
  input.after(words);
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-describedby', [words.id, described].filter(Boolean).join(' '));
  input.addEventListener('input', clear, { once: true, signal });
  signal.addEventListener('abort', clear, { once: true });
}

/**
 * Says at the inputs that are named so what the service finds wrong with them, and opens what they are folded into.
 * @param {HTMLFormElement} form
 * @param {import('../types.js').ProblemPlace[]} places
 * @param {AbortSignal} signal
 */
export function markPlaces(form, places, signal) {
  /** @type {Map<HTMLInputElement | HTMLSelectElement, string[]>} */
  const faults = new Map();
  for (const { pointer, detail } of places) {
    const input = pointer && form.elements.namedItem(pointer.split('/')[1]);
    if (!(input instanceof HTMLInputElement || input instanceof HTMLSelectElement)) continue;
    faults.set(input, [...(faults.get(input) ?? []), detail]);
  }
  for (const [input, details] of faults) {
    mark(input, details.join('; '), signal);
    input.closest('details')?.setAttribute('open', '');
  }
}

/**
 * A choice of values; each is a value, or a value with its words, and with more words where somebody points at it.
 * @param {(string | [string, string] | [string, string, string])[]} options
 * @param {string} [chosen]
 */
export function choice(options, chosen = '') {
  const select = h(
    'select',
    null,
    options.map((option) => {
      const [value, text, title] = Array.isArray(option) ? option : [option, option];
      return h('option', { value, title }, text);
    }),
  );
  select.value = chosen;
  return select;
}

/**
 * A box to tick, with its label behind it.
 * @param {string} label
 * @param {HTMLInputElement} input
 */
export const tick = (label, input) => h('label', { class: 'tick' }, input, ' ', label);

/**
 * A number that was typed, or nothing where the field is empty.
 * @param {HTMLInputElement} input
 */
export const typedNumber = (input) => (input.value.trim() === '' ? undefined : Number(input.value));

/**
 * Words that were typed with commas between them.
 * @param {HTMLInputElement} input
 */
export const typedList = (input) =>
  input.value
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
