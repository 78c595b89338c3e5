// Backpropagation of one row as a list of steps: what each computes, with its numbers, and what the drawing shows then.

import { number } from '../format.js';
import { outputFactors } from './xray-output.js';

/** @typedef {import('../types.js').Trace} Trace */
/** @typedef {import('../types.js').Values} Values */
/** What stands beside the units of a column, or at the edges into it: a sign and the values. */
/** @typedef {{ sign: string, values: Values }} Shown */
/** @typedef {{ head: string, kind: 'name' | 'text' | 'number' | 'fine' }} Head */
/**
 * A step. Columns are counted from the input's, 0; `active` are those that it computes.
 * @typedef {{ phase: string, title: string, formula: string, said: string, active: number[], units: (Shown | null)[],
 *   above: (Shown | null)[], edges: (Values[] | null)[], heads: Head[], rows: (string | number | null)[][],
 *   left: number }} Step
 */

/** So many units of a layer are shown at most. */
export const MOST_UNITS = 24;
const MOST_TERMS = 6;
const MOST_ROWS = 200;
const MOST_SAID = 6;

const small = (/** @type {number} */ n, /** @type {string} */ digits) =>
  [...String(n)].map((digit) => digits[Number(digit)]).join('');
const below = (/** @type {number} */ n) => small(n, '₀₁₂₃₄₅₆₇₈₉');
const raised = (/** @type {number} */ n) => small(n, '⁰¹²³⁴⁵⁶⁷⁸⁹');

/**
 * The name of a unit: x₁ of the input, h₁ of the only hidden layer, h²₁ of the second of several, ŷ₁ of the output.
 * @param {number} column
 * @param {number} unit
 * @param {number} columns
 */
export function unitName(column, unit, columns) {
  if (column === 0) return `x${below(unit + 1)}`;
  if (column === columns - 1) return `ŷ${below(unit + 1)}`;
  return `h${columns > 3 ? raised(column) : ''}${below(unit + 1)}`;
}

/** @param {number | null} value */
const factor = (value) => (value !== null && value < 0 ? `(${number(value)})` : number(value));

/**
 * A sum of products with its numbers, and what is added at the end.
 * @param {Values} left
 * @param {Values} right
 * @param {number | null} [last]
 */
export function sumOf(left, right, last) {
  const terms = left.slice(0, MOST_TERMS).map((value, i) => `${factor(value)} · ${factor(right[i])}`);
  if (left.length > MOST_TERMS) terms.push(`… ${left.length - MOST_TERMS} more`);
  if (last !== undefined) terms.push(factor(last));
  return terms.join(' + ');
}

/**
 * A parameter after a step of training.
 * @param {number | null} value
 * @param {number} rate
 * @param {number | null} gradient
 */
export const after = (value, rate, gradient) => (value === null || gradient === null ? null : value - rate * gradient);

/**
 * @param {Values[]} matrix
 * @param {number} unit
 */
const columnOf = (matrix, unit) => matrix.map((row) => row[unit]);

/**
 * All steps of a trace.
 * @param {Trace} trace
 * @param {string | null} loss
 * @param {number} rate η
 * @returns {Step[]}
 */
