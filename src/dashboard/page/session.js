// The key of this tab. It is kept in the tab's session storage and nowhere else.

const NAME = 'epochd-key';

/** The key, or null where none was given. */
export function key() {
  return sessionStorage.getItem(NAME);
}

/** @param {string | null} value */
export function setKey(value) {
  if (value) sessionStorage.setItem(NAME, value);
  else sessionStorage.removeItem(NAME);
  dispatchEvent(new Event('epochd-key'));
}

/**
 * The header that carries the key.
 * @returns {Record<string, string>}
 */
export function keyHeader() {
  const value = key();
  return value ? { Authorization: `Bearer ${value}` } : {};
}
