// The walk through backpropagation: what it shows is what the service computes.

import { eventually, must } from './browser.mjs';

const { number } = await import(new URL('../../src/dashboard/page/format.js', import.meta.url));

const MODEL = {
  layers: [2, 2, 1],
  activation: 'sigmoid',
  output_activation: 'sigmoid',
  loss: 'mse',
  initializer: 'normal',
  seed: 7,
};
const ROW = { inputs: [[0, 1]], targets: [[1]] };

/** The body of a line for a shell. */
const bodyOf = (line) => JSON.parse(/--json '(.*)'$/s.exec(line)[1]);

/** Makes the model, and trains it by the line that its view shows while it is not trained. */
async function teach(watched, service, name) {
  const { page } = watched;
  await service.json('/models', 'POST', { name, ...MODEL });
  await watched.go(`#/models/${name}/xray`);
  await page.getByRole('heading', { name: 'It has not been trained' }).waitFor();
  await watched.inspect('an x-ray of nothing');
  const line = await page.getByRole('region', { name: 'Command that trains XOR' }).textContent();
  must(line.includes(`/models/${name}/train`), `the line is ${line}`);
  const body = bodyOf(line);
  must(body.epochs === 10000 && body.learning_rate === 0.2 && body.batch_size === 'full', `the line is ${line}`);
  const { id } = await service.json(`/models/${name}/train`, 'POST', body);
  must((await service.ended(id)).version === 1, 'XOR was not learned');
  await watched.go(`#/jobs/${id}`);
  await page.getByRole('link', { name: 'X-ray' }).waitFor();
}

/** What has to stand in the table and in the drawing at each step, by the service's own numbers. */
function expected({ inputs, targets, outputs, loss, layers }) {
  const [hidden, output] = layers;
  const texts = (values, sign) => values.map((value) => `${sign} = ${number(value)}`);
  const flat = (matrix) => matrix.flat().map(number);
  return [
    { title: 'The row', cells: [...inputs, ...targets], drawn: texts(inputs, 'x') },
    { title: 'Hidden layer: z', cells: hidden.z, drawn: [...texts(hidden.z, 'z'), ...flat(hidden.weights)] },
    { title: 'Hidden layer: a', cells: [0, 1].flatMap((i) => [hidden.z[i], hidden.a[i]]), drawn: texts(hidden.a, 'a') },
    { title: 'Output layer: z', cells: output.z, drawn: [...texts(output.biases, 'b'), ...flat(output.weights)] },
    { title: 'Output layer: a', cells: [output.z[0], output.a[0]], drawn: texts(output.a, 'a') },
    { title: 'Loss', cells: [outputs[0], targets[0], outputs[0] - targets[0]], drawn: [`L = ${number(loss)}`] },
    {
      title: 'Output layer: δ',
      cells: [2 * (outputs[0] - targets[0]), outputs[0] * (1 - outputs[0]), output.delta[0]],
      drawn: texts(output.delta, 'δ'),
    },
    {
      title: 'Output layer: gradients',
      cells: [
        ...[0, 1].flatMap((i) => [hidden.a[i], output.delta[0], output.weight_gradients[i][0]]),
        ...[1, output.delta[0], output.bias_gradients[0]],
      ],
      drawn: flat(output.weight_gradients),
    },
    {
      title: 'Hidden layer: δ',
      cells: [0, 1].flatMap((i) => [hidden.upstream[i], hidden.derivative[i], hidden.delta[i]]),
      drawn: [...texts(hidden.delta, 'δ'), ...flat(output.weights)],
    },
    {
      title: 'Hidden layer: gradients',
      cells: [0, 1].flatMap((unit) => [
        ...[0, 1].flatMap((i) => [inputs[i], hidden.delta[unit], hidden.weight_gradients[i][unit]]),
        ...[1, hidden.delta[unit], hidden.bias_gradients[unit]],
      ]),
      drawn: [...flat(hidden.weight_gradients), ...texts(hidden.bias_gradients, '∂b')],
    },
  ];
}

const shown = (page) =>
  page.evaluate(() => ({
    title: document.querySelector('.walk h2').textContent,
    said: document.querySelector('.walk [role=status]').textContent,
    cells: [...document.querySelectorAll('.walk td.number')].map((cell) => cell.textContent),
    drawn: [...document.querySelectorAll('.wide .xray text')].map((text) => text.textContent),
  }));

