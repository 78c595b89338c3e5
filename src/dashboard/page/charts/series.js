// The losses of epochs as they come, in no more memory than a screen can show.

const MOST_POINTS = 4000;

/** @typedef {import('../types.js').Epoch} Epoch */

/**
 * Losses by epoch. Where more come than a screen can show, every second one is dropped, and from then on only each
 * k-th epoch is taken; the newest is always there.
 */
export class Series {
  constructor() {
    /** @type {number[]} */
    this.epochs = [];
    /** @type {(number | null)[]} */
    this.loss = [];
    /** @type {(number | null)[]} */
    this.validation = [];
    this.stride = 1;
    this.taken = 0;
    this.isLastExtra = false;
  }

  /** @param {Epoch} epoch */
  add(epoch) {
    if (this.epochs.length && epoch.epoch <= this.epochs[this.epochs.length - 1]) return;
    if (this.isLastExtra) for (const list of [this.epochs, this.loss, this.validation]) list.pop();
    this.epochs.push(epoch.epoch);
    this.loss.push(epoch.loss);
    this.validation.push(epoch.validation_loss);
    this.isLastExtra = this.taken % this.stride !== 0;
    this.taken += 1;
    if (this.epochs.length > MOST_POINTS) this.thin();
  }

  /** Takes the epochs of another in place of its own. @param {Series} other */
  become(other) {
    Object.assign(this, other);
  }

  /** Drops every second point. */
  thin() {
    const last = this.epochs.length - 1;
    const kept = (/** @type {any[]} */ list) => list.filter((_, i) => i % 2 === 0 || i === last);
    this.isLastExtra ||= last % 2 !== 0;
    this.epochs = kept(this.epochs);
    this.loss = kept(this.loss);
    this.validation = kept(this.validation);
    this.stride *= 2;
  }

  /** Whether any epoch has a validation loss. */
  get isValidated() {
    return this.validation.some((value) => value !== null);
  }
}
