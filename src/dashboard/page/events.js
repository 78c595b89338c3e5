// Server-sent events by `fetch`, so that the key travels in a header.

import { request } from './api.js';

/** What passes by itself: no connection, too much load, a service that starts. */
const PASSING = [0, 429, 503];
/** How long events are read at a stretch: where many have gathered, the page has to draw and to hear between them. */
const STRETCH_MS = 10;

/** @typedef {{ id: string, event: string, data: string }} ServerEvent */

/**
 * Cuts a text into whole events and what is left over.
 * @param {string} text
 * @returns {{ events: ServerEvent[], rest: string }}
 */
export function parseEvents(text) {
  const blocks = text.split('\n\n');
  const rest = blocks.pop() ?? '';
  const events = blocks.map((block) => {
    const event = { id: '', event: 'message', data: '' };
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') event.data += value;
      else if (name === 'id' || name === 'event') event[name] = value;
    }
    return event;
  });
  return { events: events.filter((event) => event.data !== ''), rest };
}

/**
 * Waits, or less long if the signal ends it.
 * @param {number} ms
 * @param {AbortSignal} signal
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(null);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/**
 * Follows a stream to its end and goes on after a broken connection. `take` is told of the events of one piece
 * together, and answers whether the stream has said its last.
 * @param {string} address
 * @param {(events: ServerEvent[]) => boolean} take
 * @param {AbortSignal} signal
 */
export async function follow(address, take, signal) {
  let last = '';
  while (!signal.aborted) {
    /** @type {Record<string, string>} */
    const headers = last ? { 'Last-Event-ID': last } : {};
    const reply = await request(address, { headers, signal }).catch((error) => {
      if (signal.aborted || !PASSING.includes(error.problem?.status)) throw error;
      return null;
    });
    if (reply === null) {
      await pause(2000, signal);
      continue;
    }
    if (reply.status === 204 || !reply.body) return;
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    let since = performance.now();
    try {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const { events, rest } = parseEvents(text + piece.value);
        text = rest;
        last = events.at(-1)?.id || last;
        if (events.length && take(events)) return;
        if (performance.now() - since < STRETCH_MS) continue;
        await pause(0, signal);
        since = performance.now();
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    await pause(1000, signal);
  }
}