/** Walks all steps by the keyboard, and holds each to the trace and the page to its rules. */
async function walkAll(watched, trace) {
  const { page } = watched;
  const steps = expected(trace);
  for (const [i, step] of steps.entries()) {
    const now = await shown(page);
    const cells = step.cells.map(number);
    must(now.title === step.title, `step ${i + 1} is “${now.title}”, not “${step.title}”`);
    must(now.said.startsWith(`Step ${i + 1} of ${steps.length + 1}, `), `it says “${now.said}”`);
    must(now.cells.join() === cells.join(), `${step.title}: ${now.cells.join(', ')} instead of ${cells.join(', ')}`);
    const missing = step.drawn.filter((text) => !now.drawn.includes(text));
    must(missing.length === 0, `${step.title}: the drawing lacks ${missing.join(', ')}`);
    await watched.inspect(step.title);
    await page.keyboard.press('ArrowRight');
  }
  const last = await shown(page);
  must(last.title === 'The step', `the last step is “${last.title}”`);
  await watched.inspect(last.title);
  await page.keyboard.press('ArrowRight');
  must((await shown(page)).title === 'The step', 'there is a step after the last');
  return steps.length + 1;
}

/** The last step with another learning rate. */
async function rate({ page }, trace) {
  await page.getByLabel('Learning rate').fill('10');
  const { cells } = await shown(page);
  const { biases, bias_gradients: gradients } = trace.layers[1];
  const wanted = biases[0] - 10 * gradients[0];
  must(Math.abs(Number(cells.at(-1)) - wanted) < 1e-5, `the last bias is ${cells.at(-1)}, not ${wanted}`);
  await page.keyboard.press('ArrowLeft');
  must((await shown(page)).title === 'The step', 'an arrow key in a field walks');
}

/** Makes and trains XOR, and walks through it in light, in dark, and by itself. */
export async function xray(watched, service, name) {
  const { page } = watched;
  await teach(watched, service, name);
  await watched.go(`#/models/${name}`);
  await page.getByRole('link', { name: 'X-ray of its backpropagation' }).click();
  await page.getByRole('heading', { name: 'The row' }).waitFor();
  const trace = await service.json(`/models/${name}/trace`, 'POST', ROW);
  let steps = 0;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.getByRole('button', { name: 'First step' }).click({ force: true });
    steps = await walkAll(watched, trace);
  }
  await rate(watched, trace);
  await page.getByRole('button', { name: 'Play' }).click();
  must((await shown(page)).title === 'The row', 'it does not play from the beginning');
  await eventually(async () => (await shown(page)).title === 'Hidden layer: z', 'a step that comes by itself', 5000);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Last step' }).click();
  await page.getByRole('button', { name: 'Previous step' }).click();
  must((await shown(page)).title === 'Hidden layer: gradients', 'a step back does not lead back');
  const check = await page.locator('.facts').last().textContent();
  must(
    check.includes(number(trace.check.largest_difference)) && check.includes(number(trace.check.largest_gradient)),
    `the check says ${check}`,
  );
  await page.getByLabel('Inputs').fill('1');
  await watched.expecting([422], () => page.getByRole('button', { name: 'Trace this row' }).click());
  must((await page.getByRole('alert').textContent()).includes('the model takes 2'), 'the refusal is not told');
  await watched.inspect('a row that does not fit');
  return `${steps} steps`;
}

/** The same steps in a narrow window, and a network of which a part is drawn. */
export async function narrow(watched, service, name) {
  const { page } = watched;
  await service.json('/models', 'POST', { name, layers: [30, 40, 3], loss: 'cross_entropy' });
  const { id } = await service.json(`/models/${name}/train`, 'POST', {
    inputs: [0, 1, 2].map((i) => new Array(30).fill(i)),
    targets: [0, 1, 2],
    epochs: 2,
  });
  await service.ended(id);
  await watched.go(`#/models/${name}/xray`);
  await page.getByText('the first 24 units').waitFor();
  const circles = await page.locator('.wide .xray circle').count();
  must(circles === 24 + 24 + 3, `${circles} units are drawn`);
  for (let i = 0; i < 11; i += 1) {
    await watched.inspect((await shown(page)).title);
    await page.getByRole('button', { name: 'Next step' }).click({ force: true });
  }
  must((await page.getByText('more are not shown').count()) === 1, 'nothing says that there are more parameters');
}
