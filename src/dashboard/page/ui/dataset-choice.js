// Data sets to choose from, by names that people know.

import { get, path } from '../api.js';
import { counted } from '../format.js';
import { choice } from './field.js';

/** @typedef {import('../types.js').Dataset} Dataset */

/**
 * What data sets are called. One whose name an append has taken over is the beginning of the one that has it now.
 * @param {Dataset[]} all
 * @returns {(one: Dataset) => string}
 */
export function datasetNames(all) {
  const heirs = new Map(all.map((one) => [one.parent_id, one]));
  return (one) => {
    if (one.name) return one.name;
    const rows = counted(one.rows, 'row');
    let heir = heirs.get(one.id);
    while (heir && !heir.name) heir = heirs.get(heir.id);
    return heir ? `${heir.name}, its first ${rows}` : `${one.id.slice(0, 13)}…, ${rows}`;
  };
}

/**
 * A choice of data sets, with their ids where somebody points at them.
 * @param {Dataset[]} all
 * @param {string} chosen
 */
export function datasetChoice(all, chosen) {
  const name = datasetNames(all);
  return choice(
    all.map((one) => [one.id, name(one), one.id]),
    chosen,
  );
}

/**
 * The newest data sets, and in any case the one that the model was trained on.
 * @param {import('../types.js').Model} model
 * @param {AbortSignal} signal
 * @returns {Promise<Dataset[]>}
 */
export async function usableDatasets(model, signal) {
  const { data, next_cursor: next } = await get('/datasets?limit=100', signal);
  const isThere = data.some((/** @type {Dataset} */ one) => one.id === model.dataset_id);
  if (isThere || !model.dataset_id || next === null) return data;
  const own = await get(path`/datasets/${model.dataset_id}`, signal).catch(() => null);
  return own ? [own, ...data] : data;
}
