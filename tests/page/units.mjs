// Parts of the page that need no browser: `node --test units.mjs`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const module = (path) => import(new URL(`../../src/dashboard/page/${path}`, import.meta.url));
const { Series } = await module('charts/series.js');
const { binned } = await module('charts/histogram.js');
const { parseEvents } = await module('events.js');
const { path, problemOf, query } = await module('api.js');
const { bytes, columnBefore, duration, fine, number, points, quoted, slug } = await module('format.js');
const { datasetNames } = await module('ui/dataset-choice.js');
const { answerText, lossText } = await module('ui/loss.js');
const { together } = await module('views/model-parts.js');
const { bareName, contentType } = await module('upload.js');
const { after, stepsOf, sumOf, unitName } = await module('charts/xray-steps.js');
const { outputFactors } = await module('charts/xray-output.js');
const { firstRow, numbersOf } = await module('views/xray.js');
const { toldOfCancelled } = await module('views/job-parts.js');
const { range } = await module('views/dataset.js');
const { isOfNumbers } = await module('views/train-form.js');
const { typedRows } = await module('views/train-rows.js');

const epoch = (n) => ({ epoch: n, loss: 1 / n, validation_loss: null, learning_rate: 1, elapsed_seconds: n });

test('events are cut out of any pieces of a stream', () => {
  const stream =
    'id: 1-2\nevent: epoch\ndata: {"epoch":1}\n\nid: 2-2\nevent: state\ndata: {"a":\ndata: "x: y"}\n\n: a comment\n\n';
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const first = parseEvents(stream.slice(0, cut));
    const second = parseEvents(first.rest + stream.slice(cut));
    assert.deepEqual(
      [...first.events, ...second.events],
      [
        { id: '1-2', event: 'epoch', data: '{"epoch":1}' },
        { id: '2-2', event: 'state', data: '{"a":"x: y"}' },
      ],
    );
    assert.equal(second.rest, '');
  }
});

test('a series of any length keeps few points, in order, with the first and the last', () => {
  for (const length of [1, 3999, 4000, 4001, 4002, 8003, 100000]) {
    const series = new Series();
    for (let n = 1; n <= length; n += 1) series.add(epoch(n));
    assert.ok(series.epochs.length <= 4001, `${series.epochs.length} points of ${length}`);
    assert.ok(series.epochs.length > Math.min(length, 1900) - 1);
    assert.equal(series.epochs[0], 1);
    assert.equal(series.epochs.at(-1), length);
    assert.ok(series.epochs.every((n, i) => i === 0 || n > series.epochs[i - 1]));
    assert.ok(series.epochs.every((n, i) => series.loss[i] === 1 / n));
  }
});

test('an epoch that comes again after a broken connection counts once', () => {
  const series = new Series();
  for (const n of [1, 2, 3, 2, 3, 4]) series.add(epoch(n));
  assert.deepEqual(series.epochs, [1, 2, 3, 4]);
});

test('values fall into bins, and none is lost', () => {
  const each = (...values) => values.map((value) => ({ value, count: 1 }));
  const sum = ({ counts }) => counts.reduce((all, n) => all + n, 0);
  assert.equal(sum(binned(each(5, 5))), 2);
  const { counts, low, high } = binned(each(0, 1, 2, 10));
  assert.equal(sum({ counts }), 4);
  assert.deepEqual([low, high, counts[0], counts.at(-1)], [0, 10, 1, 1]);
  const part = binned([{ value: 1, count: 3 }, ...each(2)], [0, 20]);
  assert.deepEqual([part.low, part.high, part.counts[1], part.counts[2], sum(part)], [0, 20, 3, 1, 4]);
});

test('a data set is known by its name, or by the name that an append took over', () => {
  const old = { id: '019cae01-f4a2-7e19-9b07-c2d85f3a6e40', name: null, rows: 150, parent_id: null };
  const between = { id: 'b', name: null, rows: 160, parent_id: old.id };
  const heir = { id: 'c', name: 'iris', rows: 170, parent_id: 'b' };
  const name = datasetNames([heir, between, old]);
  assert.deepEqual(
    [name(heir), name(between), name(old)],
    ['iris', 'iris, its first 160 rows', 'iris, its first 150 rows'],
  );
  assert.equal(datasetNames([old])(old), '019cae01-f4a2…, 150 rows');
});

test('what answers together', () => {
  const tried = (...weights) => ({ candidates: weights.map((weight) => ({ weight })) });
  assert.equal(together({}, undefined), '');
  assert.equal(together({}, 1), '');
  assert.equal(together({}, 5), '5 networks like this one answer together.');
  assert.equal(together(tried(1, 0), 2), '2 networks like this one answer together.');
  assert.equal(together(tried(0.5, 0, 0.5), 5), '10 networks of 2 kinds answer together: this is the first of them.');
  assert.equal(together({ linear_share: 0.3 }, 1), 'A linear model answers with it, and has 30% of the answer.');
  assert.ok(
    together({ linear_share: 0.3 }, 5).endsWith('A linear model answers with them, and has 30% of the answer.'),
  );
  assert.ok(together({}, null).startsWith('As many networks'));
});

