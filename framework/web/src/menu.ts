/** A button that opens a short list of choices above itself. */

import { el, freshId, setAttribute } from './dom';
import { icon, type IconName } from './icons';

export interface Choice {
  readonly label: string;
  /** Whether it is the one of its section that holds; null: it is something to do. */
  readonly isChosen: boolean | null;
  readonly choose: () => void;
  /** It cannot be taken back, and is drawn as such. */
  readonly isDangerous?: boolean;
}

/** Without a title it is set apart by a line; with one, the title is that. */
export interface Section {
  readonly title: string;
  readonly choices: readonly Choice[];
}

/** The sections are asked for each time it opens. Arrow keys move, Escape closes, a click elsewhere closes. */
export class Menu {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  private readonly panel: HTMLElement;

  constructor(
    private readonly label: string,
    glyph: IconName,
    private readonly sections: () => Promise<readonly Section[]>,
    shape: 'jf-caret' | 'jf-round' = 'jf-caret',
  ) {
    const id = freshId('menu');
    const about = { type: 'button', 'aria-label': label, title: label, 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-controls': id };
    this.button = el('button', { class: `jf-button ${shape}`, ...about, onclick: () => void this.toggle() }, icon(glyph));
    this.panel = el('div', { class: 'jf-menu', id, role: 'menu', 'aria-label': label, hidden: true });
    this.element = el('div', { class: 'jf-menu-holder', onkeydown: (event: KeyboardEvent) => this.key(event) }, this.button, this.panel);
    this.element.addEventListener('focusout', (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.hide();
    });
  }

  get isOpen(): boolean {
    return !this.panel.hidden;
  }

  /** What is shown is asked for anew, if it is shown. */
  async refresh(): Promise<void> {
    if (!this.isOpen) return;
    const drawn = (await this.sections()).flatMap((section, index) => this.draw(section, index > 0));
    const focused = this.items().indexOf(document.activeElement as HTMLElement);
    // An item that is taken out while it has the focus would close the menu under the person's hands.
    if (focused >= 0) this.button.focus();
    this.panel.replaceChildren(...drawn);
    if (focused >= 0) (this.items()[Math.min(focused, this.items().length - 1)] ?? this.button).focus();
  }

  hide(): void {
    this.panel.hidden = true;
    setAttribute(this.button, 'aria-expanded', 'false');
  }

  private async toggle(): Promise<void> {
    if (this.isOpen) return this.hide();
    this.panel.hidden = false;
    setAttribute(this.button, 'aria-expanded', 'true');
    await this.refresh();
    (this.items().find((item) => item.getAttribute('aria-checked') === 'true') ?? this.items()[0] ?? this.button).focus();
  }

  private draw(section: Section, isFurther: boolean): HTMLElement[] {
    const id = freshId('section');
    const items = section.choices.map((choice) => this.item(choice));
    const nothing = el('p', { class: 'jf-menu-empty' }, 'None found');
    return [
      ...(isFurther ? [el('div', { class: 'jf-menu-line', role: 'separator' })] : []),
      el('div', { class: 'jf-menu-title', id, role: 'presentation', hidden: !section.title }, section.title || this.label),
      el('div', { role: 'group', 'aria-labelledby': id }, ...(items.length ? items : [nothing])),
    ];
  }

  private item(choice: Choice): HTMLElement {
    const isRadio = choice.isChosen !== null;
    const about = { type: 'button', role: isRadio ? 'menuitemradio' : 'menuitem', 'aria-checked': isRadio ? String(choice.isChosen) : null, tabindex: '-1' };
    const chosen = (): void => {
      this.hide();
      this.button.focus();
      choice.choose();
    };
    return el('button', { class: `jf-menu-item${choice.isDangerous ? ' jf-menu-danger' : ''}`, ...about, onclick: chosen }, icon('check'), el('span', {}, choice.label));
  }

  private items(): HTMLElement[] {
    return [...this.panel.querySelectorAll<HTMLElement>('[role^=menuitem]')];
  }

  private key(event: KeyboardEvent): void {
    if (!this.isOpen) return;
    const items = this.items();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    const next = to[event.key];
    if (event.key === 'Escape') {
      this.hide();
      this.button.focus();
    } else if (next !== undefined && items.length) {
      items[(next + items.length) % items.length]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
