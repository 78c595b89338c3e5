// Light or dark: as the system has it, unless the reader chooses.

import { h } from '../dom.js';

const NAME = 'epochd-theme';
const NEXT = /** @type {Record<string, string>} */ ({ auto: 'light', light: 'dark', dark: 'auto' });
const SIGN = /** @type {Record<string, string>} */ ({ auto: '◐', light: '☀', dark: '☾' });

/** @param {string} theme */
function apply(theme) {
  if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.setAttribute('data-theme', theme);
  dispatchEvent(new Event('epochd-theme'));
}

/** The button that goes from one to the next. */
export function themeButton() {
  let theme = localStorage.getItem(NAME) ?? 'auto';
  if (!(theme in NEXT)) theme = 'auto';
  const button = h('button', { type: 'button', class: 'quiet theme' });
  const show = () => {
    button.textContent = SIGN[theme];
    button.setAttribute('aria-label', `Colours: ${theme}. Change to ${NEXT[theme]}`);
    button.title = `Colours: ${theme}`;
    apply(theme);
  };
  button.addEventListener('click', () => {
    theme = NEXT[theme];
    localStorage.setItem(NAME, theme);
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => dispatchEvent(new Event('epochd-theme')));
  show();
  return button;
}
