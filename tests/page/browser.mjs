// A browser that holds every view to the same rules: no error on the console, no request to another origin, no violation of
// axe's rules, nothing wider than the window, and nothing that moves (all windows ask for less motion).

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser that `CHROMIUM` names, or the first on the path. */
function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const found = folders.flatMap((folder) => NAMES.map((name) => path.join(folder, name))).find(existsSync);
  if (!found) throw new Error('no Chromium on the path: set CHROMIUM to one');
  return found;
}

export const launch = () => chromium.launch({ executablePath: executable(), args: ['--no-sandbox'] });

/** Fails with words if something does not hold. */
export function must(holds, words) {
  if (!holds) throw new Error(words);
}

/** Waits until something holds, and fails with words if it never does. */
export async function eventually(check, words, ms = 30000) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms / 1000} s: ${words}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

/** A page under watch. */
export class Watched {
  /** What was wrong so far, in words. */
  faults = [];

  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    this.allowed = [];
    this.seen = [];
    page.setDefaultTimeout(15000);
    page.on('pageerror', (error) => this.faults.push(`exception: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') this.heard(message.text());
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (!['data:', 'blob:', 'about:'].includes(url.protocol) && url.origin !== origin)
        this.faults.push(`request to another origin: ${url}`);
      if (/[?&](key|token|authorization)=/i.test(url.search)) this.faults.push(`a key in a URL: ${url.pathname}`);
    });
  }

  heard(text) {
    const status = Number(/status of (\d+)/.exec(text)?.[1]);
    if (this.allowed.includes(status)) this.seen.push(status);
    else this.faults.push(`console: ${text}`);
  }

  /** Does something that the service refuses with one of these statuses, and it has to. */
  async expecting(statuses, work) {
    this.allowed = statuses;
    this.seen = [];
    await work();
    await eventually(() => this.seen.length, `a refusal with status ${statuses.join(' or ')}`, 5000);
    await this.page.waitForTimeout(300);
    this.allowed = [];
  }

  /** Fails if anything was wrong. */
  clean(where) {
    must(this.faults.length === 0, `${where}: ${this.faults.join('; ')}`);
  }

  async go(hash) {
    const before = await this.page.evaluate(() => location.hash);
    await this.page.evaluate((to) => {
      document.querySelector('main')?.replaceChildren();
      location.hash = to;
    }, hash);
    if (before === hash) await this.page.evaluate(() => dispatchEvent(new HashChangeEvent('hashchange')));
    await this.settled();
  }

  /** Opens a document of the service that is no view of the page. */
  async document(path) {
    await this.page.goto(this.origin + path);
  }

  /** Opens whatever can be opened in the view. */
  async unfold() {
    await this.page.evaluate(() =>
      document.querySelectorAll('main details').forEach((one) => {
        one.open = true;
      }),
    );
    await this.page.waitForTimeout(100);
  }

  /** Waits until a view stands there. */
  async settled() {
    await this.page.waitForFunction(
      () => document.querySelector('main h1') && !document.querySelector('main[aria-busy]'),
    );
  }

  /** axe's violations in words. */
  async violations() {
    if (!(await this.page.evaluate(() => 'axe' in globalThis))) await this.page.evaluate(AXE);
    return this.page.evaluate(async () => {
      const found = await globalThis.axe.run(document, { resultTypes: ['violations'] });
      if (found.passes.length < 5) return ['axe has looked at next to nothing'];
      return found.violations.map(
        ({ id, nodes }) =>
          `${id} at ${nodes
            .map((node) => node.target.join(' '))
            .slice(0, 3)
            .join(', ')}`,
      );
    });
  }

  async overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  }

  /** Holds the view that stands there to the rules. */
  async inspect(where) {
    const violations = await this.violations();
    must(violations.length === 0, `${where}: axe: ${violations.join('; ')}`);
    must((await this.overflow()) <= 0, `${where}: the page is wider than the window`);
    const moving = await this.page.evaluate(() => document.getAnimations().length);
    must(moving === 0, `${where}: ${moving} animations, though less motion is asked for`);
    this.clean(where);
  }

  /** Presses Tab until this element has the focus, which has to be seen. */
  async tabTo(element, key = 'Tab') {
    await element.waitFor();
    for (let i = 0; i < 250; i += 1) {
      await this.page.keyboard.press(key);
      const isSeen = await element.evaluate((one) => {
        if (one !== document.activeElement) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
      });
      if (isSeen === null) continue;
      must(isSeen, `the focus on ${element} cannot be seen`);
      return;
    }
    throw new Error(`${element} cannot be reached with the keyboard`);
  }
}
