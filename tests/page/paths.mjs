// What people do with the page, from its first view to a prediction and beyond.

import { readFile } from 'node:fs/promises';
import { eventually, must } from './browser.mjs';
import { Keyboard } from './hands.mjs';
import { table } from './service.mjs';

const { duration } = await import(new URL('../../src/dashboard/page/format.js', import.meta.url));

const ROWS = 4000;

/** The file that the tests upload. */
export const file = (name, rows = ROWS) => ({
  name: `${name}.csv`,
  mimeType: 'text/csv',
  buffer: Buffer.from(table(rows)),
});

const jobId = (page) => page.url().split('#/jobs/')[1]?.split('?')[0];

/** Waits for the view of a job, and gives the job's id. */
async function jobView(watched) {
  await watched.page.waitForURL(/#\/jobs\/[0-9a-f-]{36}/);
  await watched.settled();
  return jobId(watched.page);
}

/** Sees the picture of the curve change while the job runs. */
async function curveMoves(watched, service, id) {
  const picture = () => watched.page.evaluate(() => document.querySelector('.chart canvas')?.toDataURL() ?? null);
  const pictures = new Set();
  await eventually(async () => {
    const { state } = await service.json(`/jobs/${id}`);
    must(
      ['queued', 'running'].includes(state),
      `the job is ${state} after ${pictures.size} pictures: it ran too short to be watched`,
    );
    const one = await picture();
    if (one) pictures.add(one);
    return pictures.size >= 3;
  }, 'a curve that moves');
}

/** Uploads a table by its file, trains on it, and sees the curve move. */
export async function uploadAndTrain(watched, service, name) {
  const { page } = watched;
  await watched.go('#/datasets');
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a file' }).click();
  await (await chooser).setFiles(file(name));
  must((await page.getByLabel('Name of the data set').inputValue()) === name, 'the name is not that of the file');
  await page.getByRole('button', { name: 'Store it' }).click();
  await page.waitForURL(`**/#/datasets/${name}`);
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  const stored = await service.json(`/datasets/${name}`);
  must(stored.rows === ROWS, `${stored.rows} rows were stored`);
  await watched.inspect('a data set');
  await page.getByLabel('Column to predict').selectOption('kind');
  await page.getByLabel('Name of the model').fill(name);
  await page.getByLabel('Epochs, at most').fill('3000');
  await page.getByText('More settings').click();
  await page.getByLabel('Learning rate').fill('0.00001');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  const id = await jobView(watched);
  await curveMoves(watched, service, id);
  const room = await page.evaluate(
    () => document.querySelector('.chart').clientWidth - document.querySelector('.chart .uplot').clientWidth,
  );
  must(Math.abs(room) <= 1, `the curve leaves ${room} pixels empty`);
  await watched.inspect('a training that runs');
  await page.getByRole('button', { name: 'Stop and keep' }).click();
  await page.getByRole('heading', { name: 'Published version 1' }).waitFor({ timeout: 60000 });
  must((await service.ended(id)).version === 1, 'the training that was stopped has published no version');
  await page.getByLabel('Logarithmic scale').check();
  await watched.inspect('a training that has ended');
}

/** Fills in the form of a model, and compares the answer with the service's own. */
export async function predict(watched, service, name) {
  const { page } = watched;
  await watched.go(`#/models/${name}/predict`);
  await page.getByLabel('length', { exact: true }).fill('99');
  await page.getByRole('button', { name: 'Predict', exact: true }).click();
  const shown = await page.locator('.answer').textContent();
  const record = {
    length: 99,
    width: Number(await page.getByLabel('width', { exact: true }).inputValue()),
    colour: await page.getByLabel('colour', { exact: true }).inputValue(),
  };
  const reply = await service.json(`/models/${name}/predict`, 'POST', { records: record });
  must(shown === reply.predictions[0].label, `the page says ${shown}, the service ${reply.predictions[0].label}`);
  const sure = await service.json(`/models/${name}/predict?interval=0.9`, 'POST', { records: record });
  const set = sure.predictions[0].label_set;
  const certainty = `In 90% of cases the true class is among these: ${set.join(', ')}.`;
  must(await page.getByText(certainty).isVisible(), `nothing says: ${certainty}`);
  must(
    await page.getByText('lies above everything that training saw').isVisible(),
    'there is no flag of what training never saw',
  );
  const line = await page.getByRole('region', { name: 'Command that asks the same' }).textContent();
  must(line.includes(`/models/${name}/predict`) && line.includes('"length":99'), `the line for a shell is ${line}`);
  must(!service.key || !line.includes(service.key), 'the line for a shell shows the key');
  await page.getByText('Why this answer?').click();
  const brought = page.locator('.bars-row', { has: page.locator('.diverging') });
  await brought.first().waitFor();
  const explained = await service.json(`/models/${name}/predict?explain=true&top=8`, 'POST', { records: record });
  const [first] = explained.predictions[0].explanation.features;
  const told = await brought.first().textContent();
  must(
    told.startsWith(`${first.column} = `),
    `the explanation begins with ${told}, the service's with ${first.column}`,
  );
  await page.getByText('I know what really happened').click();
  await page.getByRole('button', { name: 'Tell the service' }).click();
  await eventually(
    async () => (await service.json(`/models/${name}/feedback`)).data[0]?.rows === 1,
    'an outcome that counts',
  );
  await watched.inspect('a prediction');
}

/** Predicts for the rows of a file, and saves what the service answers. */
export async function predictFile(watched, service, name) {
  const { page } = watched;
  await watched.go(`#/models/${name}/predict`);
  const rows = file(name, 50);
  const wider = { ...rows, buffer: Buffer.from(String(rows.buffer).replace(/^.*$/gm, '$&,9').replace(',9', ',other').replace(/,9$/, '')) };
  await page.getByLabel('A file of records').setInputFiles(wider);
  const button = page.getByRole('button', { name: 'Predict all rows' });
  await watched.expecting([422], () => button.click().then(() => page.getByText('other').first().waitFor()));
  await page.getByLabel('Pass over columns that the model does not know').check();
  await page.getByLabel('Columns to repeat beside the answers').fill('other');
  await button.click();
  const link = page.getByRole('link', { name: `Save ${name}-predictions.csv` });
  await link.waitFor();
  const saving = page.waitForEvent('download');
  await link.click();
  const saved = await readFile(await (await saving).path(), 'utf8');
  const parameters = '?flags=true&passthrough=other&unknown=ignore';
  const address = `/models/${name}/predict${parameters}`;
  const own = await service.ask(address, 'POST', wider.buffer, 'text/csv', service.key, { Accept: 'text/csv' });
  must(saved === (await own.text()), `what is saved begins with ${saved.slice(0, 200)}`);
  const shown = await page.getByRole('region', { name: 'The first answers' }).textContent();
  must(shown === saved.split('\n').slice(0, 6).join('\n'), `the page shows ${shown}`);
  const line = await page.getByRole('region', { name: 'Command that predicts the file' }).textContent();
  must(line.includes(parameters) && line.includes(`@${name}.csv`), `the line for a shell is ${line}`);
  await watched.inspect('predictions for a file');
  return `${saved.split('\n').length - 2} rows`;
}

/** Makes a second version by the form, lays both beside each other, lets the second serve, and then the first again. */
export async function compareAndActivate(watched, service, name, hand) {
  const { page } = watched;
  const serving = async () => (await service.json(`/models/${name}`)).active_version;
  await watched.go(`#/models/${name}`);
  await hand.press(page.getByRole('link', { name: 'Train', exact: true }));
  await hand.fill(page.getByLabel('Epochs, at most'), '3');
  await hand.choose(page.getByLabel('Serve the new version'), 'never');
  await hand.press(page.getByRole('button', { name: 'Train', exact: true }));
  const job = await service.ended(await jobView(watched));
  must(job.version === 2, `the second training has published version ${job.version}`);
  await hand.press(page.getByRole('link', { name: 'To the model' }));
  await hand.press(page.getByRole('button', { name: 'Compare', exact: true }));
  await page.waitForURL('**/compare?a=1&b=2');
  await hand.press(page.getByRole('button', { name: 'Measure both' }));
  const measured = page.getByRole('region', { name: 'Measures on this data set' });
  await measured.waitFor({ timeout: 30000 });
  const accuracy = await measured.getByRole('row', { name: /^Accuracy/ }).textContent();
  must(/percentage points|equal/.test(accuracy), `the difference of accuracies is told as ${accuracy}`);
  await watched.inspect('a comparison');
  must((await serving()) === 1, 'the second version serves too early');
  await hand.press(page.getByRole('button', { name: 'Activate version 2' }));
  await page.getByText('Version 2 serves now.').waitFor();
  must((await serving()) === 2, 'the second version does not serve');
  await hand.press(page.getByRole('button', { name: 'Roll back to version 1' }));
  await eventually(async () => (await serving()) === 1, 'the first version to serve again');
  await watched.go(`#/jobs/${job.id}`);
  const before = await page.locator('.legend li').count();
  await hand.press(page.getByText('Lay other trainings'));
  await hand.press(page.getByLabel('version 1', { exact: true }));
  await eventually(async () => (await page.locator('.legend li').count()) > before, 'the curve of the other training');
  // The first training is asked for where it is not among the newest.
  const { job_id: first } = await service.json(`/models/${name}/versions/1`);
  await page.route(/\/jobs\?model=/, (route) => route.fulfill({ json: { data: [job], next_cursor: 'older' } }));
  await watched.go(`#/jobs/${job.id}?with=${first}`);
  await eventually(async () => (await page.locator('.legend li').count()) > before, 'the curve of an old training');
}

/** Sees how long a training will take, as the service reckons it. */
async function timeLeft({ page }, id) {
  await eventually(async () => {
    const reply = await page.waitForResponse((one) => one.url().endsWith(`/jobs/${id}`));
    const { eta_seconds: eta } = await reply.json();
    await page.waitForTimeout(100);
    const shown = await page.getByRole('region', { name: 'State of the training' }).textContent();
    return eta !== null && shown.includes(`Time leftabout ${duration(eta)}`);
  }, 'the time that is left');
}

/** Ends a training that runs; its version is not published. */
export async function cancel(watched, service, name, hand) {
  const { page } = watched;
  const { id } = await service.json(`/models/${name}/train`, 'POST', {
    epochs: 100000,
    learning_rate: 1e-6,
    early_stopping: null,
  });
  try {
    await watched.go(`#/jobs/${id}`);
    await timeLeft(watched, id);
    await hand.press(page.getByRole('button', { name: 'Cancel', exact: true }));
    must(
      ['queued', 'running'].includes((await service.json(`/jobs/${id}`)).state),
      'it was cancelled before it was confirmed',
    );
    await watched.inspect('a question');
    await hand.press(page.getByRole('button', { name: 'Cancel it' }));
    await page.getByRole('heading', { name: 'Cancelled' }).waitFor({ timeout: 30000 });
    const { state, version } = await service.ended(id);
    must(state === 'cancelled' && version === null, `it ended as ${state} with version ${version}`);
  } finally {
    // Where this has failed, the training is not to go on beside the other tests.
    await service.ask(`/jobs/${id}/cancel`, 'POST');
  }
}

/** Sees the service's own words where it refuses something. */
export async function errors(watched, name, hand) {
  const { page } = watched;
  await watched.expecting([404], async () => {
    await watched.go('#/models/there-is-no-such-model');
    await page.getByText('There is no such model').waitFor();
  });
  await watched.inspect('what cannot be shown');
  await watched.go(`#/datasets/${name}`);
  await hand.fill(page.getByLabel('Name of the model'), name);
  const refusal = page.waitForResponse((reply) => reply.status() === 409);
  await watched.expecting([409], async () => {
    await hand.press(page.getByRole('button', { name: 'Train', exact: true }));
    await page.getByRole('alert').waitFor();
  });
  const told = await page.getByRole('alert').textContent();
  const { title, detail, remedy } = await (await refusal).json();
  must(remedy && [title, detail, remedy].every((words) => told.includes(words)), `the error says ${told}`);
  must(told.includes(name), `the error does not say which name: ${told}`);
  await watched.inspect('an error in a form');
}

/** The whole way with the keyboard alone: a file, a training, a prediction. */
export async function byKeyboard(watched, service, name) {
  const { page } = watched;
  const { keyboard } = page;
  const hand = new Keyboard(watched);
  const link = (text) => page.getByRole('link', { name: text, exact: true });
  const button = (text) => page.getByRole('button', { name: text, exact: true });
  await watched.go('#/');
  await page.evaluate(() => document.activeElement.blur());
  await hand.press(link('Skip to the content'));
  must(await page.evaluate(() => document.activeElement.id === 'main'), 'the link to the content does not lead there');
  await watched.tabTo(link('Data'), 'Shift+Tab');
  await keyboard.press('Enter');
  await page.waitForURL('**/#/datasets');
  await page.getByRole('heading', { name: 'Data', level: 1 }).waitFor();
  const chooser = page.waitForEvent('filechooser');
  await hand.press(button('Choose a file'));
  await (await chooser).setFiles(file(name, 600));
  await hand.press(button('Store it'));
  await page.waitForURL(`**/#/datasets/${name}`);
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  await hand.fill(page.getByLabel('Name of the model'), name);
  await hand.fill(page.getByLabel('Epochs, at most'), '3');
  await hand.press(button('Train'));
  await service.ended(await jobView(watched));
  await page.getByRole('heading', { name: 'Published version 1' }).waitFor();
  await hand.press(link('Try a prediction'));
  await hand.press(button('Predict'));
  const answer = await page.locator('.answer').textContent();
  must(['long', 'short'].includes(answer), `the answer is ${answer}`);
  await watched.go(`#/models/${name}`);
  const drop = button(`Delete the model ${name}`);
  await hand.press(drop);
  await page.getByRole('dialog').waitFor();
  for (let i = 0; i < 6; i += 1) {
    await keyboard.press('Tab');
    must(
      await page.evaluate(
        () =>
          document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement),
      ),
      'the focus leaves an open dialog',
    );
  }
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  must(await drop.evaluate((one) => one === document.activeElement), 'the focus does not come back from a dialog');
  must((await service.ask(`/models/${name}`)).ok, 'Escape has deleted the model');
}

