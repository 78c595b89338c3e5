// Sending a data file, with its progress.

import { ApiError, localProblem, problemOf, query } from './api.js';
import { keyHeader } from './session.js';

const TYPES = /** @type {Record<string, string>} */ ({
  csv: 'text/csv',
  tsv: 'text/csv',
  txt: 'text/csv',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  jsonl: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  arrows: 'application/vnd.apache.arrow.stream',
  arrow: 'application/vnd.apache.arrow.file',
  feather: 'application/vnd.apache.arrow.file',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
});

/** The endings that a file picker offers. */
export const ENDINGS = [...Object.keys(TYPES).map((ending) => `.${ending}`), '.gz'].join(',');

/**
 * The content type of a file by the ending of its name, or null for one that the service does not read.
 * @param {string} name
 */
export function contentType(name) {
  const ending = name.toLowerCase().replace(/\.gz$/, '').split('.').pop() ?? '';
  return TYPES[ending] ?? null;
}

/**
 * The name of a file without its endings.
 * @param {string} name
 */
export const bareName = (name) => name.replace(/\.gz$/i, '').replace(/\.[^.]+$/, '');

/**
 * Sends a data file to the service and gives the data set that it became.
 * @param {Blob} file
 * @param {string} type
 * @param {Record<string, string | string[]>} parameters
 * @param {(share: number) => void} told how much has been sent, from 0 to 1
 * @param {AbortSignal} signal
 * @returns {Promise<import('./types.js').Dataset>}
 */
export function upload(file, type, parameters, told, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open('POST', `/datasets${query(parameters)}`);
    sending.setRequestHeader('Content-Type', type);
    for (const [name, value] of Object.entries(keyHeader())) sending.setRequestHeader(name, value);
    sending.upload.onprogress = (event) => told(event.total ? event.loaded / event.total : 0);
    sending.onload = () => {
      if (sending.status === 201) resolve(JSON.parse(sending.responseText));
      else reject(new ApiError(problemOf(sending.status, sending.responseText)));
    };
    sending.onerror = () =>
      reject(
        new ApiError(
          localProblem(
            'The file did not get through',
            'The connection broke, and nothing was stored. Send the file again.',
          ),
        ),
      );
    sending.onabort = () => reject(new DOMException('The upload was stopped', 'AbortError'));
    signal.addEventListener('abort', () => sending.abort());
    sending.send(file);
  });
}
