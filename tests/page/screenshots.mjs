// Pictures of the page for the README: `node screenshots.mjs http://127.0.0.1:8080 docs` writes page.png and xray.png.
// It trains on the penguins and on XOR for them, and takes both away at the end. `EPOCHD_KEY` and `CHROMIUM` as for run.mjs.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { launch } from './browser.mjs';
import { Service } from './service.mjs';

const [address = 'http://127.0.0.1:8080', folder = '.'] = process.argv.slice(2);
const { origin } = new URL(address);
const key = process.env.EPOCHD_KEY || null;
const service = new Service(origin, key);
const TABLE = new URL('../../examples/data/penguins.csv', import.meta.url);
const { XOR, XOR_TRAINING } = await import(new URL('../../src/dashboard/page/ui/xor.js', import.meta.url));
const NAMES = { table: 'penguins-in-a-picture', xor: 'xor-in-a-picture' };
const WINDOW = { width: 1280, height: 860 };

/** Trains on the penguins, slowly enough for a curve that can be seen. */
async function trainTable() {
  await service.json(`/datasets?name=${NAMES.table}`, 'POST', readFileSync(TABLE, 'utf8'), 'text/csv');
  await service.json('/models', 'POST', { name: NAMES.table, dataset: NAMES.table, target: 'species' });
  const { id } = await service.json(`/models/${NAMES.table}/train`, 'POST', {
    epochs: 40,
    learning_rate: 0.0006,
  });
  await service.ended(id);
  return id;
}

async function trainXor() {
  await service.json('/models', 'POST', { ...XOR, name: NAMES.xor });
  const { id } = await service.json(`/models/${NAMES.xor}/train`, 'POST', XOR_TRAINING);
  await service.ended(id);
}

/** Writes what stands in the window, under the names that these things would have. */
async function picture(page, name) {
  await page.evaluate((names) => {
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      let text = texts.currentNode.data;
      for (const one of names) text = text.replaceAll(one, one.replace('-in-a-picture', ''));
      if (text !== texts.currentNode.data) texts.currentNode.data = text;
    }
    document.activeElement?.blur();
  }, Object.values(NAMES));
  await page.waitForTimeout(300);
  await page.screenshot({ path: path.join(folder, name) });
}

const browser = await launch();
try {
  const job = await trainTable();
  await trainXor();
  const context = await browser.newContext({ viewport: WINDOW, colorScheme: 'light', reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.addInitScript((secret) => secret && sessionStorage.setItem('epochd-key', secret), key);
  await page.goto(`${origin}/#/jobs/${job}`);
  await page.getByRole('heading', { name: 'Published version 1' }).waitFor();
  await page.locator('.chart canvas').waitFor();
  await picture(page, 'page.png');
  await page.goto(`${origin}/#/models/${NAMES.xor}/xray`);
  await page.getByRole('heading', { name: 'The row' }).waitFor();
  const steps = 8;
  for (let i = 0; i < steps; i += 1) await page.keyboard.press('ArrowRight');
  await picture(page, 'xray.png');
} finally {
  await browser.close();
  await service.clean('penguins-in-a-picture');
  await service.clean('xor-in-a-picture');
}
