/** Where the tiles are: an equal grid, or a shared screen with the people beside it. */

import { el, setAttribute } from './dom';
import { fit } from './grid';
import { seatsOf, Tile, type Seat } from './tile';
import type { Person } from './values';

const GAP_PX = 10;

export class Stage {
  readonly element: HTMLElement;
  private readonly grid = el('ul', { class: 'jf-grid', 'aria-label': 'People in this session' });
  private readonly people = el('div', { class: 'jf-people' }, this.grid);
  private readonly main = el('ul', { class: 'jf-main', 'aria-label': 'Shared screen', hidden: true });
  private readonly tiles = new Map<string, Tile>();
  private readonly resized: ResizeObserver;

  constructor() {
    this.element = el('div', { class: 'jf-stage' }, this.main, this.people);
    this.resized = new ResizeObserver(() => this.arrange());
    this.resized.observe(this.element);
  }

  /** Show these people as they are now. Tiles that stay are never taken out of the page, so their pictures play on. */
  show(people: readonly Person[]): void {
    const seats = seatsOf(people);
    for (const [id, tile] of this.tiles) if (!seats.some((seat) => seat.id === id)) this.drop(id, tile);
    const screen = seats.find((seat) => seat.picture?.source === 'screen' && !seat.person.isLocal);
    this.place(this.main, screen ? [screen] : []);
    this.place(this.grid, seats.filter((seat) => seat !== screen));
    this.main.hidden = !screen;
    this.element.classList.toggle('jf-presenting', screen !== undefined);
    this.arrange();
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

  private place(list: HTMLElement, seats: readonly Seat[]): void {
    seats.forEach((seat, index) => {
      const tile = this.tiles.get(seat.id) ?? new Tile(seat);
      this.tiles.set(seat.id, tile);
      tile.show(seat);
      if (list.children[index] !== tile.element) list.insertBefore(tile.element, list.children[index] ?? null);
    });
  }

  private arrange(): void {
    const isPresenting = !this.main.hidden;
    const isWide = this.element.clientWidth > this.element.clientHeight;
    setAttribute(this.element, 'data-strip', isPresenting ? (isWide ? 'side' : 'below') : null);
    const { columns, width, height } = fit(this.grid.childElementCount, this.people.clientWidth, this.people.clientHeight, GAP_PX);
    this.grid.style.setProperty('--jf-row-width', `${columns * width + (columns - 1) * GAP_PX}px`);
    this.grid.style.setProperty('--jf-cell-width', `${width}px`);
    this.grid.style.setProperty('--jf-cell-height', `${height}px`);
    // What scrolls can be scrolled with the keyboard.
    setAttribute(this.people, 'tabindex', this.people.scrollHeight > this.people.clientHeight + 1 ? 0 : null);
  }
}
