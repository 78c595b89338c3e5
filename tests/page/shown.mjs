// What the page shows of models beside their trainings: it is what the service says.

import { readFileSync } from 'node:fs';
import { eventually, must } from './browser.mjs';
import { table } from './service.mjs';

const { number } = await import(new URL('../../src/dashboard/page/format.js', import.meta.url));

/** A number is predicted, with the interval that the true one lies in. */
export async function interval(watched, service, name) {
  const { page } = watched;
  const own = `${name}-length`;
  await service.json('/models', 'POST', { name: own, dataset: name, target: 'length' });
  const { id } = await service.json(`/models/${own}/train`, 'POST', { epochs: 3 });
  await service.ended(id);
  await watched.go(`#/models/${own}/predict`);
  const predicted = async (level) => {
    await page.getByLabel('Certainty of interval or set').selectOption(level);
    const reply = page.waitForResponse((one) => one.url().includes(`/models/${own}/predict`));
    await page.getByRole('button', { name: 'Predict', exact: true }).click();
    return (await (await reply).json()).predictions[0];
  };
  for (const level of ['0.8', '0.95']) {
    const { value, lower, upper } = await predicted(level);
    must(lower < value && value < upper, `${value} does not lie between ${lower} and ${upper}`);
    const told = `In ${level * 100}% of cases the true value lies between ${number(lower)} and ${number(upper)}.`;
    await page.getByText(told).waitFor();
    must((await page.locator('.answer').textContent()) === number(value), `the page does not say ${number(value)}`);
  }
  await watched.inspect('an interval');
  await predicted('');
  await page.getByText('of cases the true').waitFor({ state: 'detached' });
}

/** A version that too few rows were held out for answers without an interval, and says why. */
export async function noInterval(watched, service, name) {
  const { page } = watched;
  await service.json(`/datasets?name=${name}`, 'POST', table(60), 'text/csv');
  await service.json('/models', 'POST', { name, dataset: name, target: 'kind', recipe: 'plain' });
  const { id } = await service.json(`/models/${name}/train`, 'POST', { epochs: 3, validation_split: 0 });
  await service.ended(id);
  await watched.go(`#/models/${name}/predict`);
  await watched.expecting([409], async () => {
    await page.getByRole('button', { name: 'Predict', exact: true }).click();
    await page.locator('.answer').waitFor();
  });
  await page.locator('.notice.bad').waitFor();
  must((await page.getByLabel('Certainty of interval or set').inputValue()) === '', 'an interval is still asked for');
}

/** A version gets a name of its own, and loses it; and what answers is said below its drawing. */
export async function aliases(watched, service, name) {
  const { page } = watched;
  const named = async () =>
    (await service.json(`/models/${name}/aliases`)).data.find(({ alias }) => alias === 'canary')?.version;
  await watched.go(`#/models/${name}`);
  const { active_version: version, layers } = await service.json(`/models/${name}`);
  const { members } = await service.json(`/models/${name}/versions/${version}/parameters`);
  const like = members.filter((one) => one.layers.length === layers.length - 1);
  const told = await page.getByText('answer together').textContent();
  must(told.startsWith(`${like.length} networks like this one answer together.`), `of what answers it says: ${told}`);
  must(told.includes('linear model') === members.length > like.length, `of a linear model it says: ${told}`);
  await page.getByLabel('Alias', { exact: true }).fill('canary');
  await page.getByLabel('names', { exact: true }).selectOption('1');
  await page.getByRole('button', { name: 'Set the alias' }).click();
  const row = page.getByRole('region', { name: 'Aliases' }).getByRole('row', { name: /canary/ });
  await row.waitFor();
  must((await named()) === 1, `the alias names version ${await named()}`);
  await watched.inspect('an alias');
  await page.getByRole('button', { name: 'Remove the alias canary' }).click();
  await row.waitFor({ state: 'detached' });
  await page.getByText('The alias canary was removed.').waitFor();
  must((await named()) === undefined, 'the alias is still there');
}

/** Asks for records of which one column is unlike the training, and sees that it is named. */
export async function drift(watched, service, name) {
  const { page } = watched;
  const records = table(601)
    .trim()
    .split('\n')
    .slice(1)
    .map((line, i) => ({ length: 9 + (i % 10) / 10, width: Number(line.split(',')[1]), colour: line.split(',')[2] }));
  await service.json(`/models/${name}/predict`, 'POST', { records });
  await watched.go(`#/models/${name}/drift`);
  const said = await service.json(`/models/${name}/drift`);
  const row = (column) => page.getByRole('row', { name: new RegExp(`^${column} `) });
  for (const [column, meaning] of [
    ['length', 'another population'],
    ['width', 'as in training'],
    ['colour', 'as in training'],
  ]) {
    const index = said.columns.find((one) => one.column === column).population_stability;
    const text = await row(column).textContent();
    must(text.includes(meaning) && text.includes(number(index)), `${column} is said to be: ${text}`);
  }
  const moved = await page.getByText('Unlike the training').textContent();
  must(moved.includes('length') && !moved.includes('width'), `it says: ${moved}`);
  await row('length').getByText('Bins').click();
  await row('length').locator('.bars-row').first().waitFor();
  const bins = await row('length').locator('.bars-row').allTextContents();
  must(bins.length > 5 && bins.at(-1).includes('→'), `the bins are ${bins.join('; ')}`);
  await watched.inspect('a column that has moved');
}

