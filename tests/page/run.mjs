// Tests of the page in a browser: `node run.mjs http://127.0.0.1:8080`, against a running service that serves it.
// `EPOCHD_KEY` is the key of an admin, for a service that has keys; `CHROMIUM` the browser, if it is not on the path.
// A second argument runs those tests alone whose names have these words in them. What a run makes has names that begin with its own prefix, and is taken away at the end.

import { assets } from './assets.mjs';
import { eventually, launch, must, Watched } from './browser.mjs';
import * as files from './files.mjs';
import { Finger, Keyboard, Mouse } from './hands.mjs';
import * as limits from './limits.mjs';
import * as losses from './losses.mjs';
import * as paths from './paths.mjs';
import { Service } from './service.mjs';
import * as shown from './shown.mjs';
import * as xray from './xray.mjs';

const only = process.argv[3] ?? '';
const origin = new URL(process.argv[2] ?? 'http://127.0.0.1:8080').origin;
const key = process.env.EPOCHD_KEY || null;
const service = new Service(origin, key);
const prefix = `page-test-${Date.now().toString(36)}`;
const MODELS = 1000;
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };
const TOUCH = { viewport: PHONE, hasTouch: true, isMobile: true };

const browser = await launch();
let failed = 0;
let ran = 0;

/** Runs one test and says how it went. */
async function test(words, work) {
  if (!words.includes(only)) return;
  ran += 1;
  const start = Date.now();
  try {
    const said = await work();
    console.log(`ok    ${words}${said ? `: ${said}` : ''} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${words}: ${error.message}`);
  }
}

/** Opens the page in a window of its own, with the key given where one is needed. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const watched = new Watched(page, origin);
  if (key) await watched.expecting([401], () => enterKey(page));
  else await page.goto(`${origin}/`);
  await watched.settled();
  return watched;
}

async function enterKey(page) {
  await page.goto(`${origin}/`);
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Runs a test in a window of its own, which has to stay free of faults. */
const inWindow = (words, options, work) =>
  test(words, async () => {
    const watched = await open(options);
    try {
      const said = await work(watched);
      watched.clean(words);
      return said;
    } finally {
      await watched.page.context().close();
    }
  });

/** The checks themselves are checked: each has to see what it is there for. */
async function checksCanFail(watched) {
  const { page } = watched;
  await watched.inspect('the first view');
  await page.evaluate(() => document.querySelector('main').append(document.createElement('img')));
  must(
    (await watched.violations()).some((one) => one.startsWith('image-alt')),
    'axe does not see an image without a text',
  );
  await page.evaluate(() => {
    const wide = document.createElement('div');
    wide.style.width = '5000px';
    wide.textContent = 'wide';
    document.querySelector('main').append(wide);
  });
  must((await watched.overflow()) > 0, 'what is too wide is not seen');
  await page.evaluate(() => console.error('on purpose'));
  await eventually(
    () => watched.faults.some((one) => one.includes('on purpose')),
    'an error on the console to be seen',
    3000,
  );
  watched.faults = [];
  await page.evaluate(() => fetch('http://127.0.0.1:9/').catch(() => null));
  await eventually(() => watched.faults.length, 'a request to another origin to be seen', 3000);
  watched.faults = [];
}

/** The views that there are, with what is in them. */
async function views(name) {
  const version = `#/models/${name}/versions/1`;
  const {
    data: [job],
  } = await service.json(`/jobs?model=${name}`);
  return [
    '#/',
    '#/datasets',
    `#/datasets/${name}`,
    '#/jobs',
    `#/jobs/${job.id}`,
    '#/models',
    `#/models/${name}`,
    version,
    `#/models/${name}/compare`,
    `#/models/${name}/predict`,
    `#/models/${name}/drift`,
    `#/models/${name}/train`,
    '#/keys',
  ];
}

