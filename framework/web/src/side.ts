/** The panel beside the stage: one of several tabs, or none. On a phone it lies over the stage. */

import { el, freshId, setAttribute } from './dom';
import { icon } from './icons';

export interface Tab {
  readonly name: 'people' | 'chat';
  readonly label: string;
  readonly element: HTMLElement;
  /** Called when it has come to be seen: the place for the focus. */
  readonly opened: () => void;
}

export class SidePanel {
  readonly element: HTMLElement;
  private readonly tabs = new Map<string, { tab: Tab; button: HTMLButtonElement }>();
  private readonly list = el('div', { class: 'jf-tabs', role: 'tablist', 'aria-label': 'Beside the call' });
  private readonly place = el('div', { class: 'jf-side-place', role: 'tabpanel' });
  private open: string | null = null;

  constructor(private readonly changed: (open: string | null) => void) {
    const close = el('button', { class: 'jf-button jf-small', type: 'button', title: 'Close', onclick: () => this.show(null) }, icon('close'), el('span', { class: 'jf-hidden' }, 'Close'));
    this.place.id = freshId('side');
    const head = el('div', { class: 'jf-side-head' }, this.list, close);
    this.element = el('aside', { class: 'jf-side', 'aria-label': 'People and chat', hidden: true, onkeydown: (event: KeyboardEvent) => this.key(event) }, head, this.place);
  }

  add(tab: Tab): void {
    const about = { type: 'button', role: 'tab', 'aria-selected': 'false', 'aria-controls': this.place.id, id: freshId('tab') };
    const button = el('button', { class: 'jf-tab', ...about, onclick: () => this.show(tab.name) }, tab.label);
    this.tabs.set(tab.name, { tab, button });
    this.list.append(button);
  }

  get shown(): string | null {
    return this.open;
  }

  toggle(name: Tab['name']): void {
    this.show(this.open === name ? null : name);
  }

  show(name: Tab['name'] | null): void {
    if (this.open === name) return;
    this.open = name;
    this.element.hidden = name === null;
    for (const [key, { tab, button }] of this.tabs) {
      setAttribute(button, 'aria-selected', String(key === name));
      if (key !== name) continue;
      this.place.replaceChildren(tab.element);
      setAttribute(this.place, 'aria-labelledby', button.id);
      tab.opened();
    }
    this.changed(name);
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.defaultPrevented) return;
    event.preventDefault();
    this.show(null);
  }
}
