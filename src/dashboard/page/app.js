// The frame of the page: its views by their addresses, the key, and light or dark.

import { onKeyNeeded } from './api.js';
import { append } from './dom.js';
import { start } from './router.js';
import { askForKey, keyButton } from './ui/key.js';
import { themeButton } from './ui/theme.js';

/** @type {import('./router.js').Route[]} */
const ROUTES = [
  { pattern: /^\/$/, load: async () => (await import('./views/start.js')).view },
  { pattern: /^\/datasets$/, load: async () => (await import('./views/datasets.js')).view },
  { pattern: /^\/datasets\/([^/]+)$/, load: async () => (await import('./views/dataset.js')).view },
  { pattern: /^\/jobs$/, load: async () => (await import('./views/jobs.js')).view },
  { pattern: /^\/jobs\/([^/]+)$/, load: async () => (await import('./views/job.js')).view },
  { pattern: /^\/models$/, load: async () => (await import('./views/models.js')).view },
  { pattern: /^\/models\/([^/]+)$/, load: async () => (await import('./views/model.js')).view },
  { pattern: /^\/models\/([^/]+)\/versions\/([^/]+)$/, load: async () => (await import('./views/version.js')).view },
  { pattern: /^\/models\/([^/]+)\/compare$/, load: async () => (await import('./views/compare.js')).view },
  { pattern: /^\/models\/([^/]+)\/train$/, load: async () => (await import('./views/train-again.js')).view },
  { pattern: /^\/models\/([^/]+)\/predict$/, load: async () => (await import('./views/predict.js')).view },
  { pattern: /^\/models\/([^/]+)\/drift$/, load: async () => (await import('./views/drift.js')).view },
  { pattern: /^\/models\/([^/]+)\/xray$/, load: async () => (await import('./views/xray.js')).view },
  { pattern: /^\/keys$/, load: async () => (await import('./views/keys.js')).view },
];

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const tools = /** @type {HTMLElement} */ (document.getElementById('tools'));

document.getElementById('skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
append(tools, keyButton(), themeButton());
onKeyNeeded(askForKey);
start(ROUTES, main);
