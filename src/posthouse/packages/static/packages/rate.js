// How fast bytes move, smoothed so that the figures can be read, and how long the rest will take. Pure.

const HALF_LIFE = 4; // seconds after which an old speed counts half
const ENOUGH = 2; // seconds of movement before a time left is more than a guess

export class Rate {
  #average = 0;
  #weight = 0;
  #last = null;
  #moved = 0;

  /** Note that `bytes` are through in all, at `time` in seconds. Fewer than before (a lost connection) is no speed. */
  note(time, bytes) {
    if (this.#last) {
      const seconds = time - this.#last.time;
      if (seconds <= 0) return;
      const speed = Math.max(0, bytes - this.#last.bytes) / seconds;
      const kept = 0.5 ** (seconds / HALF_LIFE);
      this.#average = this.#average * kept + speed * (1 - kept);
      this.#weight = this.#weight * kept + (1 - kept);
      this.#moved += seconds;
    }
    this.#last = { time, bytes };
  }

  /** Forget when the last note was, so that a pause does not count as slowness. */
  pause() {
    this.#last = null;
  }

  /** Bytes per second. */
  get speed() {
    // The weight makes up for the zeros with which the average began.
    return this.#weight ? this.#average / this.#weight : 0;
  }

  /** Seconds until `bytes` more are through; null while nobody can tell. */
  left(bytes) {
    return this.#moved < ENOUGH || this.speed < 1 ? null : bytes / this.speed;
  }
}
