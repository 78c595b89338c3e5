// One model: its versions, which of them serves, its aliases, and its network.

import { all, get, path, remove, send } from '../api.js';
import { fill, h } from '../dom.js';
import { ago, count, number } from '../format.js';
import { go, link } from '../router.js';
import { confirmed, openDialog } from '../ui/dialog.js';
import { choice, field } from '../ui/field.js';
import { measuresOf } from '../ui/metrics.js';
import { modelHead, nameOf } from '../ui/model-head.js';
import { during, notify } from '../ui/notices.js';
import { longTable } from '../ui/paged.js';
import { emptyState, panel } from '../ui/parts.js';
import { problemPanel } from '../ui/problem.js';
import { action, aliasPanel, networkPanel } from './model-parts.js';

/** @typedef {import('../types.js').Model} Model */
/** @typedef {import('../types.js').Version} Version */

/**
 * @param {Model} model
 * @param {Version} version
 */
function versionActions(model, version) {
  const n = version.version;
  const isBack = model.active_version !== null && n < model.active_version;
  if (version.active) return h('span', { class: 'badge good' }, '✓ serves');
  const activate = action(
    isBack ? 'Roll back' : 'Activate',
    `${isBack ? 'Roll back to' : 'Activate'} version ${n}`,
    async () => {
      await send(path`/models/${model.id}/versions/${n}/activate`);
      return `Version ${n} serves now.`;
    },
  );
  const drop = action(
    'Delete',
    `Delete version ${n}`,
    async () => {
      if (!(await confirmed(`Delete version ${n}?`, 'Its weights are gone for good.', 'Delete it'))) return null;
      await remove(path`/models/${model.id}/versions/${n}`);
      return `Version ${n} was deleted.`;
    },
    'danger',
  );
  return h('div', { class: 'actions' }, activate, version.aliases.length ? null : drop);
}

/**
 * @param {Model} model
 * @param {Version[]} versions
 */
function versionTable(model, versions) {
  const measures = measuresOf(...versions.map((one) => one.metrics)).slice(0, 3);
  return longTable(
    'Versions',
    [
      {
        head: 'Version',
        isRowHead: true,
        cell: (/** @type {Version} */ one) =>
          h(
            'a',
            { class: 'nowrap', href: link`/models/${nameOf(model)}/versions/${one.version}` },
            `Version ${one.version}`,
          ),
      },
      { head: 'Serving', cell: (one) => versionActions(model, one) },
      ...measures.map(({ key, name, show }) => ({
        head: name,
        numeric: true,
        cell: (/** @type {Version} */ one) => show(/** @type {any} */ (one.metrics)[key]),
      })),
      {
        head: 'Warnings',
        numeric: true,
        cell: (one) =>
          one.warnings.length
            ? h(
                'a',
                { href: link`/models/${nameOf(model)}/versions/${one.version}`, title: one.warnings[0].message },
                `⚠ ${count(one.warnings.length)}`,
              )
            : '–',
      },
      {
        head: 'Validation loss',
        title: 'As the training measured it: before calibration, by the loss that it minimises, on the scale that is learned.',
        numeric: true,
        cell: (one) => number(one.validation_loss),
      },
      { head: 'Epochs', numeric: true, cell: (one) => count(one.epochs) },
      { head: 'Rows', numeric: true, cell: (one) => count(one.rows) },
      { head: 'Aliases', cell: (one) => one.aliases.join(', ') || '–' },
      { head: 'Made', cell: (one) => h('span', { class: 'nowrap' }, ago(one.created_at)) },
    ],
    versions,
    50,
  );
}

/**
 * Two versions to lay beside each other.
 * @param {Model} model
 * @param {Version[]} versions
 */
function compareForm(model, versions) {
  if (versions.length < 2) return null;
  const options = versions.map(
    ({ version }) => /** @type {[string, string]} */ ([String(version), `Version ${version}`]),
  );
  const first = choice(options, String(model.active_version ?? versions[0].version));
  const second = choice(options, String(versions.find(({ version }) => version !== model.active_version)?.version));
  return h(
    'form',
    {
      class: 'inline',
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        go(link`/models/${nameOf(model)}/compare?a=`.slice(1) + `${first.value}&b=${second.value}`);
      },
    },
    field('Compare', first),
    field('with', second),
    h('button', null, 'Compare'),
  );
}

/**
 * Gives a model another name, by which programs have to ask for it from then on.
 * @param {Model} model
 */
function renameButton(model) {
  const rename = async (/** @type {string} */ name) => {
    await send(path`/models/${model.id}`, { name }, 'PATCH');
    notify(`The model is called ${name} now.`);
    go(link`/models/${name}`.slice(1));
  };
  return h(
    'button',
    {
      type: 'button',
      onclick: () =>
        openDialog(`Rename ${nameOf(model)}`, (dialog) => {
          const input = h('input', {
            type: 'text',
            value: model.name ?? '',
            required: true,
            maxlength: 63,
            pattern: '[a-z0-9_\\-]+',
            autocomplete: 'off',
            autofocus: true,
          });
          const button = h('button', { class: 'primary' }, 'Rename it');
          const failed = h('div');
          const submit = (/** @type {Event} */ event) => {
            event.preventDefault();
            during(button, async () => {
              try {
                await rename(input.value);
                dialog.close('');
              } catch (error) {
                fill(failed, problemPanel(error));
              }
            });
          };
          return [
            h('p', null, 'Programs that ask for it by its name have to use the new one.'),
            h(
              'form',
              { onsubmit: submit },
              field('New name', input, 'Small letters, digits, - and _.'),
              failed,
              h(
                'div',
                { class: 'actions' },
                h('button', { type: 'button', onclick: () => dialog.close('') }, 'Keep the name'),
                button,
              ),
            ),
          ];
        }),
    },
    'Rename',
  );
}

/** @param {Model} model */
const deleteButton = (model) =>
  action(
    'Delete',
    `Delete the model ${nameOf(model)}`,
    async () => {
      if (
        !(await confirmed(
          `Delete ${nameOf(model)}?`,
          'All of its versions are gone for good, and programs that ask it get an error.',
          'Delete it',
        ))
      )
        return null;
      await remove(path`/models/${model.id}`);
      go('/models');
      return `${nameOf(model)} was deleted.`;
    },
    'danger',
  );

/** @type {import('../router.js').View} */
export async function view({ parts: [name], signal }) {
  /** @type {[Model, Version[], { data: any[] }]} */
  const [model, versions, aliases] = await Promise.all([
    get(path`/models/${name}`, signal),
    all(path`/models/${name}/versions`, {}, signal),
    get(path`/models/${name}/aliases`, signal),
  ]);
  const served = versions.find(({ active }) => active);
  const job = served?.job_id ? await get(path`/jobs/${served.job_id}`, signal).catch(() => null) : null;
  const jobs = h('a', { class: 'button', href: `#/jobs?model=${encodeURIComponent(model.id)}` }, 'Its trainings');
  return h(
    'div',
    null,
    modelHead(model, 'overview', jobs, renameButton(model), deleteButton(model)),
    versions.length
      ? panel('Versions', h('div', { class: 'versions' }, versionTable(model, versions)), compareForm(model, versions))
      : emptyState(
          'No version yet',
          'The first training that ends well publishes version 1.',
          h('a', { class: 'button primary', href: link`/models/${nameOf(model)}/train` }, 'Train it'),
        ),
    h(
      'div',
      { class: 'columns' },
      networkPanel(model, served?.metrics ?? {}, job?.config.members),
      versions.length ? aliasPanel(model, aliases.data, versions) : null,
    ),
  );
}
