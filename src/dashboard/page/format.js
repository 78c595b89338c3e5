// Numbers, times and sizes as people read them.

const LOCALE = 'en';
const whole = new Intl.NumberFormat(LOCALE);
/** Of four digits: 2007 may be a year. */
const plain = new Intl.NumberFormat(LOCALE, { useGrouping: 'min2' });
const exact = (/** @type {number} */ most) =>
  new Intl.NumberFormat(LOCALE, { useGrouping: 'min2', maximumSignificantDigits: most });
// Making a format takes as long as some hundred numbers do.
const four = exact(4);
const six = exact(6);
const seven = exact(7);
const two = exact(2);
const shares = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 1 });

/**
 * A number with about four significant digits; a dash where there is none.
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return plain.format(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  return (size >= 1000 ? six : four).format(value);
}

/**
 * A number with as many digits as one of 32 bits has.
 * @param {number | null} value
 */
export const fine = (value) =>
  value !== null && Math.abs(value) >= 1e-4 && Math.abs(value) < 1e7 ? seven.format(value) : number(value);

/**
 * @param {number | null | undefined} value
 */
export const count = (value) => (value === null || value === undefined ? '–' : whole.format(value));

/**
 * A count with its noun: "1 row", "2 rows".
 * @param {number} value
 * @param {string} noun
 */
export const counted = (value, noun) => `${whole.format(value)} ${noun}${value === 1 ? '' : 's'}`;

/**
 * A share as percent.
 * @param {number | null | undefined} value
 */
export function percent(value) {
  if (value === null || value === undefined) return '–';
  return shares.format(value);
}

/**
 * A difference of two shares in percentage points.
 * @param {number} value
 */
export const points = (value) => `${two.format(value * 100)} percentage points`;

/**
 * @param {number} value
 */
export function bytes(value) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 && unit ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/**
 * Seconds as "3 min 20 s".
 * @param {number | null | undefined} value
 */
export function duration(value) {
  if (value === null || value === undefined) return '–';
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  const seconds = Math.round(value);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/**
 * Seconds between two times.
 * @param {string} from
 * @param {string | null} to
 */
export const secondsBetween = (from, to) => ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000;

const NEAR = /** @type {[number, Intl.RelativeTimeFormatUnit][]} */ ([
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [30, 'day'],
]);
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' });

/**
 * A time as "5 minutes ago", or its date where that is long ago.
 * @param {string | null} value
 */
export function ago(value) {
  if (!value) return '–';
  let passed = (Date.parse(value) - Date.now()) / 1000;
  for (const [size, unit] of NEAR) {
    if (Math.abs(passed) < size) return relative.format(Math.round(passed), unit);
    passed /= size;
  }
  return value.slice(0, 10);
}

/**
 * A word of the API as words: `time_limit` becomes "time limit".
 * @param {string | null} word
 */
export const words = (word) => (word ?? '–').replaceAll('_', ' ');

/**
 * What stands before the message of a finding: the column that it is about, where the words do not say which that is.
 * @param {{ column: string | null, message: string }} finding
 */
export const columnBefore = ({ column, message }) =>
  column && !message.includes(`column ${JSON.stringify(column)}`) ? `${column}: ` : null;

/**
 * A text as one word of a shell.
 * @param {string} text
 */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * A name that the service takes, made of any text.
 * @param {string} text
 */
export function slug(text) {
  const name = text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/-+/g, '-');
  return name
    .replace(/^[-_]+|[-_]+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
}
