// The keys of the service: who may ask for what.

import { get, path, query, remove, send } from '../api.js';
import { h } from '../dom.js';
import { ago, count } from '../format.js';
import { reload } from '../router.js';
import { key } from '../session.js';
import { confirmed, openDialog } from '../ui/dialog.js';
import { choice, field, typedList, typedNumber } from '../ui/field.js';
import { during, notify } from '../ui/notices.js';
import { pagedTable } from '../ui/paged.js';
import { copyable, emptyState, panel, viewHead } from '../ui/parts.js';
import { problemPanel } from '../ui/problem.js';

/** @typedef {import('../types.js').Key} Key */

/** @type {[string, string][]} */
const ROLES = [
  ['predict', 'predict: asks models'],
  ['train', 'train: stores data, trains and deletes, too'],
  ['admin', 'admin: makes and revokes keys, too'],
];

/** @param {Key} one */
function revokeButton(one) {
  const button = h(
    'button',
    {
      type: 'button',
      class: 'danger',
      'aria-label': `Revoke the key ${one.name}`,
      onclick: () =>
        during(button, async () => {
          if (
            !(await confirmed(
              `Revoke ${one.name}?`,
              'Programs that use this key are refused from now on.',
              'Revoke it',
            ))
          )
            return;
          await remove(path`/keys/${one.id}`);
          notify(`The key ${one.name} was revoked.`);
          reload();
        }),
    },
    'Revoke',
  );
  return button;
}

/** @type {import('../ui/table.js').TableColumn<Key>[]} */
const COLUMNS = [
  { head: 'Key', isRowHead: true, cell: (one) => one.name },
  { head: 'Role', cell: (one) => h('span', { class: 'badge' }, one.role) },
  { head: 'Models', cell: (one) => one.models?.join(', ') ?? 'all' },
  { head: 'Requests a second', numeric: true, cell: (one) => count(one.requests_per_second) },
  { head: 'Made', cell: (one) => ago(one.created_at) },
  { head: 'Used last', cell: (one) => (one.last_used_at ? ago(one.last_used_at) : 'never') },
  { head: 'Ends', cell: (one) => (one.expires_at ? ago(one.expires_at) : 'never') },
  { head: 'Change', cell: revokeButton },
];

/**
 * Shows the secret of a new key, this once.
 * @param {string} name
 * @param {string} secret
 */
const showSecret = (name, secret) =>
  openDialog(`The key ${name}`, (dialog) => [
    h('p', null, 'Copy it now: it is shown this once and cannot be read again.'),
    copyable(secret, 'Secret of the key'),
    h(
      'div',
      { class: 'actions' },
      h('button', { type: 'button', class: 'primary', onclick: () => dialog.close('') }, 'I have it'),
    ),
  ]);

function makeForm() {
  const name = h('input', {
    type: 'text',
    required: true,
    maxlength: 63,
    pattern: '[a-z0-9_\\-]+',
    autocomplete: 'off',
  });
  const role = choice(ROLES, 'predict');
  const models = h('input', { type: 'text', placeholder: 'all', autocomplete: 'off' });
  const expires = h('input', { type: 'date' });
  const rate = h('input', { type: 'number', min: 0, step: 'any', placeholder: 'no limit' });
  const button = h('button', { class: 'primary' }, 'Make the key');
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    during(button, async () => {
      const patterns = typedList(models);
      const made = await send('/keys', {
        name: name.value,
        role: role.value,
        models: patterns.length ? patterns : undefined,
        expires_at: expires.value ? `${expires.value}T00:00:00Z` : undefined,
        requests_per_second: typedNumber(rate),
      });
      await showSecret(made.name, made.key);
      reload();
    });
  };
  return h(
    'form',
    { onsubmit: submit },
    h(
      'div',
      { class: 'fields' },
      field('Name', name, 'Small letters, digits, - and _.'),
      field('Role', role),
      field('Models that it sees', models, 'Names with * for any characters, with commas between.'),
      field('Ends on', expires, 'Empty: it holds until it is revoked.'),
      field('Requests a second', rate),
    ),
    h('div', { class: 'actions' }, button),
  );
}

/** @type {import('../router.js').View} */
export async function view({ signal }) {
  const head = viewHead('Keys', 'Who may ask this service for what.');
  const load = (/** @type {string | null} */ cursor) => get(`/keys${query({ limit: 100, cursor })}`, signal);
  let first;
  try {
    first = await load(null);
  } catch (error) {
    if (/** @type {any} */ (error).problem?.code !== 'key_forbids') throw error;
    return h('div', null, head, problemPanel(error));
  }
  if (!first.data.length && key() === null) {
    return h(
      'div',
      null,
      head,
      emptyState(
        'This service has no keys',
        'Whoever reaches it may do everything. To protect it, start it with a first key of an admin: --api-keys admin:SECRET. Then keys are made here.',
      ),
    );
  }
  return h(
    'div',
    null,
    head,
    panel('Make a key', makeForm()),
    first.data.length
      ? pagedTable('Keys', COLUMNS, first, load)
      : emptyState('No key was made yet', 'Those of the settings are not listed.'),
  );
}
