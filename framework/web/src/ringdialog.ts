/** Somebody rings: who, whether to come, and a tone; the title of the page says it, for whoever looks at another one. */

import { el, freshId } from './dom';
import { clipped, shownName } from './people';
import type { Ring } from './ringing';

const EVERY_MS = 3_000;
const BURST_S = 1.2;
const LOUDNESS = 0.08;

let open = 0;
let titleBefore = '';

export class RingDialog {
  private readonly element: HTMLDialogElement;
  private readonly words = el('p', { role: 'status' });
  private readonly buttons = el('div', { class: 'jf-dialog-buttons' });
  private readonly hush = ringing();

  /**
   * Neither button has the focus: whoever is typing as it rings answers nothing by it. Shown over the page that `within` is in. `answer` says what went wrong, if anything, and `done` closes this: after
   * the answer, or when somebody has read why there is no call. Escape says no.
   */
  constructor(
    within: HTMLElement,
    ring: Ring,
    private readonly answer: (comes: boolean) => Promise<string>,
    private readonly done: () => void,
  ) {
    const id = freshId('ring');
    const who = clipped(shownName(ring.name, ring.uid));
    this.words.textContent = ring.type === 'VOICE' ? 'A call with sound alone.' : 'A call with camera and sound.';
    this.buttons.append(button('Decline', 'jf-danger', () => this.answered(false)), button('Answer', 'jf-primary', () => this.answered(true)));
    this.element = el('dialog', { class: 'jf-dialog jf-ring', 'aria-labelledby': id }, el('h2', { id, tabindex: '-1', autofocus: true }, `${who} is calling`), this.words, this.buttons);
    this.element.addEventListener('cancel', (event) => {
      event.preventDefault();
      this.answered(false);
    });
    within.append(this.element);
    this.element.showModal();
    if (open === 0) titleBefore = document.title;
    open += 1;
    document.title = `${who} is calling`;
  }

  private answered(comes: boolean): void {
    this.hush();
    for (const each of this.buttons.querySelectorAll('button')) each.disabled = true;
    if (comes) this.words.textContent = 'Joining…';
    void this.answer(comes).then((wrong) => {
      if (!wrong) return this.done();
      this.words.textContent = wrong;
      const close = button('Close', '', this.done);
      this.buttons.replaceChildren(close);
      close.focus();
    });
  }

  close(): void {
    this.hush();
    this.element.remove();
    open -= 1;
    if (open === 0) document.title = titleBefore;
  }
}

function button(label: string, kind: string, onclick: () => void): HTMLButtonElement {
  return el('button', { class: `jf-button ${kind}`, type: 'button', onclick }, label);
}

/** A tone until the answer is called. A page that nobody has touched yet makes no sound: browsers keep it from that. */
function ringing(): () => void {
  if (!navigator.userActivation?.hasBeenActive) return () => undefined;
  const context = new AudioContext();
  const gain = context.createGain();
  gain.gain.value = 0;
  gain.connect(context.destination);
  for (const pitch of [440, 480]) {
    const tone = new OscillatorNode(context, { frequency: pitch });
    tone.connect(gain);
    tone.start();
  }
  const burst = (): void => {
    gain.gain.setTargetAtTime(LOUDNESS, context.currentTime, 0.02);
    gain.gain.setTargetAtTime(0, context.currentTime + BURST_S, 0.02);
  };
  burst();
  const timer = window.setInterval(burst, EVERY_MS);
  return () => {
    window.clearInterval(timer);
    if (context.state !== 'closed') void context.close();
  };
}
