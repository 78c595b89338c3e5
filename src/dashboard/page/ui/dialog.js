// Dialogs: the browser's own, which keep the focus inside and close by Escape.

import { append, h, uniqueId } from '../dom.js';

/**
 * Opens a dialog and gives what it was closed with: `''` where it was left.
 * @param {string} title
 * @param {(dialog: HTMLDialogElement) => import('../dom.js').Child[]} content
 * @returns {Promise<string>}
 */
export function openDialog(title, content) {
  const id = uniqueId('dialog');
  const dialog = h('dialog', { 'aria-labelledby': id }, h('h2', { id }, title));
  append(dialog, content(dialog));
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
  });
}

/**
 * Asks before something that cannot be undone.
 * @param {string} title
 * @param {string} consequence
 * @param {string} action
 * @returns {Promise<boolean>}
 */
export async function confirmed(title, consequence, action) {
  const answer = await openDialog(title, (dialog) => [
    h('p', null, consequence),
    h(
      'div',
      { class: 'actions' },
      h('button', { type: 'button', autofocus: true, onclick: () => dialog.close('') }, 'Keep it as it is'),
      h('button', { type: 'button', class: 'danger', onclick: () => dialog.close('yes') }, action),
    ),
  ]);
  return answer === 'yes';
}
