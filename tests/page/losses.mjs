// What a model of numbers answers: its loss is chosen in the form, and shown of what was trained with it.

import { must } from './browser.mjs';

const LOSS = 'What is answered (loss)';

/** Rows of x from 0 to 2, of y = 3x + noise that may be below 0 and grows with x, of a count, and of a word. */
function spread(rows) {
  const lines = ['x,y,visits,word'];
  for (let i = 0; i < rows; i += 1) {
    const x = (2 * i) / rows;
    const noise = Math.sin(i * 12.9898) + Math.sin(i * 78.233);
    const y = 3 * x + (0.5 + x) * noise;
    lines.push(`${x.toFixed(4)},${y.toFixed(4)},${(i * 7) % 23},${['a', 'b', 'c'][i % 3]}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Sees for which targets, tasks and recipes there is a choice of losses, and of which. */
async function offered({ page }) {
  const loss = page.getByLabel(LOSS);
  const choose = (label, value) => page.getByLabel(label, { exact: true }).selectOption(value);
  const sees = async (wanted, words) => must((await loss.isVisible()) === wanted, `${words}: the loss`);
  await choose('Column to predict', 'word');
  await sees(false, 'classes');
  await choose('Column to predict', 'y');
  await sees(true, 'numbers');
  await choose('Task', 'classification');
  await sees(false, 'numbers that are classes');
  await choose('Task', 'regression');
  await sees(true, 'numbers by their task');
  await choose('Recipe', 'best');
  await sees(false, 'the recipe best');
  await choose('Recipe', '');
  const counts = loss.locator('[value=poisson]');
  must(await counts.isDisabled(), 'numbers below 0 are offered to be counts');
  await choose('Column to predict', 'visits');
  await choose(LOSS, 'poisson');
  await page.getByText('visits, defects, claims').waitFor();
  await choose('Column to predict', 'y');
  must((await loss.inputValue()) === 'mse', 'numbers below 0 are counts');
}

/** What the form asks for when the model is made; the service never hears of it. */
async function asked(watched) {
  const { page } = watched;
  const taken = { status: 409, json: { title: 'Taken', detail: 'taken', errors: [] } };
  await page.route('**/models', (route) => route.fulfill(taken), { times: 1 });
  const request = page.waitForRequest((one) => one.method() === 'POST' && one.url().endsWith('/models'));
  await watched.expecting([409], () => page.getByRole('button', { name: 'Train', exact: true }).click());
  return (await request).postDataJSON();
}

/** Chooses a quantile, is told at its field where it cannot be, and trains on one that can. */
export async function quantile(watched, service, name) {
  const { page } = watched;
  await service.json(`/datasets?name=${name}`, 'POST', spread(900), 'text/csv');
  await watched.go(`#/datasets/${name}`);
  const train = page.getByRole('button', { name: 'Train', exact: true });
  const field = page.getByLabel('Quantile', { exact: true });
  await page.getByText('More settings').click();
  await offered(watched);
  await page.getByLabel('Name of the model').fill(name);
  const silent = await asked(watched);
  must(!('loss' in silent) && !('quantile' in silent), `the form asks for ${JSON.stringify(silent)}`);
  must(!(await field.isVisible()), 'a quantile is asked for without its loss');
  await page.getByLabel(LOSS).selectOption('quantile');
  await page.getByText('A value that the given share of outcomes stays below').waitFor();
  const median = await asked(watched);
  must(median.loss === 'quantile' && !('quantile' in median), `the form asks for ${JSON.stringify(median)}`);
  await field.fill('1');
  await page.getByText('More settings').click();
  await watched.expecting([422], async () => {
    await train.click();
    await page.getByRole('alert').waitFor();
  });
  const told = await field.evaluate((one) =>
    one
      .getAttribute('aria-describedby')
      .split(' ')
      .map((id) => document.getElementById(id).textContent),
  );
  must(told[0] === 'a quantile lies between 0 and 1', `at the field stands: ${told.join(' ')}`);
  must(await field.isVisible(), 'what is wrong is folded away');
  await watched.inspect('a quantile that cannot be');
  await field.fill('0.9');
  must((await field.getAttribute('aria-invalid')) === null, 'what was changed is still said to be wrong');
  await page.getByLabel('Epochs, at most').fill('4');
  await train.click();
  await page.waitForURL(/#\/jobs\/[0-9a-f-]{36}/);
  await page.getByRole('heading', { name: 'Published version 1' }).waitFor({ timeout: 60000 });
  const model = await service.json(`/models/${name}`);
  must(model.loss === 'quantile' && model.quantile === 0.9, `the model has the loss ${model.loss}, ${model.quantile}`);
  const job = `#${page.url().split('#')[1]}`;
  const fact = (of) => page.locator('.facts > div', { has: page.getByText(of, { exact: true }) }).textContent();
  for (const view of [job, `#/models/${name}/versions/1`, `#/models/${name}`]) {
    await watched.go(view);
    must((await fact('Loss')) === 'Lossquantile, 0.9 of outcomes below', `${view}: ${await fact('Loss')}`);
    await watched.inspect(view);
  }
  await watched.go(`#/models/${name}/versions/1`);
  must((await fact('Recipe')) === 'Recipestandard', `a version says ${await fact('Recipe')}`);
  await page.getByText('off the middle of the outcomes on purpose').waitFor();
  await watched.go(`#/models/${name}/predict`);
  await page.getByText('Predicts y (a value that 0.9 of outcomes stay below) from 3 columns.').waitFor();
}

/** The candidates of a training, with what each has brought. */
export async function candidates(watched, service, name) {
  const { page } = watched;
  const [{ id }] = (await service.json(`/jobs?model=${name}`)).data;
  const one = { hidden_layers: [8], dropout: 0, learning_rate: 0.1, weight_decay: 0, wave_deviation: null, seed: 1 };
  const tried = [
    { ...one, candidate: 1, epochs: 3, validation_loss: 0.5, loss_together: 0.5, weight: 0.5 },
    { ...one, candidate: 2, epochs: 3, validation_loss: 0.6, loss_together: 0.4321, weight: 0.5 },
    { ...one, candidate: 3, epochs: null, validation_loss: null, weight: 0 },
  ];
  await page.route(`**/jobs/${id}`, async (route) => {
    const reply = await route.fetch();
    await route.fulfill({ json: { ...(await reply.json()), candidates: tried } });
  });
  await watched.go(`#/jobs/${id}`);
  const table = page.getByRole('region', { name: 'Candidates' });
  const head = table.getByRole('columnheader', { name: 'Loss together' });
  must((await head.getAttribute('title')).includes('once this candidate was done'), 'nothing says what the column is');
  const heads = await table.getByRole('columnheader').allTextContents();
  const rows = await table.locator('tbody tr').all();
  const cells = await Promise.all(
    rows.map((row) => row.locator('th, td').nth(heads.indexOf('Loss together')).textContent()),
  );
  must(cells.join(';') === '0.5;0.4321;', `the losses together are ${cells.join(';')}`);
  await watched.inspect('candidates');
}
