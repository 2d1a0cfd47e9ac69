/** Whose captions are shown of each person: several may write down the same words. */

/** Whoever has written nothing for so long makes room for another one. */
const RESTS_MS = 10_000;

export class Makers {
  private readonly last = new Map<string, { readonly maker: string; readonly at: number }>();

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Whether what this maker has written down of a person's words is shown: the first one's is, while it goes on; their own before anybody's. */
  takes(speaker: string, maker: string): boolean {
    const now = this.clock();
    const before = this.last.get(speaker);
    if (before && before.maker !== maker && maker !== speaker && now - before.at < RESTS_MS) return false;
    this.last.delete(speaker);
    this.last.set(speaker, { maker, at: now });
    for (const [who, { at }] of this.last) {
      if (now - at < RESTS_MS) break;
      this.last.delete(who);
    }
    return true;
  }

  /** They have left: whoever else writes is heard at once. */
  forget(maker: string): void {
    for (const [speaker, held] of this.last) if (held.maker === maker) this.last.delete(speaker);
  }
}
