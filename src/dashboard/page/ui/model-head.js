// The head that all views of one model have, with the ways between them.

import { h } from '../dom.js';
import { link } from '../router.js';
import { answerText } from './loss.js';
import { viewHead } from './parts.js';

/** @typedef {import('../types.js').Model} Model */

/**
 * How a model is called in addresses.
 * @param {Model} model
 */
export const nameOf = (model) => model.name ?? model.id;

const MOST_TRACED = 10_000;

/**
 * Whether the service takes its backpropagation apart.
 * @param {Model} model
 */
export const canBeTraced = (model) => model.kind === 'layers' && (model.parameter_count ?? 0) <= MOST_TRACED;

/**
 * What a model does, in a few words.
 * @param {Model} model
 */
function summary(model) {
  if (model.kind === 'layers') return `Takes ${model.layers?.[0]} numbers, gives ${model.layers?.at(-1)}.`;
  const what =
    model.task === 'classification' ? `one of ${model.classes?.length ?? 'several'} classes` : answerText(model);
  return `Predicts ${model.target} (${what}) from ${model.features?.length ?? 0} columns.`;
}

/**
 * @param {Model} model
 * @param {string} current
 * @param {...import('../dom.js').Child} actions
 */
export function modelHead(model, current, ...actions) {
  const name = nameOf(model);
  const tabs = [
    ['overview', 'Overview', link`/models/${name}`],
    ['predict', 'Try it', link`/models/${name}/predict`],
    ['compare', 'Compare', link`/models/${name}/compare`],
    ['drift', 'Drift', link`/models/${name}/drift`],
    ['train', 'Train', link`/models/${name}/train`],
    ...(canBeTraced(model) ? [['xray', 'X-ray', link`/models/${name}/xray`]] : []),
  ];
  return [
    viewHead(name, summary(model), ...actions),
    h(
      'nav',
      { class: 'tabs', 'aria-label': 'Views of this model' },
      tabs.map(([key, text, href]) => h('a', { href, 'aria-current': key === current ? 'page' : null }, text)),
    ),
  ];
}
