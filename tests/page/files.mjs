// Tables: how they come in, and what is shown of them.

import { eventually, must } from './browser.mjs';
import { file } from './paths.mjs';
import { table } from './service.mjs';

const { percent } = await import(new URL('../../src/dashboard/page/format.js', import.meta.url));

/** Drops a file on an element. */
async function dropOn({ page }, element, file) {
  const data = await page.evaluateHandle((as) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['a,b\n1,2\n'], as));
    return transfer;
  }, file);
  await page.dispatchEvent(element, 'dragover', { dataTransfer: data });
  must((await page.locator('.over').count()) === 1, `${element} does not show that it takes a file`);
  await page.dispatchEvent(element, 'drop', { dataTransfer: data });
}

/** Drops a file on the view of data sets, and on the first view. */
export async function drop(watched, name) {
  const { page } = watched;
  const field = page.getByLabel('Name of the data set');
  for (const [view, element] of [
    ['#/datasets', '.drop'],
    ['#/', 'h1'],
  ]) {
    await watched.go(view);
    await dropOn(watched, element, `${name}.csv`);
    must((await field.inputValue()) === name, `a file that is dropped at ${view} is not taken`);
    await eventually(() => field.evaluate((one) => one === document.activeElement), 'the focus on its name', 3000);
    await watched.inspect('a file that is named');
  }
  await watched.go('#/datasets');
  must((await field.count()) === 0, 'a file is taken twice');
  await dropOn(watched, '.drop', 'x.exe');
  must((await page.getByRole('alert').textContent()).includes('.parquet'), 'nothing says which files are read');
}

/** Sends a file over a slow line, and sees how far it has come. */
export async function progress(watched, name) {
  const { page } = watched;
  await watched.go('#/datasets');
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Choose a file' }).click();
  await (await chooser).setFiles(file(name, 40000));
  const line = await page.context().newCDPSession(page);
  const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 500000 };
  await line.send('Network.emulateNetworkConditions', slow);
  await page.evaluate(() => {
    globalThis.seen = [];
    const note = () => {
      const bar = document.querySelector('progress');
      const words = bar?.parentElement.querySelector('[role=status]').textContent;
      if (bar && seen.at(-1)?.words !== words) seen.push({ value: bar.value, words });
    };
    const changes = { subtree: true, childList: true, attributes: true, characterData: true };
    new MutationObserver(note).observe(document.querySelector('main'), changes);
  });
  await page.getByRole('button', { name: 'Store it' }).click();
  const bar = page.getByRole('progressbar', { name: `Sending ${name}.csv` });
  await eventually(
    async () => (await bar.count()) && (await bar.evaluate((one) => one.position)) > 0,
    'a bar that moves',
  );
  await watched.inspect('a file on its way');
  await page.waitForURL(`**/#/datasets/${name}`, { timeout: 30000 });
  const seen = await page.evaluate(() => globalThis.seen);
  const between = seen.filter(({ value }) => value > 0 && value < 1);
  const told = JSON.stringify(seen);
  must(between.length >= 3, `the bar has not moved by steps: ${told}`);
  must(
    seen.every(({ value }, i) => i === 0 || value >= seen[i - 1].value),
    `the bar goes back: ${told}`,
  );
  must(
    between.every(({ value, words }) => words.includes(`: ${percent(value)} of `)),
    `the words say something else than the bar: ${told}`,
  );
  must(seen.at(-1).value === 1, `the bar does not reach its end: ${told}`);
  return `${between.length} steps`;
}

/** What histograms show of a table that is sorted, and of what is no number. */
export async function spreads(watched, service, name) {
  const { page } = watched;
  const rows = Array.from({ length: 3000 }, (_, i) => {
    const day = new Date(Date.UTC(2020, 0, 1 + i)).toISOString().slice(0, 10);
    return `${i},${day},${i % 3},the ${i}th remark on what came of ${i * 7} tries with ${i % 11} of ${i % 13} things`;
  });
  const text = `n,day,few,remark\n${rows.join('\n')}\n`;
  const { columns } = await service.json(`/datasets?name=${name}`, 'POST', text, 'text/csv');
  must(
    columns.map(({ type }) => type).join() === 'numeric,datetime,numeric,text',
    `the columns are ${columns.map(({ type }) => type)}`,
  );
  await watched.go(`#/datasets/${name}`);
  const cells = page.getByRole('region', { name: 'Columns', exact: true }).locator('tbody tr td:nth-of-type(2)');
  const told = await cells.allTextContents();
  const wanted = ['the first 1,000 rows', 'the first 1,000 rows', '', 'lengths in the first 1,000 rows'];
  must(told.join() === wanted.join(), `below the histograms stands ${told.join('; ')}`);
  const bars = await cells.evaluateAll((all) =>
    all.map((one) => [...one.querySelectorAll('rect')].filter((bar) => bar.getAttribute('height') > 0).length),
  );
  // The first third of a sorted column fills a third of its range.
  must(bars[0] === 7 && bars[1] === 7 && bars[2] === 3 && bars[3] > 1, `so many bars are drawn: ${bars.join()}`);
  const found = await page.locator('.advice li').first().textContent();
  must(found.startsWith('n: '), `a finding does not say which column it is about: ${found}`);
  await watched.inspect('histograms');
}

/** A data set whose name an append has taken over is still known by it. */
export async function grown(watched, service, name) {
  const { page } = watched;
  const { id } = await service.json(`/datasets/${name}`);
  await service.json(`/datasets/${name}/append`, 'POST', table(1), 'text/csv');
  await watched.go(`#/models/${name}/train`);
  const options = await page.getByLabel('Data set', { exact: true }).locator('option').allTextContents();
  must(
    options.includes(name) && options.includes(`${name}, its first 600 rows`),
    `the choice is ${options.join('; ')}`,
  );
  await watched.go('#/datasets');
  await page.getByRole('link', { name: `${name}, its first 600 rows` }).waitFor();
  must((await service.ask(`/datasets/${id}`, 'DELETE')).ok, 'what it was before cannot be deleted');
}
