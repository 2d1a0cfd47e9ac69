/** Short notices that go away by themselves, read out by screen readers. */

import { el, type Child } from './dom';

const SHOWN_MS = 5_000;
const MOST = 4;

export class Toasts {
  readonly element = el('div', { class: 'jf-toasts', role: 'log', 'aria-live': 'polite', 'aria-label': 'Notices' });
  private readonly timers = new Set<number>();

  /** Show one; problems stay twice as long. */
  show(text: string | readonly Child[], kind: 'notice' | 'problem' | 'message' = 'notice'): void {
    const toast = el('p', { class: `jf-toast jf-toast-${kind}` }, ...(typeof text === 'string' ? [text] : text));
    this.element.append(toast);
    while (this.element.childElementCount > MOST) this.element.firstElementChild?.remove();
    const timer = window.setTimeout(() => {
      toast.remove();
      this.timers.delete(timer);
    }, kind === 'problem' ? SHOWN_MS * 2 : SHOWN_MS);
    this.timers.add(timer);
  }

  /** Those of this kind are read already. */
  drop(kind: 'message'): void {
    for (const toast of this.element.querySelectorAll(`.jf-toast-${kind}`)) toast.remove();
  }

  close(): void {
    for (const timer of this.timers) window.clearTimeout(timer);
    this.element.remove();
  }
}
