// Bars with a name at their left and a number at their right.

import { h } from '../dom.js';

/**
 * A bar as long as its share, from 0 to 1, and a second one below it where there is one.
 * @param {...number} sharesOfWidth
 */
export function bar(...sharesOfWidth) {
  return h(
    'span',
    { class: 'bar-stack', 'aria-hidden': 'true' },
    sharesOfWidth.map((share, i) => {
      const inner = h('i', { class: i === 1 ? 'second' : null });
      inner.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
      return h('span', { class: 'bar' }, inner);
    }),
  );
}

/**
 * @param {{ name: string, shares: number[], text: string }[]} entries
 */
export const bars = (entries) =>
  h(
    'ul',
    { class: 'bars-list' },
    entries.map(({ name, shares, text }) =>
      h(
        'li',
        { class: 'bars-row' },
        h('span', { class: 'name' }, name),
        bar(...shares),
        h('span', { class: 'number' }, text),
      ),
    ),
  );

/**
 * Bars to both sides of a middle line: to the left what is below 0, to the right what is above.
 * @param {{ name: string, value: number, text: string }[]} entries
 */
export function divergingBars(entries) {
  const most = Math.max(...entries.map(({ value }) => Math.abs(value)), 1e-12);
  const row = (/** @type {{ name: string, value: number, text: string }} */ { name, value, text }) => {
    const inner = h('i', { class: value < 0 ? 'second' : null });
    const length = (Math.abs(value) / most) * 50;
    inner.style.width = `${length}%`;
    inner.style.marginLeft = `${value < 0 ? 50 - length : 50}%`;
    return h(
      'li',
      { class: 'bars-row' },
      h('span', { class: 'name' }, name),
      h('span', { class: 'bar-stack', 'aria-hidden': 'true' }, h('span', { class: 'bar diverging' }, inner)),
      h('span', { class: 'number' }, text),
    );
  };
  return h('ul', { class: 'bars-list' }, entries.map(row));
}
