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
/** So far is the walk of the x-ray: to the error that comes back to the hidden layer. */
const STEPS = 8;
const WINDOW = { width: 1280, height: 860 };

/** Trains on the penguins with the service's own settings. */
async function trainTable() {
  await service.json(`/datasets?name=${NAMES.table}`, 'POST', readFileSync(TABLE, 'utf8'), 'text/csv');
  await service.json('/models', 'POST', { name: NAMES.table, dataset: NAMES.table, target: 'species' });
  const { id } = await service.json(`/models/${NAMES.table}/train`, 'POST', {});
  await service.ended(id);
  return id;
}

async function trainXor() {
  await service.json('/models', 'POST', { ...XOR, name: NAMES.xor });
  const { id } = await service.json(`/models/${NAMES.xor}/train`, 'POST', XOR_TRAINING);
  await service.ended(id);
}

/** Writes what stands in the window or on the whole page, under the names that these things would have. */
async function picture(page, name, fullPage) {
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
  await page.screenshot({ path: path.join(folder, name), fullPage });
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
  await page.getByLabel('Logarithmic scale').check();
  await picture(page, 'page.png', false);
  await page.goto(`${origin}/#/models/${NAMES.xor}/xray`);
  await page.getByRole('heading', { name: 'The row' }).waitFor();
  for (let i = 0; i < STEPS; i += 1) await page.keyboard.press('ArrowRight');
  await picture(page, 'xray.png', true);
} finally {
  await browser.close();
  await service.clean('penguins-in-a-picture');
  await service.clean('xor-in-a-picture');
}
