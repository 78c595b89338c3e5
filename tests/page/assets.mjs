// What the page is made of: that the service hands out every file as it is in the tree, and that they are small.

import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { must } from './browser.mjs';

const FOLDER = new URL('../../src/dashboard/page/', import.meta.url);
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', csv: 'text/csv' };
const MOST_BYTES = 150 * 1000;
/** What tells a browser from other clients: these get the page at `/`. */
const BROWSER = { accept: 'text/html,*/*;q=0.8' };
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];

export async function assets(origin) {
  const files = readdirSync(FOLDER, { recursive: true }).filter((file) => file.split('.').pop() in TYPES);
  must(files.includes('index.html') && files.length > 20, 'the files of the page are not where they should be');
  let packed = 0;
  for (const file of files) {
    const text = readFileSync(new URL(file, FOLDER));
    packed += gzipSync(text, { level: 9 }).length;
    const address = file === 'index.html' ? '/' : `/page/${file}`;
    const reply = await fetch(origin + address, { headers: BROWSER });
    must(reply.status === 200, `${address}: status ${reply.status}`);
    must(
      reply.headers.get('content-type')?.startsWith(TYPES[file.split('.').pop()]),
      `${address}: ${reply.headers.get('content-type')}`,
    );
    must(Buffer.from(await reply.arrayBuffer()).equals(text), `${address} is not the file of the tree`);
  }
  const [sample, example] = ['sample/penguins.csv', '../../../examples/data/penguins.csv'].map((file) =>
    readFileSync(new URL(file, FOLDER)),
  );
  must(sample.equals(example), 'the sample is not the table of the examples');
  const policy = (await fetch(`${origin}/`, { headers: BROWSER })).headers.get('content-security-policy') ?? '';
  for (const rule of POLICY) must(policy.includes(rule), `the policy lacks ${rule}: ${policy}`);
  must(packed < MOST_BYTES, `all files packed are ${packed} bytes`);
  return `${files.length} files, ${packed} bytes packed`;
}