/** A key is made, shown once, works, and is revoked. */
export async function keys(watched, service, name, hand) {
  const { page } = watched;
  await watched.go('#/keys');
  await hand.fill(page.getByLabel('Name', { exact: true }), name);
  await hand.press(page.getByRole('button', { name: 'Make the key' }));
  const secret = await page.getByRole('region', { name: 'Secret of the key' }).textContent();
  const asked = () => service.ask('/models?limit=1', 'GET', undefined, undefined, secret);
  must((await asked()).status === 200, 'the new key does not work');
  await watched.inspect('the secret of a key');
  await hand.press(page.getByRole('button', { name: 'I have it' }));
  const revoke = page.getByRole('button', { name: `Revoke the key ${name}`, exact: true });
  await revoke.waitFor();
  must(!(await page.content()).includes(secret), 'the secret is still on the page');
  await watched.inspect('the keys');
  await hand.press(revoke);
  await hand.press(page.getByRole('button', { name: 'Revoke it' }));
  await eventually(async () => (await asked()).status === 401, 'the key to be refused');
}

/** Makes a network by its layers, trains it on rows that are typed, and mends one that is wrong. */
export async function trainOnRows(watched, service, name) {
  const { page } = watched;
  await service.json('/models', 'POST', { name, layers: [1, 1] });
  await watched.go(`#/models/${name}/train`);
  const rows = page.getByLabel('Rows', { exact: true });
  await rows.fill('0, 1\n1, 3\n2');
  await page.getByLabel('Epochs', { exact: true }).fill('50');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByText('Line 3 has 1 number: a row has 1 input and 1 target.').waitFor();
  await watched.inspect('rows with a fault');
  await rows.fill('0, 1\n1, 3\n2, 5');
  await page.getByLabel('One step an epoch').check();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  const job = await service.ended(await jobView(watched));
  must(job.rows === 3 && job.epochs === 50 && job.config.batch_size === 'full', JSON.stringify(job.config));
  await watched.go(`#/models/${name}/versions/1`);
  const residuals = page.locator('.plot svg');
  must((await residuals.locator('circle').count()) === 3, 'the three rows are not among the residuals');
  must((await residuals.locator('title').textContent()).startsWith(`${name}, version 1: residuals`), 'no title');
}
