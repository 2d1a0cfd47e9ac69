/** Who is where: pure functions from people and sizes to places. */

import type { Seat } from './tile';
import type { LayoutName, Person } from './values';

export interface Arrangement {
  /** How it looks now: a shared screen and somebody pinned have a main place in any layout. */
  readonly shown: LayoutName;
  readonly main: Seat | null;
  /** The others, of this page. */
  readonly rest: readonly Seat[];
  readonly page: number;
  readonly pages: number;
}

export interface Wish {
  readonly layout: LayoutName;
  /** The seat that the person has pinned. */
  readonly pinned: string | null;
  /** Who speaks, or spoke last. */
  readonly speaker: string | null;
  readonly page: number;
}

/** The smallest tile that one can still see somebody in, in CSS pixels. */
const SMALLEST = { width: 180, height: 120 } as const;
const GAP = 10;

/** How many of the smallest tiles fit into a space; one at least. */
export function capacity(width: number, height: number): number {
  const across = Math.floor((width + GAP) / (Math.min(SMALLEST.width, width) + GAP));
  const down = Math.floor((height + GAP) / (Math.min(SMALLEST.height, height) + GAP));
  return Math.max(1, across) * Math.max(1, down);
}

/** The seats, placed. `fits` says how many of the others a layout has room for. */
export function arrange(seats: readonly Seat[], wish: Wish, fits: (shown: LayoutName) => number): Arrangement {
  const held = seats.find((seat) => seat.id === wish.pinned) ?? seats.find((seat) => isScreen(seat) && !seat.person.isLocal) ?? null;
  const shown: LayoutName = held && wish.layout === 'TILE' ? 'SIDEBAR' : wish.layout;
  const main = shown === 'TILE' || seats.length < 2 ? null : (held ?? speaking(seats, wish.speaker));
  const others = seats.filter((seat) => seat !== main);
  return { shown: main ? shown : 'TILE', main, ...paged(others, Math.max(1, fits(main ? shown : 'TILE')), wish.page) };
}

function paged(seats: readonly Seat[], room: number, asked: number): Pick<Arrangement, 'rest' | 'page' | 'pages'> {
  const pages = Math.max(1, Math.ceil(seats.length / room));
  const page = Math.min(Math.max(0, asked), pages - 1);
  if (pages === 1) return { rest: seats, page, pages };
  // The person themselves stay on the first page, where they look for themselves.
  const own = seats.filter((seat) => seat.person.isLocal);
  const ordered = [...seats.filter((seat) => !seat.person.isLocal)];
  ordered.splice(Math.max(0, room - own.length), 0, ...own);
  return { rest: ordered.slice(page * room, (page + 1) * room), page, pages };
}

function isScreen(seat: Seat): boolean {
  return seat.picture?.source === 'screen';
}

function speaking(seats: readonly Seat[], speaker: string | null): Seat | null {
  return seats.find((seat) => seat.person.id === speaker && !seat.person.isLocal) ?? seats.find((seat) => !seat.person.isLocal) ?? null;
}

/** Follows who speaks, and keeps to somebody for a moment, so that a cough moves nobody. */
export class Speaker {
  private id: string | null = null;
  private since = -Infinity;

  constructor(
    private readonly now: () => number,
    private readonly holdMs = 2000,
  ) {}

  follow(people: readonly Person[]): string | null {
    const speaking = people.filter((person) => person.isSpeaking && !person.isLocal);
    const isStill = speaking.some((person) => person.id === this.id);
    const next = speaking[0];
    if (!isStill && next && this.now() - this.since >= this.holdMs) {
      this.id = next.id;
      this.since = this.now();
    }
    if (!people.some((person) => person.id === this.id)) this.id = null;
    return this.id;
  }
}
