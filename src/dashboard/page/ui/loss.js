// What models of numbers answer: their losses in words, and the fields that choose one.

import { h } from '../dom.js';
import { percent, words } from '../format.js';
import { choice, field, named, typedNumber } from './field.js';
import { numberInput } from './training-fields.js';

/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Column} Column */

/** The quantile that the service takes where none is named. */
const MEDIAN = 0.5;

/** What each loss of a target of numbers has a model answer; the service takes the first where none is named. */
const LOSSES = [
  {
    loss: 'mse',
    name: 'The mean (mse)',
    answer: 'a number',
    what: 'What such rows have on average. It suits most targets.',
  },
  {
    loss: 'poisson',
    name: 'The mean of counts (poisson)',
    answer: 'a mean of counts',
    what: 'An average, never below 0, of what spreads more the larger it is: visits, defects, claims.',
  },
  {
    loss: 'quantile',
    name: 'A quantile',
    answer: 'a quantile',
    what: 'A value that the given share of outcomes stays below: a stock that suffices, a time that is kept.',
  },
  {
    loss: 'mae',
    name: 'The median (mae)',
    answer: 'a median',
    what: 'A value that half of the outcomes stay below. A few that are far off hardly move it.',
  },
  {
    loss: 'huber',
    name: 'Between mean and median (huber)',
    answer: 'a number between mean and median',
    what: 'The mean of outcomes that lie close, the median of those that are far off.',
  },
];

/**
 * The loss of a model, with its quantile.
 * @param {Pick<Model, 'loss' | 'quantile'>} model
 */
export const lossText = ({ loss, quantile = MEDIAN }) =>
  loss === 'quantile' ? `quantile, ${quantile} of outcomes below` : words(loss);

/**
 * What a model of numbers answers, in a few words.
 * @param {Pick<Model, 'loss' | 'quantile'>} model
 */
export function answerText({ loss, quantile = MEDIAN }) {
  if (loss === 'quantile') return `a value that ${quantile} of outcomes stay below`;
  return LOSSES.find((one) => one.loss === loss)?.answer ?? 'a number';
}

/**
 * What has to be known to read the measures of a quantile.
 * @param {Pick<Model, 'loss' | 'quantile'> | null} model
 * @param {import('../types.js').Metrics | null} metrics
 */
export const measuresNote = (model, metrics) =>
  model?.loss === 'quantile' &&
  (metrics?.share_below !== undefined || (model.quantile ?? MEDIAN) !== MEDIAN) &&
  h(
    'p',
    { class: 'small' },
    metrics?.share_below === undefined
      ? null
      : `${percent(metrics.share_below)} of these outcomes are not above the answer, where ${percent(model.quantile ?? MEDIAN)} were asked for. `,
    (model.quantile ?? MEDIAN) === MEDIAN
      ? null
      : 'A quantile lies off the middle of the outcomes on purpose, so that RMSE, MAE and R² say little of it.',
  );

/** The fields that choose a loss, which are there for targets of numbers alone. */
export function lossFields() {
  const loss = choice(LOSSES.map(({ loss: value, name }) => [value, name]));
  loss.selectedIndex = 0;
  const quantile = numberInput({ min: 0, max: 1, step: 'any', placeholder: MEDIAN });
  named({ loss, quantile });
  const lossField = field('What is answered (loss)', loss, ' ');
  const quantileField = field('Quantile', quantile, 'The share of outcomes below the answer: above 0, and below 1.');
  const poisson = /** @type {HTMLOptionElement} */ (loss.querySelector('[value=poisson]'));
  // What is hidden is out of use as well: a browser sends no form with a hidden field that is filled in wrongly.
  const show = (/** @type {boolean} */ isOfNumbers) => {
    const hint = lossField.querySelector('.hint');
    if (hint) hint.textContent = LOSSES[loss.selectedIndex].what;
    lossField.hidden = loss.disabled = !isOfNumbers;
    quantileField.hidden = quantile.disabled = !isOfNumbers || loss.value !== 'quantile';
  };
  loss.addEventListener('change', () => show(true));
  /** Fits the choice to the numbers that are predicted; none where classes are, or where the recipe has a loss of its own. */
  const offer = (/** @type {Column | null} */ target) => {
    poisson.hidden = poisson.disabled = target !== null && target.min < 0;
    if (poisson.disabled && poisson.selected) loss.selectedIndex = 0;
    show(target !== null);
  };
  const read = () => ({
    loss: loss.disabled || loss.selectedIndex === 0 ? undefined : loss.value,
    quantile: quantile.disabled ? undefined : typedNumber(quantile),
  });
  return { elements: [lossField, quantileField], offer, read };
}
