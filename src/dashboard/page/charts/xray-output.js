// The δ of the output taken apart, where the page knows both factors; the service gives their product alone.

/** @typedef {import('../types.js').Trace} Trace */

/** The derivative of an activation by its z and a. @type {Record<string, (z: number, a: number) => number>} */
const SLOPES = {
  identity: () => 1,
  sigmoid: (_, a) => a * (1 - a),
  tanh: (_, a) => 1 - a * a,
  relu: (z) => (z > 0 ? 1 : 0),
};
/** The derivative of a loss of n outputs by the distance ŷ − y. @type {Record<string, (d: number, n: number) => number>} */
const LOSSES = {
  mse: (d, n) => (2 * d) / n,
  mae: (d, n) => Math.sign(d) / n,
  huber: (d, n) => Math.max(-1, Math.min(1, d)) / n,
};
const FORMULAS = /** @type {Record<string, string>} */ ({
  mse: '2 (ŷ − y) / n',
  mae: 'sign(ŷ − y) / n',
  huber: 'ŷ − y, within ±1, / n',
});
const TOGETHER = 'activation and loss have one gradient together';
const WHOLE = 'δ = ∂L/∂z, which the service gives in one piece';

/**
 * Whether two lists are the same as far as 32-bit numbers go.
 * @param {number[]} mine
 * @param {number[]} theirs
 */
function areNear(mine, theirs) {
  const scale = Math.max(...theirs.map(Math.abs), 1e-6);
  return mine.every((value, i) => Math.abs(value - theirs[i]) <= 1e-3 * scale);
}

/**
 * The factors of the output's δ, and its formula. Factors whose product is not the service's δ are not shown.
 * @param {Trace} trace
 * @param {string | null} loss
 * @returns {{ formula: string, upstream: number[] | null, derivative: number[] | null }}
 */
export function outputFactors(trace, loss) {
  const { activation, z, a, delta } = trace.layers[trace.layers.length - 1];
  const n = a.length;
  const numbers = (/** @type {(number | null)[]} */ values) => values.map((value) => value ?? NaN);
  const [sums, outputs, deltas, targets] = [z, a, delta, trace.targets].map(numbers);
  const distances = outputs.map((value, i) => value - targets[i]);
  const slope = SLOPES[activation];
  const steep = LOSSES[loss ?? ''];
  if (slope && steep) {
    const upstream = distances.map((distance) => steep(distance, n));
    const derivative = outputs.map((value, i) => slope(sums[i], value));
    const product = upstream.map((value, i) => value * derivative[i]);
    const formula = `δ = ∂L/∂a ⊙ f′(z), ∂L/∂a = ${FORMULAS[loss ?? '']}`;
    if (areNear(product, deltas)) return { formula, upstream, derivative };
  }
  const share = loss === 'cross_entropy' ? 1 : n;
  const isPlain = areNear(
    distances.map((distance) => distance / share),
    deltas,
  );
  const plain = share === 1 ? 'δ = ŷ − y' : 'δ = (ŷ − y) / n';
  return { formula: isPlain ? `${plain}: ${TOGETHER}` : WHOLE, upstream: null, derivative: null };
}
