// Parts of the view of a model: its aliases and its network.

import { path, remove, send } from '../api.js';
import { networkDrawing } from '../charts/network.js';
import { h } from '../dom.js';
import { ago, count, percent } from '../format.js';
import { link, reload } from '../router.js';
import { choice, field } from '../ui/field.js';
import { lossText } from '../ui/loss.js';
import { canBeTraced, nameOf } from '../ui/model-head.js';
import { during, notify } from '../ui/notices.js';
import { facts, panel } from '../ui/parts.js';
import { table } from '../ui/table.js';

/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Metrics} Metrics */
/** @typedef {import('../types.js').Version} Version */

/**
 * A button that does something, and shows the model anew.
 * @param {string} text
 * @param {string} label
 * @param {() => Promise<string | null>} work gives what to say when it is done
 * @param {string} [kind]
 */
export function action(text, label, work, kind = '') {
  const button = h(
    'button',
    {
      type: 'button',
      class: kind,
      'aria-label': label,
      onclick: () =>
        during(button, async () => {
          const done = await work();
          if (done === null) return;
          notify(done);
          reload();
        }),
    },
    text,
  );
  return button;
}

/**
 * The aliases, and a form for another.
 * @param {Model} model
 * @param {{ alias: string, version: number | null, updated_at: string | null }[]} aliases
 * @param {Version[]} versions
 */
export function aliasPanel(model, aliases, versions) {
  const name = h('input', {
    type: 'text',
    required: true,
    pattern: '[a-z][a-z0-9_\\-]{0,31}',
    autocomplete: 'off',
    placeholder: 'canary',
  });
  const version = choice(
    versions.map((one) => /** @type {[string, string]} */ ([String(one.version), `Version ${one.version}`])),
    String(versions[0].version),
  );
  const button = h('button', null, 'Set the alias');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, async () => {
      await send(path`/models/${model.id}/aliases/${name.value}`, { version: Number(version.value) }, 'PUT');
      notify(`${name.value} names version ${version.value} now.`);
      reload();
    });
  };
  const own = aliases.filter((one) => one.alias !== 'active');
  return panel(
    'Aliases',
    h('p', { class: 'muted small' }, 'A name for a version, which stands in addresses in place of its number.'),
    own.length
      ? table(
          'Aliases',
          [
            { head: 'Alias', isRowHead: true, cell: (one) => one.alias },
            { head: 'Version', numeric: true, cell: (one) => count(one.version) },
            { head: 'Since', cell: (one) => ago(one.updated_at) },
            {
              head: 'Change',
              cell: (one) =>
                action('Remove', `Remove the alias ${one.alias}`, async () => {
                  await remove(path`/models/${model.id}/aliases/${one.alias}`);
                  return `The alias ${one.alias} was removed.`;
                }),
            },
          ],
          own,
        )
      : null,
    h('form', { class: 'inline', onsubmit: submit }, field('Alias', name), field('names', version), button),
  );
}

/**
 * What answers together in a version, in words: nothing of one network alone, or where the training that made it is gone.
 * @param {Metrics} metrics
 * @param {number | null | undefined} members of the training; null where it went on with those of an earlier version
 */
export function together({ candidates, linear_share: share }, members) {
  const kinds = candidates?.filter(({ weight }) => weight > 0).length || 1;
  const networks = (members ?? 1) * kinds;
  const parts = [];
  if (members === null) parts.push('As many networks answer together as in the version that it went on from.');
  else if (kinds > 1)
    parts.push(`${count(networks)} networks of ${count(kinds)} kinds answer together: this is the first of them.`);
  else if (networks > 1) parts.push(`${count(networks)} networks like this one answer together.`);
  if (share)
    parts.push(`A linear model answers with ${parts.length ? 'them' : 'it'}, and has ${percent(share)} of the answer.`);
  return parts.join(' ');
}

/**
 * The network of a model, and what answers with it.
 * @param {Model} model
 * @param {Metrics} metrics of the version that serves
 * @param {number | null | undefined} members
 */
export function networkPanel(model, metrics, members) {
  if (!model.layers) return null;
  const others = together(metrics, members);
  const rates = [...new Set((model.dropout ?? []).filter(Boolean))];
  return panel(
    'Network',
    networkDrawing(model.layers, model.activations ?? [], model.dropout ?? []),
    others && h('p', null, others),
    facts([
      [others ? 'Parameters of this one' : 'Parameters', count(model.parameter_count)],
      ['Loss', lossText(model)],
      ['Dropout', rates.length ? rates.join(', ') : 'none'],
      ['Kind', model.kind === 'dataset' ? 'by data set' : 'by layer sizes'],
    ]),
    canBeTraced(model)
      ? h(
          'div',
          { class: 'actions' },
          h('a', { class: 'button', href: link`/models/${nameOf(model)}/xray` }, 'X-ray of its backpropagation'),
        )
      : null,
  );
}
