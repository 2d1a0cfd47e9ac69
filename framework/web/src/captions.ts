/** What is said, as text over the pictures: the last two pieces, for a while. */

import { el } from './dom';
import { clipped } from './people';
import type { Caption } from './values';

const LINES = 2;
const SHOWN_MS = 7_000;

export class CaptionLines {
  readonly element = el('div', { class: 'jf-captions', 'aria-live': 'polite', 'aria-label': 'Captions', role: 'region', hidden: true });
  private timer = 0;
  private drawn = '';

  show(lines: readonly Caption[], isOn: boolean): void {
    const last = lines.slice(-LINES).filter((line) => line.text.trim());
    const as = JSON.stringify(last);
    if (!isOn) return this.clear();
    if (as === this.drawn) return;
    this.drawn = as;
    this.element.replaceChildren(...last.map((line) => el('p', {}, el('b', {}, el('bdi', {}, clipped(line.name)), ': '), el('bdi', {}, line.text.slice(-240)))));
    this.element.hidden = last.length === 0;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.element.hidden = true), SHOWN_MS);
  }

  private clear(): void {
    window.clearTimeout(this.timer);
    this.element.hidden = true;
    this.drawn = '';
  }

  close(): void {
    this.clear();
    this.element.remove();
  }
}
