/** Who is alone in a call for long is asked whether they are still there. */

/** Counts once a second: `look` is called with whether anybody else is here. 0 for either time: never. */
export class Idle {
  private aloneSince: number | null = null;
  private asked = false;

  constructor(
    private readonly beforeS: number,
    private readonly afterS: number,
    private readonly timedOut: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** Until the person is taken out of the call; null while nobody is asked. */
  get secondsLeft(): number | null {
    if (this.aloneSince === null || !this.asked) return null;
    return Math.max(0, Math.ceil(this.beforeS + this.afterS - this.alone()));
  }

  look(isAlone: boolean): void {
    if (!isAlone || this.beforeS <= 0 || this.afterS <= 0) this.aloneSince = null;
    else this.aloneSince ??= this.now();
    this.asked = this.aloneSince !== null && this.alone() >= this.beforeS;
    if (this.asked && this.alone() >= this.beforeS + this.afterS) {
      this.aloneSince = null;
      this.asked = false;
      this.timedOut();
    }
  }

  stay(): void {
    this.aloneSince = null;
    this.asked = false;
  }

  private alone(): number {
    return this.aloneSince === null ? 0 : (this.now() - this.aloneSince) / 1000;
  }
}