/** How many tables of the newest things are wider than their frames. */
const tooWide = ({ page }) =>
  page.evaluate(
    () => [...document.querySelectorAll('.newest .scroll')].filter((one) => one.scrollWidth > one.clientWidth).length,
  );

async function inspectAll(watched, name) {
  const all = await views(name);
  for (const view of all) {
    await watched.go(view);
    await watched.unfold();
    await watched.inspect(view);
    if (view === '#/') must((await tooWide(watched)) === 0, 'tables of the start view are wider than their cards');
  }
  return `${all.length} views, ${await inspectDocuments(watched)} documents`;
}

/** The documents beside the page, in the page's own colours. */
async function inspectDocuments(watched) {
  const { page } = watched;
  const grounds = [];
  for (const path of ['/docs', '/docs/errors']) {
    await watched.document(path);
    await watched.unfold();
    await watched.inspect(path);
    must(
      (await page.locator('main h1').count()) === 1 && (await page.locator('nav').count()) === 1,
      `${path}: no frame`,
    );
    grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  must(grounds[0] === grounds[1], `the grounds are ${grounds.join(' and ')}`);
  const isDark = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);
  must((grounds[0] === 'rgb(255, 255, 255)') !== isDark, `the ground is ${grounds[0]}`);
  return grounds.length;
}

/** Where less motion is asked for, nothing moves, even if a rule says so. */
async function stillness({ page }) {
  const moves = () =>
    page.evaluate(() => {
      const { style } = document.querySelector('main h1');
      Object.assign(style, { transition: 'color 1s', animation: 'any 1s', scrollBehavior: 'smooth' });
      const shown = getComputedStyle(document.querySelector('main h1'));
      return [shown.transitionDuration, shown.animationName, shown.scrollBehavior].join();
    });
  must((await moves()) === '0s,none,auto', `with less motion: ${await moves()}`);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  must((await moves()) === '1s,any,smooth', `the check sees nothing: ${await moves()}`);
}

/** What a fresh service shows: the lists are answered as empty, whatever there is. */
async function fresh(watched) {
  const { page } = watched;
  const empty = { json: { data: [], next_cursor: null, loading: [] } };
  await page.route(/\/(models|datasets|jobs)(\?|$)/, (route) =>
    route.request().method() === 'GET' ? route.fulfill(empty) : route.continue(),
  );
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const view of ['#/', '#/datasets', '#/jobs', '#/models']) {
      await watched.go(view);
      await watched.inspect(`${view} of a fresh service, ${colorScheme}`);
    }
  }
  await watched.go('#/');
  must((await page.locator('.steps > li').count()) === 3, 'the three steps are not shown');
  const taken = page.waitForRequest(
    (request) => request.method() === 'POST' && request.url().endsWith('/datasets?name=penguins'),
  );
  await page.route(/\/datasets\?name=penguins/, (route) => route.fulfill({ status: 201, json: { name: 'penguins' } }));
  await page.route(/\/datasets\/penguins/, (route) =>
    route.fulfill({
      json: {
        name: 'penguins',
        rows: 0,
        columns: [],
        findings: [],
        bytes: 0,
        created_at: new Date().toISOString(),
        data: [],
      },
    }),
  );
  await page.getByRole('button', { name: /sample/ }).click();
  await taken;
  await page.waitForURL('**/#/datasets/penguins');
  await watched.go('#/');
  const made = [];
  const id = '00000000-0000-7000-8000-000000000000';
  await page.route(/\/models(\/xor\/train)?$/, (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    made.push(route.request().postDataJSON());
    return route.fulfill({ status: 202, json: { id } });
  });
  await page.route(`**/jobs/${id}**`, (route) =>
    route.fulfill({ status: 404, json: { title: 'None', detail: 'none', errors: [] } }),
  );
  await watched.expecting([404], async () => {
    await page.getByRole('button', { name: 'Teach a network XOR' }).click();
    await page.waitForURL(`**/#/jobs/${id}`);
  });
  must(made[0]?.name === 'xor' && made[0].seed === 7 && made[1]?.epochs === 10000, 'XOR is not made as in the article');
}

