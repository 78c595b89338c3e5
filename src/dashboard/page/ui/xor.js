// XOR as the article on backpropagation teaches it: the model, its training, and a button for both.

import { send } from '../api.js';
import { h } from '../dom.js';
import { go } from '../router.js';
import { during } from './notices.js';

export const XOR = {
  name: 'xor',
  layers: [2, 2, 1],
  activation: 'sigmoid',
  output_activation: 'sigmoid',
  loss: 'mse',
  initializer: 'normal',
  seed: 7,
};

export const XOR_TRAINING = {
  inputs: [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ],
  targets: [0, 1, 1, 0],
  epochs: 10000,
  learning_rate: 0.2,
  optimizer: 'sgd',
  batch_size: 'full',
};

/**
 * Whether a model can learn XOR.
 * @param {import('../types.js').Model} model
 */
export const fitsXor = ({ layers }) => layers?.[0] === 2 && layers.at(-1) === 1;

/** Makes the model and trains it, or goes to it where there is one of its name already. */
async function teach() {
  try {
    await send('/models', XOR);
  } catch (error) {
    if (/** @type {any} */ (error).problem?.code !== 'name_taken') throw error;
    go('/models/xor/xray');
    return;
  }
  const job = await send('/models/xor/train', XOR_TRAINING);
  go(`/jobs/${job.id}`);
}

/** The button that does it. */
export function xorButton() {
  const button = h('button', { type: 'button', onclick: () => during(button, teach) }, 'Teach a network XOR');
  return button;
}
