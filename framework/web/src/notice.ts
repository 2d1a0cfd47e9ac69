/** A page with one thing to say, and what can be done next. */

import { el } from './dom';
import { mark } from './icons';

export interface NoticeOptions {
  readonly title: string;
  readonly text: string;
  /** The first is the likely one. */
  readonly actions: readonly { readonly label: string; readonly act: () => void }[];
}

export class NoticeView {
  private readonly element: HTMLElement;

  constructor(container: HTMLElement, options: NoticeOptions) {
    const heading = el('h1', { class: 'jf-heading', tabindex: '-1' }, options.title);
    const buttons = options.actions.map(({ label, act }, index) =>
      el('button', { class: `jf-button jf-wide ${index ? '' : 'jf-primary'}`, type: 'button', onclick: act }, label),
    );
    const card = el('div', { class: 'jf-card' }, el('p', { class: 'jf-brand' }, mark(), 'Jackfield'), heading, el('p', { class: 'jf-quiet' }, options.text), ...buttons);
    this.element = el('div', { class: 'jf-single' }, card);
    container.replaceChildren(this.element);
    heading.focus();
  }

  close(): void {
    this.element.remove();
  }
}
