// The network of a trace with what a step computes: units as circles, weights as lines, values beside both.

import { h, svg } from '../dom.js';
import { number } from '../format.js';
import { MOST_UNITS, unitName } from './xray-steps.js';

/** @typedef {import('../types.js').Trace} Trace */
/** @typedef {import('./xray-steps.js').Step} Step */
/** @typedef {{ x: number, y: number }} Point */

/** Up to so many units in each layer there is room for names and for a value at each weight. */
const FEW = 4;
const TOP = { large: 66, dense: 36 };

/**
 * Where everything is drawn.
 * @param {number[]} widths
 */
function layout(widths) {
  const drawn = widths.map((width) => Math.min(width, MOST_UNITS));
  const most = Math.max(...drawn);
  const isLarge = most <= FEW;
  const [gap, between, radius] = isLarge ? [112, 230, 21] : [most > 12 ? 26 : 38, 150, 9];
  const height = (isLarge ? TOP.large : TOP.dense) * 2 + (most - 1) * gap;
  const left = isLarge ? 46 : 62;
  const columns = drawn.map((count, column) =>
    Array.from({ length: count }, (_, unit) => ({
      x: left + column * between,
      y: height / 2 + (unit - (count - 1) / 2) * gap,
    })),
  );
  return { columns, radius, isLarge, height, width: left + (drawn.length - 1) * between + 110 };
}

/**
 * A place on the line between two units: near the first, so that the values of crossing lines lie apart.
 * @param {Point} from
 * @param {Point} to
 * @param {number} share
 */
const along = (from, to, share) => ({ x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });

/**
 * The lines into a column, with the values of the step at them.
 * @param {ReturnType<typeof layout>} place
 * @param {Trace} trace
 * @param {Step} step
 * @param {number} column
 * @param {number} largest
 */
function weights({ columns, isLarge }, trace, step, column, largest) {
  const values = step.edges[column];
  const share = Math.min(0.36, 1 / (columns[column].length + 1));
  const parts = columns[column - 1].flatMap((from, input) =>
    columns[column].map((to, unit) => {
      const weight = trace.layers[column - 1].weights[input][unit] ?? 0;
      const line = svg('line', {
        class: `${weight < 0 ? 'negative' : 'positive'}${values ? ' active' : ''}`,
        x1: from.x,
        y1: from.y,
        x2: to.x,
        y2: to.y,
        'stroke-width': (0.6 + 4 * (Math.abs(weight) / largest)).toFixed(2),
      });
      const { x, y } = along(from, to, share);
      const label = values && isLarge && svg('text', { class: 'value', x, y: y + 4 }, number(values[input][unit]));
      return { line, label };
    }),
  );
  return { lines: parts.map(({ line }) => line), labels: parts.map(({ label }) => label) };
}

/**
 * The units of a column, with their names and values.
 * @param {ReturnType<typeof layout>} place
 * @param {Step} step
 * @param {number} column
 */
function units({ columns, radius, isLarge }, step, column) {
  const shown = step.units[column];
  const above = step.above[column];
  const isActive = step.active.includes(column);
  return columns[column].flatMap(({ x, y }, unit) => {
    const name = unitName(column, unit, columns.length);
    const value = shown && `${isLarge ? `${shown.sign} = ` : ''}${number(shown.values[unit])}`;
    const side =
      column === 0
        ? { x: x - radius - 5, y: y + 4, class: 'value end' }
        : { x: x + radius + 5, y: y + 4, class: 'value start' };
    return [
      svg('circle', { class: isActive ? 'active' : null, cx: x, cy: y, r: radius }),
      isLarge ? svg('text', { x, y: y + 5 }, name) : null,
      value ? svg('text', isLarge ? { class: 'value', x, y: y + radius + 17 } : side, value) : null,
      above && isLarge
        ? svg('text', { class: 'value sub', x, y: y - radius - 8 }, `${above.sign} = ${number(above.values[unit])}`)
        : null,
    ];
  });
}

/**
 * Draws a step; gives the element and where the middle of what it is about lies, as a share of the width.
 * @param {Trace} trace
 * @param {Step} step
 */
export function xrayDrawing(trace, step) {
  const widths = [trace.inputs.length, ...trace.layers.map(({ z }) => z.length)];
  const place = layout(widths);
  const { columns, radius, isLarge, width, height } = place;
  const sizes = trace.layers.flatMap((layer) => layer.weights.flat().map((weight) => Math.abs(weight ?? 0)));
  const largest = sizes.reduce((one, other) => Math.max(one, other), 1e-9);
  const between = columns.slice(1).map((_, i) => weights(place, trace, step, i + 1, largest));
  const targets = columns[columns.length - 1].map(({ x, y }, unit) =>
    svg(
      'text',
      isLarge
        ? { class: 'value start', x: x + radius + 8, y: y + 5 }
        : { class: 'value start sub', x: x + radius + 62, y: y + 4 },
      `${isLarge ? 'y = ' : ''}${number(trace.targets[unit])}`,
    ),
  );
  const heads = columns.map(([{ x }], column) => {
    const word =
      column === 0
        ? 'input'
        : column === columns.length - 1
          ? 'output'
          : `hidden${columns.length > 3 ? ` ${column}` : ''}`;
    const rest = widths[column] > columns[column].length ? `, ${columns[column].length} of ${widths[column]}` : '';
    return svg('text', { class: 'sub', x, y: 14 }, word + rest);
  });
  const isPast = !['Row', 'Forward'].includes(step.phase);
  const drawing = svg(
    'svg',
    {
      class: `xray${isLarge ? '' : ' dense'}`,
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': `Network of ${widths.join(', ')} units. ${step.title}: the values are in the table.`,
    },
    between.flatMap(({ lines }) => lines),
    columns.flatMap((_, column) => units(place, step, column)),
    between.flatMap(({ labels }) => labels),
    targets,
    heads,
    isPast
      ? svg('text', { class: 'value', x: columns[columns.length - 1][0].x, y: height - 6 }, `L = ${number(trace.loss)}`)
      : null,
  );
  drawing.style.minWidth = `${Math.round(width * 0.82)}px`;
  drawing.style.maxWidth = `${Math.round(width * 1.25)}px`;
  const edges = step.edges.flatMap((values, column) => (values ? [column - 1, column] : []));
  const places = [...step.active, ...edges].map((column) => columns[column][0].x);
  return { drawing, middle: (Math.min(...places) + Math.max(...places)) / 2 / width };
}

const sample = (/** @type {string} */ kind, /** @type {number} */ size) =>
  svg(
    'svg',
    { class: 'xray', viewBox: '0 0 34 10', 'aria-hidden': 'true' },
    svg('line', { class: `${kind} active`, x1: 1, y1: 5, x2: 33, y2: 5, 'stroke-width': size }),
  );

/** What the lines mean. */
export const xrayLegend = () =>
  h(
    'ul',
    { class: 'legend' },
    h('li', null, sample('positive', 3), ' positive weight'),
    h('li', null, sample('negative', 3), ' negative weight'),
    h('li', null, sample('positive', 1), ' small, ', sample('positive', 5), ' large'),
  );
