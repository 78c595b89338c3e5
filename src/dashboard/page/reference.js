// The reference at /docs: a search over its calls, lines of curl that ask this service, and a button that copies them.

const search = /** @type {HTMLInputElement} */ (document.getElementById('search'));
const found = /** @type {HTMLElement} */ (document.getElementById('found'));
const articles = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('article')]);
const links = new Map(
  [...document.querySelectorAll('nav a')].map((link) => [link.getAttribute('href'), link.closest('li')]),
);

/** Shows the calls and schemas that have all words of the search in them. */
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const article of articles) {
    const text = (article.textContent ?? '').toLowerCase();
    article.hidden = !words.every((word) => text.includes(word));
    shown += article.hidden ? 0 : 1;
    const entry = links.get(`#${article.id}`);
    if (entry instanceof HTMLElement) {
      entry.hidden = article.hidden;
    }
  }
  for (const section of document.querySelectorAll('section')) {
    section.hidden = words.length > 0 && [...section.querySelectorAll('article')].every((article) => article.hidden);
  }
  found.textContent = words.length > 0 ? `${shown} found` : '';
}

/** Has lines for a shell ask the service that this page is from, and be copied by a button. */
function finish(/** @type {HTMLElement} */ code) {
  code.textContent = (code.textContent ?? '').replaceAll(
    /(?:http:\/\/)?(?:127\.0\.0\.1|localhost):8080/g,
    location.origin,
  );
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code.textContent ?? '');
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  frameOf(code).append(button);
}

/** The figure around some code, which is made where there is none. */
function frameOf(/** @type {HTMLElement} */ code) {
  const there = code.closest('figure');
  if (there) {
    return there;
  }
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  caption.textContent = 'From a shell';
  const block = /** @type {HTMLElement} */ (code.closest('pre'));
  block.replaceWith(figure);
  figure.append(caption, block);
  return figure;
}

/** Has tables that are wider than their place be scrolled by the keyboard as well. */
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.setAttribute('tabindex', '0');
    else target.removeAttribute('tabindex');
  }
});

search.addEventListener('input', filter);
for (const code of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('pre > code.shell'))) {
  finish(code);
}
for (const table of document.querySelectorAll('table')) {
  widths.observe(table);
}
