// Asking for the key of the service, and forgetting it.

import { h } from '../dom.js';
import { reload } from '../router.js';
import { key, setKey } from '../session.js';
import { openDialog } from './dialog.js';
import { field } from './field.js';

/** @type {Promise<boolean> | null} */
let open = null;
/** Whether the reader has left the question unanswered: then it is not asked again until the next view. */
let isDeclined = false;
addEventListener('hashchange', () => {
  isDeclined = false;
});

/**
 * @param {boolean} refused
 * @returns {Promise<boolean>}
 */
async function ask(refused) {
  const answer = await openDialog('This service needs a key', (dialog) => {
    const input = h('input', {
      type: 'password',
      autocomplete: 'off',
      spellcheck: 'false',
      required: true,
      autofocus: true,
    });
    return [
      refused
        ? h(
            'p',
            { class: 'bad-text', role: 'alert' },
            'The service does not know this key. It may have ended or been revoked.',
          )
        : null,
      h(
        'form',
        {
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            setKey(input.value.trim());
            dialog.close('yes');
          },
        },
        field('Key', input, 'It stays in this tab until the tab is closed, and goes to this service alone.'),
        h(
          'div',
          { class: 'actions' },
          h('button', { type: 'button', onclick: () => dialog.close('') }, 'Not now'),
          h('button', { class: 'primary' }, 'Use this key'),
        ),
      ),
    ];
  });
  return answer === 'yes';
}

/**
 * Asks for the key, once for all requests that wait for one.
 * @param {boolean} refused
 * @returns {Promise<boolean>}
 */
export function askForKey(refused) {
  if (isDeclined) return Promise.resolve(false);
  open ??= ask(refused && key() !== null).then((isGiven) => {
    isDeclined = !isGiven;
    open = null;
    return isGiven;
  });
  return open;
}

/** The button of the frame that forgets the key; it is there while there is one. */
export function keyButton() {
  const button = h(
    'button',
    {
      type: 'button',
      class: 'quiet',
      onclick: () => {
        setKey(null);
        reload();
      },
    },
    'Forget key',
  );
  const show = () => {
    button.hidden = key() === null;
  };
  addEventListener('epochd-key', show);
  show();
  return button;
}