/** The switch of colours: what it says is what is shown, and it is kept. */
async function colours(watched) {
  const { page } = watched;
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole('button', { name: /Colours: auto/ }).click();
  must((await ground()) === light, 'light is not light');
  await page.getByRole('button', { name: /Colours: light/ }).click();
  must((await ground()) !== light, 'dark is not dark');
  await page.reload();
  await watched.settled();
  must((await ground()) !== light, 'the choice is lost with the page');
}

/** The question for a key: it can be left, and then says what is missing, and is asked again on demand. */
async function keyQuestion(watched) {
  const { page } = watched;
  await watched.expecting([401], async () => {
    await page.getByRole('button', { name: 'Forget key' }).click();
    await page.getByRole('dialog').waitFor();
    await watched.inspect('the question for a key');
    await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByText('The request needs a key').waitFor();
    await watched.inspect('without a key');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByLabel('Key', { exact: true }).fill(`${key}-wrong`);
    await page.getByRole('button', { name: 'Use this key' }).click();
    await page.getByText('The service does not know this key').waitFor();
    await page.getByLabel('Key', { exact: true }).fill(key);
    await page.getByRole('button', { name: 'Use this key' }).click();
    await watched.settled();
  });
}

/** Runs a test that needs the model of this name. */
async function onModel(work, which = name) {
  await service.trained(which);
  return work();
}

/** The key lies in the tab alone. */
async function keyIsKeptInTab({ page }) {
  const found = await page.evaluate(
    (secret) => ({
      local: JSON.stringify(localStorage).includes(secret),
      cookie: document.cookie,
      session: JSON.stringify(sessionStorage).includes(secret),
    }),
    key,
  );
  must(found.session && !found.local && found.cookie === '', `the key lies in ${JSON.stringify(found)}`);
}