test('paths and queries are escaped', () => {
  assert.equal(path`/models/${'a/b?c'}/versions/${2}`, '/models/a%2Fb%3Fc/versions/2');
  assert.equal(query({ a: 'x y&z', b: null, c: '', d: ['1', '2'], e: 0 }), '?a=x+y%26z&d=1&d=2&e=0');
});

test('a text is one word of a shell', () => {
  assert.equal(quoted("it's $HOME"), "'it'\\''s $HOME'");
});

test('whatever a proxy answers becomes a problem', () => {
  assert.equal(problemOf(502, '<html>bad gateway').title, 'The service answered with status 502');
  assert.equal(problemOf(409, '{"title":"Taken","detail":"d","status":409,"code":"name_taken"}').code, 'name_taken');
});

test('names and types of files', () => {
  assert.equal(slug('Häuser 2024 (neu).v2'), 'ha-user-2024-neu-v2');
  assert.equal(slug('---'), '');
  assert.equal(bareName('a.b.csv.gz'), 'a.b');
  assert.equal(contentType('X.CSV.GZ'), 'text/csv');
  assert.equal(contentType('x.parquet'), 'application/vnd.apache.parquet');
  assert.equal(contentType('x.exe'), null);
});

test('numbers as people read them', () => {
  assert.equal(number(2007), '2007');
  assert.equal(number(0.00012345), '1.23e-4');
  assert.equal(number(null), '–');
  assert.equal(bytes(1536), '1.5 KiB');
  assert.equal(duration(200), '3 min 20 s');
  assert.equal(fine(5.39681959), '5.39682');
  assert.equal(fine(null), '–');
  assert.equal(points(0.008333), '0.83 percentage points');
});

/** A trace of [inputs, hidden, outputs] units, all values of which are 1 and slopes 0.25. */
function trace(inputs, hidden, outputs) {
  const layer = (from, to, isLast) => ({
    activation: 'sigmoid',
    weights: Array.from({ length: from }, () => new Array(to).fill(1)),
    biases: new Array(to).fill(1),
    z: new Array(to).fill(1),
    a: new Array(to).fill(1),
    upstream: isLast ? null : new Array(to).fill(4),
    derivative: isLast ? null : new Array(to).fill(0.25),
    delta: new Array(to).fill(1),
    weight_gradients: Array.from({ length: from }, () => new Array(to).fill(2)),
    bias_gradients: new Array(to).fill(2),
  });
  const ones = (n) => new Array(n).fill(1);
  return {
    inputs: ones(inputs),
    targets: new Array(outputs).fill(0),
    outputs: ones(outputs),
    loss: 1,
    layers: [layer(inputs, hidden, false), layer(hidden, outputs, true)],
  };
}

test('what became of a training that was told to end', () => {
  const told = (state, epoch, version, keep = true) => toldOfCancelled({ state, epoch, version }, keep);
  assert.equal(told('cancelled', 1, 2), 'Stopped. Version 2 keeps 1 epoch.');
  assert.equal(told('cancelled', 0, null), 'Stopped. Nothing was kept: no epoch was done.');
  assert.equal(told('cancelled', 7, null), 'Stopped. Nothing was kept: there is no new version.');
  assert.equal(told('running', 7, null), 'It ends once the epochs done are measured.');
  assert.equal(told('cancelled', 7, null, false), 'Cancelled.');
  assert.equal(told('succeeded', 7, 1, false), 'It has ended before: succeeded.');
});

test('the range of a column, where there is one', () => {
  const of = (type, min, max, mean = null) => range({ type, min, max, mean });
  assert.equal(of('datetime', '2024-05-31T00:00:00Z', '2025-01-01T00:00:00Z'), '2024-05-31 to 2025-01-01');
  assert.equal(of('numeric', 0, 2.5), '0 to 2.5');
  assert.equal(of('boolean', null, null, 0.25), '25% true');
  for (const type of ['datetime', 'numeric', 'boolean', 'text']) assert.equal(of(type, null, null), '–', type);
});

test('backpropagation is walked in order, and each step knows how much it leaves out', () => {
  const steps = stepsOf(trace(2, 2, 1), 'mse', 0.5);
  assert.deepEqual(steps.map(({ phase }) => phase[0]).join(''), 'RFFFFLBBBBS');
  assert.ok(steps.every(({ left }) => left === 0));
  assert.deepEqual(steps.at(-1).rows[0], ['x₁ → h₁', 1, 2, 0]);
  assert.deepEqual(steps[8].rows[1], ['h₂', '1 · 1', 4, 0.25, 1]);
  assert.equal(steps[1].rows[0][1], '1 · 1 + 1 · 1 + 1');
  const many = stepsOf(trace(30, 40, 3), 'mse', 0.5);
  assert.equal(many[1].rows.length, 24);
  assert.equal(many[1].left, 16);
  assert.equal(many.at(-1).rows.length, 200);
  assert.equal(many.at(-1).left, 31 * 40 + 41 * 3 - 200);
});

