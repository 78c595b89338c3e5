// Lines for a shell that ask the service what the page asks it.

import { quoted } from '../format.js';
import { key } from '../session.js';

/**
 * The line that sends a request.
 * @param {string} address
 * @param {any} body
 */
export function curlLine(address, body) {
  const keyPart = key() ? ' -H "Authorization: Bearer $EPOCHD_KEY"' : '';
  return `curl -s ${quoted(location.origin + address)}${keyPart} --json ${quoted(JSON.stringify(body))}`;
}
