// Pictures for the README and the docs: `node screenshots.mjs http://127.0.0.1:8080 docs` writes page.png, page-phone.png and xray.png
// of the page, and the service's own plots into plots/. It trains on the examples for them, and takes all away at the end. `EPOCHD_KEY`
// and `CHROMIUM` as for run.mjs.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { launch } from './browser.mjs';
import { Service } from './service.mjs';

const [address = 'http://127.0.0.1:8080', folder = '.'] = process.argv.slice(2);
const { origin } = new URL(address);
const key = process.env.EPOCHD_KEY || null;
const service = new Service(origin, key);
const DATA = new URL('../../examples/data/', import.meta.url);
const { XOR, XOR_TRAINING } = await import(new URL('../../src/dashboard/page/ui/xor.js', import.meta.url));
const NAMES = {
  table: 'penguins-in-a-picture',
  xor: 'xor-in-a-picture',
  adult: 'adult-in-a-picture',
  mass: 'body-mass-in-a-picture',
};
/** The plots of the docs, with the models that they are of. */
const PLOTS = {
  loss: 'table',
  confusion: 'table',
  importance: 'table',
  calibration: 'adult',
  roc: 'adult',
  residuals: 'mass',
};
/** So far is the walk of the x-ray: to the error that comes back to the hidden layer. */
const STEPS = 8;
const WINDOW = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

/** Trains on a table with the service's own settings. */
async function trainTable(name, file, target) {
  const reply = await service.ask(`/datasets?name=${name}`, 'POST', readFileSync(new URL(file, DATA)), 'text/csv');
  if (!reply.ok) throw new Error(await reply.text());
  await service.json('/models', 'POST', { name, dataset: name, target });
  const { id } = await service.json(`/models/${name}/train`, 'POST', {});
  await service.ended(id);
  return id;
}

/** Writes the plots of the docs, under the names that their models would have. */
async function writePlots() {
  mkdirSync(path.join(folder, 'plots'), { recursive: true });
  for (const [plot, of] of Object.entries(PLOTS)) {
    const reply = await service.ask(`/models/${NAMES[of]}/versions/1/plots/${plot}.svg`);
    const drawn = (await reply.text()).replaceAll('-in-a-picture', '');
    writeFileSync(path.join(folder, 'plots', `${plot}.svg`), drawn);
  }
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

/** A training's view, in a window of its own. */
async function jobPage(job, settings) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...settings });
  const page = await context.newPage();
  await page.addInitScript((secret) => secret && sessionStorage.setItem('epochd-key', secret), key);
  await page.goto(`${origin}/#/jobs/${job}`);
  await page.getByRole('heading', { name: 'Published version 1' }).waitFor();
  await page.locator('.chart canvas').waitFor();
  await page.getByLabel('Logarithmic scale').check();
  return page;
}

const browser = await launch();
try {
  const job = await trainTable(NAMES.table, 'penguins.csv', 'species');
  await trainTable(NAMES.mass, 'penguins.csv', 'body_mass_g');
  await trainTable(NAMES.adult, 'adult.csv.gz', 'income');
  await writePlots();
  await trainXor();
  const page = await jobPage(job, { viewport: WINDOW, colorScheme: 'light' });
  await picture(page, 'page.png', false);
  await picture(
    await jobPage(job, { viewport: PHONE, colorScheme: 'dark', deviceScaleFactor: 2 }),
    'page-phone.png',
    false,
  );
  await page.goto(`${origin}/#/models/${NAMES.xor}/xray`);
  await page.getByRole('heading', { name: 'The row' }).waitFor();
  for (let i = 0; i < STEPS; i += 1) await page.keyboard.press('ArrowRight');
  await picture(page, 'xray.png', true);
} finally {
  await browser.close();
  for (const name of Object.values(NAMES)) await service.clean(name);
}
