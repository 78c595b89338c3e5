// Requests to the service. Whatever goes wrong becomes an `ApiError` with a problem document.

import { keyHeader } from './session.js';

/** @typedef {import('./types.js').Problem} Problem */

/** A request that failed, with the service's own words where it gave any. */
export class ApiError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

/** @type {((refused: boolean) => Promise<boolean>) | null} */
let askForKey = null;

/**
 * Sets who is asked for a key when the service wants one; it answers whether there is a new one.
 * @param {(refused: boolean) => Promise<boolean>} ask
 */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

/**
 * A problem of the page's own: where the service gave no document.
 * @param {string} title
 * @param {string} detail
 * @param {number} [status]
 * @returns {Problem}
 */
export function localProblem(title, detail, status = 0) {
  return { type: '', title, detail, status, code: '', errors: [], request_id: '' };
}

/**
 * The problem document of a text that came with a status, or words of our own for it.
 * @param {number} status
 * @param {string} text
 * @returns {Problem}
 */
export function problemOf(status, text) {
  try {
    const problem = JSON.parse(text);
    if (problem && typeof problem.title === 'string') return { errors: [], ...problem };
  } catch {
    // The text is no JSON: a proxy in between has answered.
  }
  return localProblem(`The service answered with status ${status}`, text.slice(0, 300) || 'It gave no reason.', status);
}

/**
 * Sends a request and gives the reply if it is a success.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function request(path, options = {}) {
  for (;;) {
    const headers = { ...keyHeader(), .../** @type {Record<string, string>} */ (options.headers ?? {}) };
    const sent = await fetch(path, { ...options, headers, credentials: 'omit' }).catch((error) => {
      if (error?.name === 'AbortError') throw error;
      throw new ApiError(localProblem('The service cannot be reached', 'Look whether it still runs, then try again.'));
    });
    if (sent.ok) return sent;
    const problem = problemOf(sent.status, await sent.text());
    if (sent.status !== 401 || !askForKey || !(await askForKey(problem.code === 'key_invalid'))) {
      throw new ApiError(problem);
    }
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function json(path, options) {
  const reply = await request(path, options);
  return reply.status === 204 ? null : reply.json();
}

/**
 * Reads a resource.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export const get = (path, signal) => json(path, { signal });

/**
 * Sends JSON, or nothing.
 * @param {string} path
 * @param {any} [body]
 * @param {string} [method]
 * @param {AbortSignal} [signal]
 */
export const send = (path, body, method = 'POST', signal) =>
  json(
    path,
    body === undefined
      ? { method, signal }
      : {
          method,
          signal,
          body: JSON.stringify(body),
          headers: { 'Content-Type': 'application/json' },
        },
  );

/**
 * Deletes a resource.
 * @param {string} path
 */
export const remove = (path) => json(path, { method: 'DELETE' });

/**
 * A path with its parts escaped: path`/models/${name}`.
 * @param {TemplateStringsArray} texts
 * @param {...(string | number)} values
 */
export function path(texts, ...values) {
  return texts.reduce((whole, text, i) => whole + encodeURIComponent(values[i - 1]) + text);
}

/**
 * A query string of what is set.
 * @param {Record<string, string | number | boolean | string[] | null | undefined>} parameters
 */
export function query(parameters) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== '') pairs.append(name, String(one));
    }
  }
  const text = pairs.toString();
  return text && `?${text}`;
}

/**
 * All entries of a list, page by page.
 * @param {string} address
 * @param {Record<string, any>} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any[]>}
 */
export async function all(address, parameters = {}, signal) {
  const entries = [];
  let cursor = null;
  do {
    const page = await get(address + query({ limit: 1000, ...parameters, cursor }), signal);
    entries.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor);
  return entries;
}
