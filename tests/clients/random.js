// Reproducible random choices: the same seed gives the same choices.

/** The generator mulberry32. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed | 0;
  }

  /** A number from 0 up to 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  /** A whole number from 0 up to a limit. */
  below(limit) {
    return Math.floor(this.fraction() * limit);
  }

  /** One of several. */
  pick(items) {
    return items[this.below(items.length)];
  }

  shuffle(items) {
    const shuffled = [...items];
    for (let end = shuffled.length - 1; end > 0; end--) {
      const other = this.below(end + 1);
      [shuffled[end], shuffled[other]] = [shuffled[other], shuffled[end]];
    }
    return shuffled;
  }

  /** From `least` to `most` results of a function. */
  several(least, most, make) {
    return Array.from({ length: least + this.below(most - least + 1) }, () => make());
  }
}
