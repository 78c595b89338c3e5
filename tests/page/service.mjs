// Requests past the page: to prepare what it shows, and to see that what it claims is so.

import { eventually, must } from './browser.mjs';

export class Service {
  constructor(origin, key) {
    this.origin = origin;
    this.key = key;
  }

  async ask(path, method = 'GET', body = undefined, type = 'application/json', key = this.key, more = {}) {
    const headers = body === undefined ? { ...more } : { 'Content-Type': type, ...more };
    if (key) headers.Authorization = `Bearer ${key}`;
    const isWhole = typeof body !== 'object' || body instanceof Uint8Array;
    return fetch(this.origin + path, { method, headers, body: isWhole ? body : JSON.stringify(body) });
  }

  async json(path, method, body, type) {
    const reply = await this.ask(path, method, body, type);
    const text = await reply.text();
    must(reply.ok, `${method ?? 'GET'} ${path}: ${reply.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** All entries of a list whose names begin with `prefix`. */
  async named(path, prefix) {
    const found = [];
    let cursor = '';
    do {
      const page = await this.json(`${path}?limit=1000${cursor}`);
      found.push(...page.data.filter(({ name }) => name?.startsWith(prefix)));
      cursor = page.next_cursor && `&cursor=${encodeURIComponent(page.next_cursor)}`;
    } while (cursor);
    return found;
  }

  async ended(id) {
    return eventually(
      async () => {
        const job = await this.json(`/jobs/${id}?wait=5`);
        return ['succeeded', 'failed', 'cancelled'].includes(job.state) && job;
      },
      `the end of job ${id}`,
      120000,
    );
  }

  /** A trained model of a table, both with this name: for tests that stand alone or come after one that failed. */
  async trained(name) {
    const model = await this.ask(`/models/${name}`);
    if (model.ok && (await model.json()).active_version) return;
    if (!model.ok) {
      if (!(await this.ask(`/datasets/${name}`)).ok)
        await this.json(`/datasets?name=${name}`, 'POST', table(600), 'text/csv');
      await this.json('/models', 'POST', { name, dataset: name, target: 'kind' });
    }
    const { id } = await this.json(`/models/${name}/train`, 'POST', { epochs: 3 });
    await this.ended(id);
  }

  /** Does work for each entry, some at a time. */
  async each(entries, work) {
    const rest = [...entries];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (rest.length) await work(rest.pop());
      }),
    );
  }

  /** Takes away whatever a run has made. */
  async clean(prefix) {
    const models = await this.named('/models', prefix);
    await this.each(models, async ({ id }) => {
      const jobs = await this.json(`/jobs?model=${id}&limit=1000`);
      for (const job of jobs.data) {
        if (['queued', 'running'].includes(job.state)) await this.ask(`/jobs/${job.id}/cancel`, 'POST');
        await this.ended(job.id);
        await this.ask(`/jobs/${job.id}`, 'DELETE');
      }
    });
    await this.each(models, ({ id }) => this.ask(`/models/${id}`, 'DELETE'));
    await this.each(await this.named('/datasets', prefix), ({ id }) => this.ask(`/datasets/${id}`, 'DELETE'));
  }
}

/** A table with words and gaps whose classes take some seconds to learn. */
export function table(rows) {
  const lines = ['length,width,colour,kind'];
  let state = 7;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  for (let i = 0; i < rows; i += 1) {
    const length = random() * 10;
    const width = random() * 4;
    const colour = ['red', 'green', 'blue'][Math.floor(random() * 3)];
    const kind = Math.sin(length) + width / 2 + (colour === 'red' ? 0.7 : 0) + random() > 1.9 ? 'long' : 'short';
    lines.push(`${random() < 0.02 ? '' : length.toFixed(3)},${width.toFixed(3)},${colour},${kind}`);
  }
  return `${lines.join('\n')}\n`;
}
