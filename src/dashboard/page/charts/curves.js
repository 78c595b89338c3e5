// Curves of losses over epochs, several runs in one picture.

import uPlot from '../vendor/uPlot.min.js';
import { h, svg } from '../dom.js';
import { count, number } from '../format.js';
import { isDark, styleValue } from './colours.js';

/** @typedef {import('./series.js').Series} Series */
/** @typedef {{ label: string, series: Series, tone: number }} Run */

const HEIGHT = 320;
/** The least time between two drawings of curves that grow. */
const REDRAW_MS = 100;
/** Colours of the runs beside the first, in light and in dark. */
const TONES = [
  ['--accent', '--second'],
  ['#5a54c8', '#9a94ff'],
  ['#a02c6d', '#f08cc0'],
  ['#566100', '#c3cf5a'],
  ['#1f6aa5', '#7fbcf0'],
];

/**
 * The colours of a run's two curves. The first run has the page's colours; others have one each.
 * @param {number} tone
 */
function colours(tone) {
  if (tone === 0) return TONES[0].map(styleValue);
  const pair = TONES[1 + ((tone - 1) % (TONES.length - 1))];
  const one = isDark() ? pair[1] : pair[0];
  return [one, one];
}

/**
 * What stands for a curve: a line of its colour, broken for validation.
 * @param {string} colour
 * @param {boolean} isBroken
 */
const lineSign = (colour, isBroken) =>
  svg(
    'svg',
    { viewBox: '0 0 26 10', 'aria-hidden': 'true' },
    svg('line', {
      x1: 0,
      x2: 26,
      y1: 5,
      y2: 5,
      stroke: colour,
      'stroke-width': 2.5,
      'stroke-dasharray': isBroken ? '6 4' : null,
    }),
  );

/**
 * A scale of logarithms cannot show what is not above zero.
 * @param {(number | null)[]} values
 * @param {boolean} isLog
 */
const drawable = (values, isLog) =>
  isLog ? values.map((value) => (value !== null && value > 0 ? value : null)) : values;

/** A picture of runs, which follows the data, the width and the colours of the page. */
export class Curves {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.isLog = false;
    /** @type {Run[]} */
    this.runs = [];
    /** @type {uPlot | null} */
    this.plot = null;
    this.isWaiting = false;
    this.picture = h('div', { class: 'chart', role: 'img' });
    this.legend = h('ul', { class: 'legend' });
    this.element = h('div', { class: 'paged' }, this.picture, this.legend);
    const observer = new ResizeObserver(() => this.fit());
    observer.observe(this.picture);
    const redraw = () => this.rebuild();
    addEventListener('epochd-theme', redraw);
    signal.addEventListener('abort', () => {
      observer.disconnect();
      removeEventListener('epochd-theme', redraw);
      this.plot?.destroy();
      this.plot = null;
    });
  }

  /** Draws as wide as there is room; the first time once the picture stands in the document. */
  fit() {
    const width = this.picture.clientWidth;
    if (!width) return;
    if (this.plot) this.plot.setSize({ width, height: HEIGHT });
    else this.rebuild();
  }

  /** @param {Run[]} runs */
  setRuns(runs) {
    this.runs = runs;
    this.rebuild();
  }

  /** @param {boolean} isLog */
  setLog(isLog) {
    this.isLog = isLog;
    this.rebuild();
  }

  /** The curves with their names and colours. */
  curves() {
    return this.runs.flatMap(({ label, series, tone }) => {
      const [first, second] = colours(tone);
      const before = this.runs.length > 1 ? `${label}, ` : '';
      const training = {
        name: `${before}training loss`,
        colour: first,
        isBroken: false,
        epochs: series.epochs,
        values: series.loss,
      };
      if (!series.isValidated) return [training];
      return [
        training,
        {
          name: `${before}validation loss`,
          colour: second,
          isBroken: true,
          epochs: series.epochs,
          values: series.validation,
        },
      ];
    });
  }

  /** All curves over the same epochs, as uPlot takes them. */
  data() {
    const tables = this.runs.map(({ series }) => {
      const lists = [series.loss, ...(series.isValidated ? [series.validation] : [])];
      return [series.epochs, ...lists.map((values) => drawable(values, this.isLog))];
    });
    if (!tables.length) return [[]];
    return tables.length === 1 ? tables[0] : uPlot.join(/** @type {any} */ (tables));
  }

  /** Draws anew, where curves, scale or colours have changed. */
  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    if (!this.picture.clientWidth) return;
    this.curveCount = this.curves().length;
    this.plot = new uPlot(/** @type {any} */ (this.options()), /** @type {any} */ (this.data()), this.picture);
    this.showLegend(null);
  }

  options() {
    const axis = {
      stroke: styleValue('--muted'),
      grid: { stroke: styleValue('--line'), width: 1 },
      ticks: { stroke: styleValue('--line') },
      font: '12px system-ui, sans-serif',
    };
    return {
      width: this.picture.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { distr: this.isLog ? 3 : 1 } },
      axes: [
        {
          ...axis,
          label: 'epoch',
          labelFont: axis.font,
          labelSize: 20,
          values: (/** @type {any} */ _, /** @type {number[]} */ ticks) =>
            ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : '')),
        },
        {
          ...axis,
          size: 62,
          values: (/** @type {any} */ _, /** @type {(number | null)[]} */ ticks) =>
            ticks.map((tick) => (tick === null ? '' : number(tick))),
        },
      ],
      series: [
        {},
        ...this.curves().map(({ name, colour, isBroken }) => ({
          label: name,
          stroke: colour,
          width: 2,
          dash: isBroken ? [6, 4] : undefined,
          spanGaps: true,
          points: { show: (/** @type {any} */ plot) => plot.data[0].length < 3 },
        })),
      ],
      hooks: { setCursor: [(/** @type {any} */ plot) => this.showLegend(plot.cursor.idx ?? null)] },
    };
  }

  /**
   * Names the curves, with the values under the pointer, else the last ones.
   * @param {number | null} index
   */
  showLegend(index) {
    const data = this.plot?.data ?? [];
    const at = index === null ? null : data[0]?.[index];
    const items = this.curves().map(({ name, colour, isBroken, values }, i) => {
      const value =
        at === null || at === undefined
          ? values.findLast((one) => one !== null)
          : data[i + 1]?.[/** @type {number} */ (index)];
      return h('li', null, lineSign(colour, isBroken), ` ${name} `, h('strong', null, number(value)));
    });
    this.legend.replaceChildren(
      ...items,
      h('li', { class: 'muted' }, at === null || at === undefined ? 'at the end' : `at epoch ${count(at)}`),
    );
    const words = this.curves().map(
      ({ name, values }) =>
        `${name} from ${number(values.find((one) => one !== null))} to ${number(values.findLast((one) => one !== null))}`,
    );
    this.picture.setAttribute('aria-label', `Loss over epochs. ${words.join('; ')}.`);
  }

  /** Draws new data soon, at most ten times a second. */
  update() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    setTimeout(() => {
      this.isWaiting = false;
      requestAnimationFrame(() => this.redraw());
    }, REDRAW_MS);
  }

  /** Draws what the runs hold by now. */
  redraw() {
    if (!this.plot) return;
    if (this.curves().length !== this.curveCount) {
      this.rebuild();
      return;
    }
    this.plot.setData(/** @type {any} */ (this.data()));
    this.showLegend(this.plot.cursor.idx ?? null);
  }
}