test('sums, names and steps of parameters', () => {
  assert.equal(sumOf([0, -1], [2, 0.5], -3), '0 · 2 + (-1) · 0.5 + (-3)');
  assert.equal(sumOf(new Array(9).fill(1), new Array(9).fill(1)).endsWith('1 · 1 + … 3 more'), true);
  assert.deepEqual(
    [unitName(0, 0, 3), unitName(1, 11, 3), unitName(2, 0, 4), unitName(3, 1, 4)],
    ['x₁', 'h₁₂', 'h²₁', 'ŷ₂'],
  );
  assert.equal(after(1, 0.5, -2), 2);
  assert.equal(after(1, 0.5, null), null);
});

test('the δ of the output is taken apart where the factors give it', () => {
  const one = (loss, activation, a, delta) =>
    outputFactors({ targets: [1], layers: [{ activation, z: [0.3], a: [a], delta: [delta] }] }, loss);
  assert.deepEqual(one('mse', 'identity', 0.25, -1.5).upstream, [-1.5]);
  assert.deepEqual(one('mse', 'sigmoid', 0.5, -0.25).derivative, [0.25]);
  assert.equal(one('mse', 'sigmoid', 0.5, -0.9).upstream, null);
  assert.ok(one('binary_cross_entropy', 'sigmoid', 0.75, -0.25).formula.startsWith('δ = ŷ − y: '));
  assert.ok(one('mse', 'gelu', 0.5, 7).formula.startsWith('δ = ∂L/∂z'));
});

test('a row to begin with, and one that is typed', () => {
  assert.deepEqual(firstRow({ layers: [2, 2, 1], loss: 'mse' }), { inputs: [0, 1], targets: [1] });
  assert.deepEqual(firstRow({ layers: [3, 2], loss: 'cross_entropy' }), { inputs: [0, 0, 0], targets: [1, 0] });
  assert.deepEqual(numbersOf(' 1, -2.5;3e2  4 '), [1, -2.5, 300, 4]);
});

test('rows that are typed or pasted, and what is wrong with them', () => {
  const widths = { inputs: 2, targets: 1 };
  const rows = {
    inputs: [
      [0, 1],
      [1.5, -2],
    ],
    targets: [[1], [300]],
  };
  assert.deepEqual(typedRows(' 0, 1, 1\n\n1.5\t-2;3e2\n', widths), rows);
  assert.throws(() => typedRows('0 1 1\n\n0 1', widths), /Line 3 has 2 numbers: a row has 2 inputs and 1 target\./);
  assert.throws(() => typedRows('x 1 1', widths), /Line 1: “x” is no number/);
  assert.throws(() => typedRows(' \n', widths), /There is no row/);
});

test('a finding says its column once', () => {
  assert.equal(columnBefore({ column: 'zip', message: 'Its values name the rows.' }), 'zip: ');
  assert.equal(columnBefore({ column: 'zip', message: 'column "zip" holds text.' }), null);
  assert.equal(columnBefore({ column: 'b', message: 'Give types={"b":1}.' }), 'b: ');
  assert.equal(columnBefore({ column: null, message: 'Few rows.' }), null);
});

test('what a model of numbers answers, in words', () => {
  assert.equal(lossText({ loss: 'quantile', quantile: 0.975 }), 'quantile, 0.975 of outcomes below');
  assert.equal(lossText({ loss: 'quantile' }), 'quantile, 0.5 of outcomes below');
  assert.equal(lossText({ loss: 'binary_cross_entropy' }), 'binary cross entropy');
  assert.equal(lossText({ loss: null }), '–');
  assert.equal(answerText({ loss: 'quantile', quantile: 0.9 }), 'a value that 0.9 of outcomes stay below');
  assert.deepEqual([answerText({ loss: null }), answerText({ loss: 'mse' })], ['a number', 'a number']);
  assert.equal(answerText({ loss: 'mae' }), 'a median');
});

test('numbers are predicted unless 0 and 1 are classes, or a task says otherwise', () => {
  const column = (type, min, max, distinct) => ({ type, min, max, distinct });
  const [price, flag, word] = [
    column('numeric', -1, 7, 9),
    column('numeric', 0, 1, 2),
    column('categorical', null, null, 3),
  ];
  assert.deepEqual(
    [price, flag, word, undefined].map((one) => Boolean(isOfNumbers(one, ''))),
    [true, false, false, false],
  );
  assert.deepEqual(
    [price, flag, word].map((one) => isOfNumbers(one, 'regression')),
    [true, true, false],
  );
  assert.equal(isOfNumbers(price, 'classification'), false);
  assert.equal(isOfNumbers(column('numeric', 0, 1, 3), ''), true);
});
