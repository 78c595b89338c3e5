// Files that are dropped: on a part of the page, or anywhere in its window.

/**
 * Takes a file that is dropped on `target`, and marks `marked` while one is held over it.
 * @param {EventTarget} target
 * @param {Element} marked
 * @param {(file: File) => void} take
 * @param {AbortSignal} signal
 */
export function onDrop(target, marked, take, signal) {
  const hear = (/** @type {string} */ name, /** @type {(event: DragEvent) => void} */ does) =>
    target.addEventListener(name, /** @type {EventListener} */ (does), { signal });
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
  hear('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    marked.classList.add('over');
  });
  hear('dragleave', () => marked.classList.remove('over'));
  hear('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    marked.classList.remove('over');
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}

/** @type {File | null} */
let kept = null;

/**
 * Keeps a file for the view that takes it in.
 * @param {File} file
 */
export function keepFile(file) {
  kept = file;
}

/** The file that was kept, once. */
export function keptFile() {
  const file = kept;
  kept = null;
  return file;
}
