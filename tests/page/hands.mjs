// Ways to act on the page: with a mouse, with a finger, and with a keyboard alone.

/** With a mouse. */
export class Mouse {
  constructor(watched) {
    this.watched = watched;
    this.keyboard = watched.page.keyboard;
  }

  press(element) {
    return element.click();
  }

  fill(element, text) {
    return element.fill(text);
  }

  choose(element, value) {
    return element.selectOption(value);
  }
}

/** With a finger. */
export class Finger extends Mouse {
  press(element) {
    return element.tap();
  }
}

/** With the keyboard alone: what is acted on is reached by Tab, and has to show that it has the focus. */
export class Keyboard extends Mouse {
  async press(element) {
    await this.watched.tabTo(element);
    const isBox = await element.evaluate((one) => one.matches('input[type=checkbox]'));
    await this.keyboard.press(isBox ? 'Space' : 'Enter');
  }

  async fill(element, text) {
    await this.watched.tabTo(element);
    await this.keyboard.press('Control+A');
    await this.keyboard.type(text);
  }

  async choose(element, value) {
    await this.watched.tabTo(element);
    await this.keyboard.press('Home');
    const most = await element.locator('option').count();
    for (let i = 0; i < most && (await element.inputValue()) !== value; i += 1) await this.keyboard.press('ArrowDown');
  }
}
