// The colours that the page has at the moment.

/** @param {string} name */
export const styleValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const isDark = () => getComputedStyle(document.documentElement).colorScheme === 'dark';
