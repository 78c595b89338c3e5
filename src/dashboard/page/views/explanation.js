// Why a version answers to a record as it does: what each column brings, drawn to both sides of the average.

import { divergingBars } from '../charts/bars.js';
import { fill, h } from '../dom.js';
import { number } from '../format.js';
import { problemPanel } from '../ui/problem.js';

/** @typedef {import('../types.js').Explanation} Explanation */
/** @typedef {import('../types.js').Predicted} Predicted */

/** A share of a contribution that is nothing. */
const NOTHING = 1e-4;

/** @param {any} value */
const shown = (value) => (value === null ? 'missing' : typeof value === 'number' ? number(value) : String(value));

/** @param {number} value */
const signed = (value) => (value > 0 ? `+${number(value)}` : number(value).replace('-', '−'));

/**
 * @param {Predicted} row
 * @param {Explanation} explanation
 */
function drawing(row, { base, features, rest }) {
  const isClass = row.label !== undefined;
  const named = features.map(({ column, value, contribution }) => ({
    name: `${column} = ${shown(value)}`,
    value: contribution,
  }));
  const sum = base + rest + named.reduce((total, { value }) => total + value, 0);
  // Where all columns are named, only what rounding leaves is left.
  const isLeft = named.every(({ value }) => Math.abs(rest) > Math.abs(value) * NOTHING);
  const entries = isLeft ? [...named, { name: 'all other columns', value: rest }] : named;
  const words = isClass
    ? `In log odds of “${row.label}”: rows of the training have ${number(base)} on average, this record ${number(sum)}.`
    : `Rows of the training have ${number(base)} on average, this record ${number(sum)}.`;
  return [
    h('p', { class: 'small muted' }, `${words} What each column adds (right) or takes (left):`),
    divergingBars(entries.map(({ name, value }) => ({ name, value, text: signed(value) }))),
    h('p', { class: 'small muted' }, 'It says how the version answers, not what causes what.'),
  ];
}

/**
 * A part that explains an answer once somebody wants to know; `ask` sends the record again.
 * @param {() => Promise<Predicted>} ask
 */
export function explanationPart(ask) {
  const area = h('div', { class: 'paged', 'aria-live': 'polite' });
  let isAsked = false;
  const open = async () => {
    if (isAsked) return;
    isAsked = true;
    try {
      const row = await ask();
      fill(area, row.explanation ? drawing(row, row.explanation) : null);
    } catch (error) {
      isAsked = false;
      fill(area, problemPanel(error));
    }
  };
  return h('details', { ontoggle: open }, h('summary', null, 'Why this answer?'), area);
}
