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
 * A list of bars.
 * @param {[string, Node, string][]} entries name, bar and number of each
 */
const barsList = (entries) =>
  h(
    'ul',
    { class: 'bars-list' },
    entries.map(([name, drawn, text]) =>
      h('li', { class: 'bars-row' }, h('span', { class: 'name' }, name), drawn, h('span', { class: 'number' }, text)),
    ),
  );

/**
 * @param {{ name: string, shares: number[], text: string }[]} entries
 */
export const bars = (entries) => barsList(entries.map(({ name, shares, text }) => [name, bar(...shares), text]));

/**
 * A bar from the middle: to the left below 0, to the right above, at most half as long as there is room.
 * @param {number} share from -1 to 1
 */
function divergingBar(share) {
  const inner = h('i', { class: share < 0 ? 'second' : null });
  inner.style.width = `${Math.abs(share) * 50}%`;
  inner.style.marginLeft = `${50 + Math.min(share, 0) * 50}%`;
  return h('span', { class: 'bar-stack', 'aria-hidden': 'true' }, h('span', { class: 'bar diverging' }, inner));
}

/**
 * Bars to both sides of a middle line.
 * @param {{ name: string, value: number, text: string }[]} entries
 */
export function divergingBars(entries) {
  const most = Math.max(...entries.map(({ value }) => Math.abs(value)), 1e-12);
  return barsList(entries.map(({ name, value, text }) => [name, divergingBar(value / most), text]));
}
