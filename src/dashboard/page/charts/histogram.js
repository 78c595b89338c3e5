// Small drawings of how a column's values are spread.

import { h, svg } from '../dom.js';
import { count, percent } from '../format.js';

const BINS = 20;
const WIDTH = 132;
const HEIGHT = 32;

/** @typedef {{ value: number, count: number }} Counted */

/**
 * How many of the values fall into each of equally wide bins from the least to the largest value, or from one to the
 * other of `ends`, where values beyond those are known.
 * @param {Counted[]} values
 * @param {[number, number] | null} [ends]
 */
export function binned(values, ends = null) {
  const low = values.reduce((least, { value }) => Math.min(least, value), ends?.[0] ?? Infinity);
  const high = values.reduce((most, { value }) => Math.max(most, value), ends?.[1] ?? -Infinity);
  const counts = new Array(BINS).fill(0);
  for (const { value, count: n } of values) {
    const bin = high > low ? Math.floor(((value - low) / (high - low)) * BINS) : 0;
    counts[Math.min(bin, BINS - 1)] += n;
  }
  return { low, high, counts };
}

/**
 * A histogram of numbers.
 * @param {Counted[]} values
 * @param {string} label
 * @param {[number, number] | null} [ends]
 */
export function histogram(values, label, ends = null) {
  const { counts } = binned(values, ends);
  const most = Math.max(...counts);
  const width = WIDTH / BINS;
  const bars = counts.map((n, i) => {
    const height = n === 0 ? 0 : Math.max(1, (n / most) * HEIGHT);
    return svg('rect', { x: i * width + 0.5, y: HEIGHT - height, width: width - 1, height });
  });
  return svg('svg', { class: 'histogram', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': label }, bars);
}

/**
 * The most frequent values with their shares of the rows.
 * @param {{ value: string, count: number }[]} top
 * @param {number} rows
 */
export function shares(top, rows) {
  return h(
    'div',
    { class: 'shares' },
    top.map(({ value, count: n }) => {
      const bar = h('i', { 'aria-hidden': 'true' });
      bar.style.width = `${(n / Math.max(rows, 1)) * 100}%`;
      return h(
        'div',
        { class: 'share', title: `${value}: ${count(n)} rows` },
        bar,
        h('span', null, value),
        h('span', null, percent(n / Math.max(rows, 1))),
      );
    }),
  );
}
