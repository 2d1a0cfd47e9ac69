/** Where the tiles are: an equal grid, or one in the main place with the others beside or over it; page by page. */

import { el, setAttribute, setText } from './dom';
import { fit } from './grid';
import { icon } from './icons';
import { Moves } from './moves';
import { arrange, capacity, Speaker, type Arrangement } from './layout';
import { seatsOf, Tile, type Seat } from './tile';
import type { LayoutName, Person } from './values';

const GAP_PX = 10;
const SWIPE_PX = 60;

export class Stage {
  readonly element: HTMLElement;
  private readonly grid = el('ul', { class: 'jf-grid', 'aria-label': 'People in this session' });
  private readonly people = el('div', { class: 'jf-people' }, this.grid);
  private readonly main = el('ul', { class: 'jf-main', 'aria-label': 'Main place', hidden: true });
  private readonly pager = el('nav', { class: 'jf-pager', 'aria-label': 'Pages of people', hidden: true });
  private readonly pageText = el('span', { class: 'jf-page-text', 'aria-live': 'polite' });
  private readonly back = this.turner('left', 'Earlier people', -1);
  private readonly on = this.turner('right', 'More people', 1);
  private readonly tiles = new Map<string, Tile>();
  private readonly speaker = new Speaker(() => performance.now());
  private readonly resized: ResizeObserver;
  private seats: readonly Seat[] = [];
  private talking: string | null = null;
  private readonly moves = new Moves();
  private page = 0;
  private pages = 1;
  private swipedFrom: number | null = null;
  pinned: string | null = null;
  layout: LayoutName;

  constructor(
    layout: LayoutName,
    private readonly changed: () => void,
  ) {
    this.layout = layout;
    this.pager.append(this.back, this.pageText, this.on);
    this.element = el('div', { class: 'jf-stage' }, this.main, this.people, this.pager);
    this.people.addEventListener('pointerdown', (event) => (this.swipedFrom = event.clientX));
    this.people.addEventListener('pointerup', (event) => this.swiped(event.clientX));
    this.resized = new ResizeObserver(() => this.arrange());
    this.resized.observe(this.element);
  }

  /** Show these people as they are now. Tiles that stay are never taken out of the page, so their pictures play on. */
  show(people: readonly Person[]): void {
    this.seats = seatsOf(people);
    this.talking = this.speaker.follow(people);
    if (this.pinned !== null && !this.seats.some((seat) => seat.id === this.pinned)) this.pinned = null;
    const before = this.tiles.size;
    for (const [id, tile] of this.tiles) if (!this.seats.some((seat) => seat.id === id)) this.drop(id, tile);
    if (this.tiles.size === before && this.seats.length === before) this.arrange();
    else this.move();
  }

  setLayout(layout: LayoutName): void {
    this.layout = layout;
    this.page = 0;
    this.move();
  }

  /** This one keeps the main place; asked again, nobody does. */
  pin(id: string): void {
    this.pinned = this.pinned === id ? null : id;
    this.page = 0;
    this.move();
    this.changed();
  }

  close(): void {
    this.resized.disconnect();
    for (const [id, tile] of this.tiles) this.drop(id, tile);
    this.element.remove();
  }

  private drop(id: string, tile: Tile): void {
    tile.close();
    this.tiles.delete(id);
  }

  /** Arranges anew, and lets the eye follow who goes where. */
  private move(): void {
    this.moves.during([...this.tiles.values()].map(({ element }) => element), () => this.arrange());
  }

  private arrange(): void {
    const wish = { layout: this.layout, pinned: this.pinned, speaker: this.talking, page: this.page };
    const placed = arrange(this.seats, wish, (shown) => this.fits(shown));
    this.page = placed.page;
    this.pages = placed.pages;
    setAttribute(this.element, 'data-layout', placed.shown);
    setAttribute(this.element, 'data-strip', placed.shown === 'SIDEBAR' ? (this.isWide ? 'side' : 'below') : null);
    this.main.hidden = placed.main === null;
    this.people.hidden = placed.rest.length === 0;
    this.place(this.main, placed.main ? [placed.main] : []);
    this.place(this.grid, placed.rest);
    this.restOthers(placed);
    this.size(placed);
    this.showPager();
  }

  private get isWide(): boolean {
    return this.element.clientWidth > this.element.clientHeight;
  }

  private fits(shown: LayoutName): number {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0) return this.seats.length; // not on the page yet
    if (shown === 'TILE') return capacity(width, height);
    if (shown === 'SPOTLIGHT') return Math.max(1, Math.min(6, Math.floor(width / 120)));
    return this.isWide ? Math.max(1, Math.floor(height / 130)) : Math.max(1, Math.floor(width / 150));
  }

  private place(list: HTMLElement, seats: readonly Seat[]): void {
    seats.forEach((seat, index) => {
      const tile = this.tiles.get(seat.id) ?? new Tile(seat, (id) => this.pin(id));
      this.tiles.set(seat.id, tile);
      tile.show(seat, this.pinned === seat.id);
      if (list.children[index] !== tile.element) list.insertBefore(tile.element, list.children[index] ?? null);
    });
  }

  /** Those of other pages are not in the page, and their pictures are not asked for. */
  private restOthers({ main, rest }: Arrangement): void {
    const shown = new Set([...(main ? [main.id] : []), ...rest.map((seat) => seat.id)]);
    for (const [id, tile] of this.tiles) {
      if (shown.has(id)) continue;
      tile.rest();
      tile.element.remove();
    }
  }

  private size({ rest, shown }: Arrangement): void {
    const { clientWidth: width, clientHeight: height } = this.people;
    let { columns, width: cellWidth, height: cellHeight } = fit(rest.length, width, height, GAP_PX);
    if (shown === 'SPOTLIGHT') {
      columns = rest.length;
      cellWidth = Math.min(180, Math.floor((width - GAP_PX * (columns - 1)) / Math.max(1, columns)));
      cellHeight = Math.floor((cellWidth * 9) / 16);
    }
    this.element.style.setProperty('--jf-row-width', `${columns * cellWidth + (columns - 1) * GAP_PX}px`);
    this.element.style.setProperty('--jf-cell-width', `${cellWidth}px`);
    this.element.style.setProperty('--jf-cell-height', `${cellHeight}px`);
    // What scrolls can be scrolled with the keyboard.
    setAttribute(this.people, 'tabindex', this.people.scrollHeight > this.people.clientHeight + 1 ? 0 : null);
  }

  private showPager(): void {
    this.pager.hidden = this.pages < 2;
    this.element.classList.toggle('jf-paged', this.pages > 1);
    setText(this.pageText, `${this.page + 1} of ${this.pages}`);
    this.back.disabled = this.page === 0;
    this.on.disabled = this.page === this.pages - 1;
  }

  private turner(glyph: 'left' | 'right', label: string, by: number): HTMLButtonElement {
    return el('button', { class: 'jf-button jf-small', type: 'button', title: label, onclick: () => this.turn(by) }, icon(glyph), el('span', { class: 'jf-hidden' }, label));
  }

  private turn(by: number): void {
    this.page = Math.min(this.pages - 1, Math.max(0, this.page + by));
    this.arrange();
  }

  private swiped(to: number): void {
    const by = this.swipedFrom === null ? 0 : to - this.swipedFrom;
    this.swipedFrom = null;
    if (Math.abs(by) > SWIPE_PX) this.turn(by < 0 ? 1 : -1);
  }
}
