// The network as its layers: a few units of each, with its width and activation below.

import { h, svg } from '../dom.js';
import { count, words } from '../format.js';

const MOST_UNITS = 7;
const LAYER_GAP = 115;
const MARGIN = 55;
const UNIT_GAP = 27;
const LABELS = 50;

/**
 * Where the units of a layer are drawn: all of a narrow one, some of a wide one.
 * @param {number} width
 * @param {number} x
 * @param {number} height
 */
function units(width, x, height) {
  const drawn = Math.min(width, MOST_UNITS);
  const top = (height - LABELS) / 2 - ((drawn - 1) * UNIT_GAP) / 2;
  return Array.from({ length: drawn }, (_, i) => ({
    x,
    y: top + i * UNIT_GAP,
    isGap: width > MOST_UNITS && i === MOST_UNITS - 3,
  }));
}

/**
 * Draws the layers of a network.
 * @param {number[]} layers the widths, the input's first
 * @param {string[]} activations one for each layer after the input
 * @param {number[]} dropout one for each layer after the input
 */
export function networkDrawing(layers, activations, dropout) {
  const total = 2 * MARGIN + (layers.length - 1) * LAYER_GAP;
  const height = LABELS + (Math.min(Math.max(...layers), MOST_UNITS) + 0.8) * UNIT_GAP;
  const columns = layers.map((width, i) => units(width, MARGIN + i * LAYER_GAP, height));
  const lines = columns
    .slice(1)
    .flatMap((right, i) =>
      columns[i].flatMap((from) =>
        right.map((to) =>
          from.isGap || to.isGap ? null : svg('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y }),
        ),
      ),
    );
  const circles = columns
    .flat()
    .map(({ x, y, isGap }) => (isGap ? svg('text', { x, y: y + 4 }, '⋮') : svg('circle', { cx: x, cy: y, r: 8 })));
  const labels = columns.flatMap(([{ x }], i) => [
    svg('text', { x, y: height - 24 }, count(layers[i])),
    svg('text', { x, y: height - 6, class: 'sub' }, i === 0 ? 'input' : words(activations[i - 1] ?? '')),
  ]);
  const told = layers.map((width, i) =>
    i === 0
      ? `${width} inputs`
      : `${width} units, ${words(activations[i - 1] ?? '')}${dropout[i - 1] ? `, dropout ${dropout[i - 1]}` : ''}`,
  );
  const drawing = svg(
    'svg',
    {
      class: 'network',
      viewBox: `0 0 ${total} ${height}`,
      role: 'img',
      'aria-label': `Network of ${layers.length} layers: ${told.join('; ')}`,
    },
    lines,
    circles,
    labels,
  );
  drawing.style.minWidth = `${total * 0.65}px`;
  drawing.style.maxWidth = `${total * 1.2}px`;
  return h('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Drawing of the network' }, drawing);
}