export function stepsOf(trace, loss, rate) {
  const { layers } = trace;
  const columns = layers.length + 1;
  const names = [trace.inputs, ...layers.map(({ a }) => a)].map((values, column) =>
    values.map((_, unit) => unitName(column, unit, columns)),
  );
  const into = layers.map((_, i) => (i === 0 ? trace.inputs : layers[i - 1].a));
  const titleOf = (/** @type {number} */ i) =>
    i === layers.length - 1 ? 'Output layer' : `Hidden layer${layers.length > 2 ? ` ${i + 1}` : ''}`;
  const empty = () => new Array(columns).fill(null);
  /** @type {(Shown | null)[]} */
  let units = empty();
  /** @type {Step[]} */
  const steps = [];

  /**
   * @param {Partial<Step> & Pick<Step, 'phase' | 'title' | 'formula' | 'said' | 'active' | 'heads' | 'rows'>} step
   * @param {number} [rows] how many rows there are in all
   */
  const add = (step, rows = step.rows.length) => {
    const shown = step.rows.slice(0, MOST_ROWS);
    steps.push({ above: empty(), edges: empty(), ...step, units: [...units], rows: shown, left: rows - shown.length });
  };
  const show = (/** @type {number} */ column, /** @type {string} */ sign, /** @type {Values} */ values) => {
    units = units.with(column, { sign, values });
  };
  const told = (/** @type {number} */ column, /** @type {Values} */ values) =>
    values
      .slice(0, MOST_SAID)
      .map((value, unit) => `${names[column][unit]} ${number(value)}`)
      .join(', ') + (values.length > MOST_SAID ? ` and ${values.length - MOST_SAID} more.` : '.');
  const at = (/** @type {number} */ column, /** @type {any} */ value) => empty().with(column, value);
  /**
   * A row for each unit of a column that is shown.
   * @param {number} column
   * @param {(unit: number) => (string | number | null)[]} cells
   */
  const perUnit = (column, cells) =>
    names[column].slice(0, MOST_UNITS).map((name, unit) => /** @type {any[]} */ ([name, ...cells(unit)]));
  /**
   * A row for each weight and bias of a layer whose units are shown.
   * @param {number} i
   * @param {(weight: [number, number] | null, unit: number) => (number | null)[]} cells
   */
  const perParameter = (i, cells) =>
    names[i + 1]
      .slice(0, MOST_UNITS)
      .flatMap((to, unit) => [
        ...names[i].slice(0, MOST_UNITS).map((from, input) => [`${from} → ${to}`, ...cells([input, unit], unit)]),
        [`bias of ${to}`, ...cells(null, unit)],
      ]);
  const parameters = (/** @type {number} */ i) => (into[i].length + 1) * layers[i].z.length;

  show(0, 'x', trace.inputs);
  add(
    {
      phase: 'Row',
      title: 'The row',
      formula: 'x → y',
      said: `Inputs: ${told(0, trace.inputs)} Targets: ${trace.targets.slice(0, MOST_SAID).map(number).join(', ')}.`,
      active: [0],
      heads: [name('Unit'), figure('Value')],
      rows: [
        ...perUnit(0, (unit) => [trace.inputs[unit]]),
        ...trace.targets.slice(0, MOST_UNITS).map((value, unit) => [`y${below(unit + 1)}, the target`, value]),
      ],
    },
    trace.inputs.length + trace.targets.length,
  );

  layers.forEach((layer, i) => {
    const column = i + 1;
    show(column, 'z', layer.z);
    add(
      {
        phase: 'Forward',
        title: `${titleOf(i)}: z`,
        formula: 'z = x·W + b',
        said: `Each unit adds up its inputs times its weights, and its bias: ${told(column, layer.z)}`,
        active: [column],
        above: at(column, { sign: 'b', values: layer.biases }),
        edges: at(column, layer.weights),
        heads: [name('Unit'), text('Σ x · w + b'), figure('z')],
        rows: perUnit(column, (unit) => [
          sumOf(into[i], columnOf(layer.weights, unit), layer.biases[unit]),
          layer.z[unit],
        ]),
      },
      layer.z.length,
    );
    show(column, 'a', layer.a);
    add(
      {
        phase: 'Forward',
        title: `${titleOf(i)}: a`,
        formula: `a = f(z), f = ${layer.activation.replaceAll('_', ' ')}`,
        said: `The activation ${layer.activation.replaceAll('_', ' ')} of z is what the layer hands on: ${told(column, layer.a)}`,
        active: [column],
        heads: [name('Unit'), figure('z'), figure('a')],
        rows: perUnit(column, (unit) => [layer.z[unit], layer.a[unit]]),
      },
      layer.a.length,
    );
  });

  add(
    {
      phase: 'Loss',
      title: 'Loss',
      formula: `L = ${(loss ?? '').replaceAll('_', ' ')}(ŷ, y) = ${number(trace.loss)}`,
      said: `The loss tells how far the outputs are from the targets: ${number(trace.loss)}.`,
      active: [layers.length],
      heads: [name('Unit'), figure('ŷ'), figure('y'), figure('ŷ − y')],
      rows: perUnit(layers.length, (unit) => [
        trace.outputs[unit],
        trace.targets[unit],
        (trace.outputs[unit] ?? NaN) - (trace.targets[unit] ?? NaN),
      ]),
    },
    trace.outputs.length,
  );

  for (let i = layers.length - 1; i >= 0; i -= 1) {
    const layer = layers[i];
    const next = layers[i + 1];
    const column = i + 1;
    const output = next ? null : outputFactors(trace, loss);
    const upstream = layer.upstream ?? output?.upstream;
    const derivative = layer.derivative ?? output?.derivative;
    show(column, 'δ', layer.delta);
    add(
      {
        phase: 'Backward',
        title: `${titleOf(i)}: δ`,
        formula: output?.formula ?? 'δ = ∂L/∂a ⊙ f′(z), ∂L/∂a = (δ·Wᵀ) of the next layer',
        said: next
          ? `The error comes back through the weights, times the slope of the activation: ${told(column, layer.delta)}`
          : `How the loss changes with each z of the output: ${told(column, layer.delta)}`,
        active: [column],
        edges: next ? at(column + 1, next.weights) : empty(),
        heads: [
          name('Unit'),
          ...(next ? [text('Σ δ · w')] : []),
          ...(upstream && derivative ? [figure('∂L/∂a'), figure('f′(z)')] : []),
          figure('δ'),
        ],
        rows: perUnit(column, (unit) => [
          ...(next ? [sumOf(next.delta, next.weights[unit])] : []),
          ...(upstream && derivative ? [upstream[unit], derivative[unit]] : []),
          layer.delta[unit],
        ]),
      },
      layer.delta.length,
    );
    add(
      {
        phase: 'Backward',
        title: `${titleOf(i)}: gradients`,
        formula: '∂L/∂W = xᵀ·δ, ∂L/∂b = δ',
        said: `Each weight's gradient is what came in through it times δ; a bias's is δ itself. Biases: ${told(column, layer.bias_gradients)}`,
        active: [column],
        above: at(column, { sign: '∂b', values: layer.bias_gradients }),
        edges: at(column, layer.weight_gradients),
        heads: [name('Parameter'), figure('x'), figure('δ'), figure('∂L/∂w')],
        rows: perParameter(i, (weight, unit) => [
          weight ? into[i][weight[0]] : 1,
          layer.delta[unit],
          weight ? layer.weight_gradients[weight[0]][unit] : layer.bias_gradients[unit],
        ]),
      },
      parameters(i),
    );
  }

  add(
    {
      phase: 'Step',
      title: 'The step',
      formula: `W ← W − η · ∂L/∂W, b ← b − η · ∂L/∂b, η = ${number(rate)}`,
      said: `Every parameter would move against its gradient, by the learning rate ${number(rate)} times it. Nothing is changed in the service.`,
      active: layers.map((_, i) => i + 1),
      above: [
        null,
        ...layers.map(({ biases, bias_gradients: gradients }) => ({
          sign: 'b',
          values: biases.map((bias, unit) => after(bias, rate, gradients[unit])),
        })),
      ],
      edges: [
        null,
        ...layers.map(({ weights, weight_gradients: gradients }) =>
          weights.map((row, input) => row.map((weight, unit) => after(weight, rate, gradients[input][unit]))),
        ),
      ],
      heads: [name('Parameter'), exact('Now'), figure('Gradient'), exact('After')],
      rows: layers.flatMap((layer, i) =>
        perParameter(i, (weight, unit) => {
          const now = weight ? layer.weights[weight[0]][unit] : layer.biases[unit];
          const gradient = weight ? layer.weight_gradients[weight[0]][unit] : layer.bias_gradients[unit];
          return [now, gradient, after(now, rate, gradient)];
        }),
      ),
    },
    layers.reduce((sum, _, i) => sum + parameters(i), 0),
  );
  return steps;
}

const name = (/** @type {string} */ head) => /** @type {Head} */ ({ head, kind: 'name' });
const text = (/** @type {string} */ head) => /** @type {Head} */ ({ head, kind: 'text' });
const figure = (/** @type {string} */ head) => /** @type {Head} */ ({ head, kind: 'number' });
const exact = (/** @type {string} */ head) => /** @type {Head} */ ({ head, kind: 'fine' });