const name = `${prefix}-table`;
try {
  await test('every file is served as it is, under the policy, and all are small', () => assets(origin));
  await test('the first paint comes soon', () => limits.firstPaint(browser, origin));
  await inWindow('each check sees what it is there for', {}, checksCanFail);
  await inWindow('a fresh service, and the sample that it offers', {}, fresh);
  await inWindow('a file is dropped', {}, (watched) => files.drop(watched, `${prefix}-dropped`));
  await inWindow('a file is sent over a slow line', {}, (watched) => files.progress(watched, `${prefix}-slow`));
  await inWindow('a table is uploaded and trained on, and the curve moves', {}, (watched) =>
    paths.uploadAndTrain(watched, service, name),
  );
  await inWindow('a prediction, its line for a shell, and its outcome', {}, (watched) =>
    onModel(() => paths.predict(watched, service, name)),
  );
  await inWindow('the rows of a file are predicted and saved', {}, (watched) =>
    onModel(() => paths.predictFile(watched, service, name)),
  );
  await inWindow('a number is predicted with its interval', {}, (watched) =>
    onModel(() => shown.interval(watched, service, name)),
  );
  await inWindow('a network by its layers is trained on rows', {}, (watched) =>
    paths.trainOnRows(watched, service, `${prefix}-rows`),
  );
  await inWindow('the pictures of a version', { colorScheme: 'light' }, (watched) =>
    onModel(() => shown.plots(watched, service, name)),
  );
  await inWindow('a table, a training and a prediction by the keyboard alone', {}, (watched) =>
    paths.byKeyboard(watched, service, `${prefix}-keyboard`),
  );
  await inWindow('the same on a phone', TOUCH, async (watched) => {
    await paths.uploadAndTrain(watched, service, `${prefix}-phone`);
    await paths.predict(watched, service, `${prefix}-phone`);
  });
  for (const [Hand, options, way, own] of [
    [Mouse, {}, '', name],
    [Keyboard, {}, ', by the keyboard alone', `${prefix}-keyboard`],
    [Finger, TOUCH, ', on a phone', `${prefix}-phone`],
  ]) {
    const inWay = (words, work) =>
      inWindow(words + way, options, (watched) => onModel(() => work(watched, new Hand(watched)), own));
    await inWay('two versions are compared, and one is activated', (watched, hand) =>
      paths.compareAndActivate(watched, service, own, hand),
    );
    await inWay('a training is cancelled', (watched, hand) => paths.cancel(watched, service, own, hand));
    await inWay('errors are told in the words of the service', (watched, hand) => paths.errors(watched, own, hand));
    if (key)
      await inWay('a key is made and revoked', (watched, hand) => paths.keys(watched, service, `${own}-key`, hand));
  }
  await inWindow('an alias is set and removed', {}, (watched) => onModel(() => shown.aliases(watched, service, name)));
  await inWindow('a column that has moved is named', {}, (watched) =>
    onModel(() => shown.drift(watched, service, `${prefix}-drift`), `${prefix}-drift`),
  );
  await inWindow('a quantile is asked for, and shown', {}, (watched) =>
    losses.quantile(watched, service, `${prefix}-quantile`),
  );
  await inWindow('candidates say what each has brought', {}, (watched) =>
    onModel(() => losses.candidates(watched, service, name)),
  );
  await inWindow('a view that is left stays away', {}, shown.leftBehind);
  await inWindow('further trainings stay in the list', {}, shown.furtherTrainings);
  await inWindow('a version without intervals answers', {}, (watched) =>
    shown.noInterval(watched, service, `${prefix}-bare`),
  );
  await inWindow('a training whose model was deleted', {}, (watched) =>
    onModel(() => shown.orphan(watched, service, `${prefix}-orphan`), `${prefix}-orphan`),
  );
  await inWindow('a data set that has grown', {}, (watched) =>
    onModel(() => files.grown(watched, service, `${prefix}-grown`), `${prefix}-grown`),
  );
  await inWindow('histograms say what they show', {}, (watched) => files.spreads(watched, service, `${prefix}-spread`));
  await inWindow('the reference has lines that ask this service', {}, shown.reference);
  await inWindow('nothing moves where that is not wanted', {}, stillness);
  await inWindow('every view, light', { colorScheme: 'light' }, (watched) => onModel(() => inspectAll(watched, name)));
  await inWindow('every view, dark', { colorScheme: 'dark' }, (watched) => onModel(() => inspectAll(watched, name)));
  await inWindow('every view, on a phone', { viewport: PHONE }, (watched) => onModel(() => inspectAll(watched, name)));
  await inWindow('the x-ray shows what the service computes', { colorScheme: 'light' }, (watched) =>
    xray.xray(watched, service, `${prefix}-xor`),
  );
  await inWindow('the x-ray of a large network, on a phone', { viewport: PHONE }, (watched) =>
    xray.narrow(watched, service, `${prefix}-large`),
  );
  await inWindow('colours are switched', { colorScheme: 'light' }, colours);
  if (key) {
    await inWindow('the key is kept in the tab alone', {}, keyIsKeptInTab);
    await inWindow('the question for a key', {}, keyQuestion);
  }
  await inWindow('names and values are never read as HTML', {}, (watched) =>
    limits.hostile(watched, service, `${prefix}-hostile`),
  );
  await inWindow('100,000 epochs without a stall', {}, (watched) =>
    limits.atBest((left) => limits.longTraining(watched, service, `${prefix}-long-${left}`)),
  );
  await inWindow('1,000 columns without a stall', {}, (watched) =>
    limits.wideTable(watched, service, `${prefix}-wide`),
  );
  await inWindow(`${MODELS} models without a stall`, {}, (watched) =>
    limits.longList(watched, service, prefix, MODELS),
  );
} finally {
  await browser.close();
  await service.clean(prefix);
}
console.log(failed || !ran ? `${failed} of ${ran} failed` : `all ${ran} passed`);
process.exitCode = failed || !ran ? 1 : 0;
