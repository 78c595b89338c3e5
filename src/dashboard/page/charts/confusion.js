// The confusion matrix: rows are the true classes, columns what was predicted.

import { h } from '../dom.js';
import { count, percent } from '../format.js';

const MOST_CLASSES = 30;

/**
 * @param {number[]} row
 * @param {number} truth
 * @param {string[]} classes
 */
function matrixRow(row, truth, classes) {
  const total = row.reduce((sum, n) => sum + n, 0);
  const cells = row.map((n, predicted) => {
    const share = total ? n / total : 0;
    const cell = h(
      'td',
      {
        class: `cell ${truth === predicted ? 'right' : ''}`,
        title: `${count(n)} of ${count(total)} rows of ${classes[truth]} were predicted as ${classes[predicted]} (${percent(share)})`,
      },
      count(n),
    );
    cell.style.setProperty('--share', String(share));
    return cell;
  });
  return h(
    'tr',
    null,
    h('th', { scope: 'row' }, classes[truth]),
    cells,
    h('td', { class: 'number muted' }, total ? percent(row[truth] / total) : '–'),
  );
}

/**
 * @param {number[][]} matrix
 * @param {string[]} classes
 */
export function confusionMatrix(matrix, classes) {
  if (matrix.length > MOST_CLASSES)
    return h(
      'p',
      { class: 'muted' },
      `With ${matrix.length} classes it is too large to show; the table of classes has what is needed.`,
    );
  return h(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': 'Confusion matrix', tabindex: '0' },
    h(
      'table',
      { class: 'confusion' },
      h('caption', { class: 'small muted' }, 'Rows: the true class. Columns: what was predicted.'),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, 'True class'),
          classes.map((name) => h('th', { scope: 'col' }, name)),
          h('th', { scope: 'col', class: 'number' }, 'Found'),
        ),
      ),
      h(
        'tbody',
        null,
        matrix.map((row, i) => matrixRow(row, i, classes)),
      ),
    ),
  );
}
