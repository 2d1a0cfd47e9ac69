/** Who came and who went, told as it was seen: whoever is still there after an interruption has done neither. */

/** Whoever was here before an interruption is waited for so long after it: they may be on their way back, too. */
export const GRACE_MS = 5_000;

export class Comings {
  private isInterrupted = false;
  /** Who was lost sight of, and may only have been out of sight; who is new since. */
  private readonly missed = new Map<string, string>();
  private readonly fresh = new Map<string, string>();
  /** Of whom it is known that they are here: livekit-client may tell of them late, and once more. */
  private readonly here = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly tell: (kind: 'joined' | 'departed', name: string) => void) {}

  came(id: string, name: string): void {
    const isKnown = this.here.has(id);
    this.here.add(id);
    if (this.missed.delete(id) || isKnown) return;
    if (this.isInterrupted) this.fresh.set(id, name);
    else this.tell('joined', name);
  }

  went(id: string, name: string): void {
    if (!this.here.delete(id)) return; // they came and went unseen
    if (!this.isInterrupted) this.tell('departed', name);
    else if (!this.fresh.delete(id)) this.missed.set(id, name);
  }

  /** They are there, whether or not that was told. */
  isHere(id: string): void {
    this.missed.delete(id);
    this.here.add(id);
  }

  /** The connection is lost. */
  interrupted(): void {
    clearTimeout(this.timer);
    this.isInterrupted = true;
  }

  /** It is there again. */
  back(): void {
    if (!this.isInterrupted) return;
    this.isInterrupted = false;
    for (const name of this.fresh.values()) this.tell('joined', name);
    this.fresh.clear();
    this.timer = setTimeout(() => {
      for (const name of this.missed.values()) this.tell('departed', name);
      this.missed.clear();
    }, GRACE_MS);
  }

  close(): void {
    clearTimeout(this.timer);
  }
}