/** A view that is left before it is there never takes the place of the next one, also where what it waits for is not given up. */
export async function leftBehind(watched) {
  const { page } = watched;
  const empty = { json: { data: [], next_cursor: null, loading: [] } };
  await page.route(/\/datasets(\?|$)/, (route) => route.fulfill(empty));
  await page.route(/\/models\?/, async (route) => {
    await page.waitForTimeout(600);
    await route.fulfill(empty);
  });
  await page.evaluate(() => {
    const { fetch } = globalThis;
    globalThis.fetch = (path, options) => fetch(path, { ...options, signal: undefined });
  });
  await watched.go('#/models');
  must((await page.getByRole('heading', { level: 1 }).textContent()) === 'Models', 'a slow view is not shown');
  await watched.go('#/datasets');
  await page.evaluate(() => {
    location.hash = '#/models';
  });
  await page.waitForTimeout(50);
  await watched.go('#/datasets');
  await page.waitForTimeout(800);
  must((await page.getByRole('heading', { level: 1 }).textContent()) === 'Data', 'the view that was left has come back');
}

/** Further pages of the trainings stay while one runs. */
export async function furtherTrainings(watched) {
  const { page } = watched;
  const job = (i) => ({ id: `job-${i}`, model_id: 'none', state: 'running', epoch: 1, epochs: 2, progress: 0.5, loss: 1 });
  await page.route(/\/jobs\?/, (route) => {
    const further = route.request().url().includes('cursor=');
    const data = Array.from({ length: 50 }, (_, i) => job(further ? i + 50 : i));
    return route.fulfill({ json: { data, next_cursor: further ? null : 'next' } });
  });
  await watched.go('#/jobs');
  await page.getByRole('button', { name: 'Show more' }).click();
  const rows = page.locator('main tbody tr');
  await eventually(async () => (await rows.count()) === 100, 'the further page');
  await page.evaluate(() => document.activeElement.blur());
  await page.waitForTimeout(4000);
  must((await rows.count()) === 100, 'the further page is gone again');
}

/** A training whose model was deleted: it is shown without ways to what is gone, and can be deleted itself. */
export async function orphan(watched, service, name) {
  const { page } = watched;
  const [job] = (await service.json(`/jobs?model=${name}`)).data;
  must((await service.ask(`/models/${name}`, 'DELETE')).ok, 'the model cannot be deleted');
  await watched.expecting([404], async () => {
    await watched.go(`#/jobs/${job.id}`);
    await page.getByRole('heading', { name: `Published version ${job.version}` }).waitFor();
  });
  for (const way of ['Try a prediction', 'See the version', 'To the model'])
    must((await page.getByRole('link', { name: way }).count()) === 0, `${way}: the model is gone`);
  await watched.inspect('a training whose model is gone');
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await page.getByText('The training was deleted.').waitFor();
  must((await service.ask(`/jobs/${job.id}`)).status === 404, 'the training is still there');
}

/** The pictures of a version: in the page's colours, and saved as they are. */
export async function plots(watched, service, name) {
  const { page } = watched;
  await watched.go(`#/models/${name}/versions/1`);
  const panel = page.locator('section.panel', { has: page.getByRole('heading', { name: 'Calibration' }) });
  const ground = () => panel.locator('.plot rect').first().getAttribute('fill');
  must((await ground()) === '#FFFFFF', `the ground is ${await ground()}`);
  const download = page.waitForEvent('download');
  await panel.getByRole('button', { name: 'Save as SVG' }).click();
  const file = await download;
  must(file.suggestedFilename() === `${name}-1-calibration.svg`, file.suggestedFilename());
  const saved = readFileSync(await file.path(), 'utf8');
  const reply = await service.ask(`/models/${name}/versions/1/plots/calibration.svg`);
  const told = (text) => /<desc>([^<]*)<\/desc>/.exec(text)?.[1];
  must(told(saved) && told(saved) === told(await reply.text()), 'what is saved is not what the service draws');
  await page.emulateMedia({ colorScheme: 'dark' });
  await eventually(async () => (await ground()) === '#181F1C', 'a dark picture');
}

/** The documents beside the page: they stand in its frame, and their lines for a shell ask this service. */
export async function reference(watched) {
  const { page } = watched;
  await page.getByRole('link', { name: 'API', exact: true }).click();
  await page.waitForURL('**/docs');
  const shell = page.locator('pre > code.shell');
  const lines = await shell.allTextContents();
  must(lines.length > 50, `${lines.length} lines for a shell`);
  const others = lines.filter((line) => line.includes(':8080') && !watched.origin.endsWith(':8080'));
  must(others.length === 0, `asks another service: ${others[0]}`);
  must(lines[0].includes(`${watched.origin}/models`), `the first lines are ${lines[0]}`);
  const buttons = page.locator('figure button');
  must((await buttons.count()) === lines.length, `${await buttons.count()} buttons for ${lines.length} lines`);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await buttons.first().click();
  must((await page.evaluate(() => navigator.clipboard.readText())) === lines[0], 'something else is copied');
  await page.getByLabel('Search').fill('drift');
  const found = await page.getByRole('status').textContent();
  const shown = await page.locator('article:not([hidden])').count();
  must(parseInt(found, 10) === shown && shown > 0 && shown < 50, `${shown} are shown, it says ${found}`);
}
