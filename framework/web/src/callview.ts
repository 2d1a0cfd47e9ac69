/** A call, drawn into a container: header, tiles, controls, notices. */

import { Controls } from './controls';
import { el, setText } from './dom';
import { icon, mark } from './icons';
import { watchDevices } from './media';
import { clockFace } from './people';
import { Stage } from './stage';
import { Toasts } from './toasts';
import type { Call, CallEvent } from './values';
import { sentence } from './words';

export interface CallViewOptions {
  readonly title: string;
  /** Makes a link for somebody else; left out where this person may not invite. */
  readonly inviteLink?: () => Promise<string>;
  readonly copy?: (text: string) => Promise<void>;
}

/** Draws a call until `close`. It fills its container, whose size is the host's, and never leaves the call by itself. */
export class CallView {
  private readonly element: HTMLElement;
  private readonly stage = new Stage();
  private readonly toasts = new Toasts();
  private readonly controls: Controls;
  private readonly time = el('span', { class: 'jf-time', role: 'timer', 'aria-label': 'Time in this session' });
  private readonly count = el('span');
  private readonly veilText = el('p');
  private readonly veil: HTMLElement;
  private readonly alone = el('p', { class: 'jf-alone' }, 'You are the only one here.');
  private readonly sound: HTMLElement;
  private readonly ends: (() => void)[] = [];
  private isDue = false;

  constructor(
    container: HTMLElement,
    private readonly call: Call,
    private readonly options: CallViewOptions,
  ) {
    const copyInvite = options.inviteLink ? () => this.attempt(() => this.copyInvite()) : null;
    this.controls = new Controls(call, { leave: () => this.attempt(() => call.leave()), copyInvite, attempt: (action) => this.attempt(action) });
    this.veil = el('div', { class: 'jf-veil', role: 'status' }, el('span', { class: 'jf-spinner', 'aria-hidden': 'true' }), this.veilText);
    this.sound = soundBar(() => this.attempt(() => call.allowSound()));
    const body = el('div', { class: 'jf-body' }, this.stage.element, el('div', { class: 'jf-above' }, this.alone, this.toasts.element), this.veil);
    this.element = el('section', { class: 'jf-call', 'aria-label': `Session ${options.title}` }, this.header(), this.sound, body, this.controls.element);
    container.replaceChildren(this.element);
    const tick = window.setInterval(() => this.tick(), 1000);
    this.ends.push(() => window.clearInterval(tick), call.listen((event) => this.hear(event)), watchDevices(() => this.controls.refresh()));
    this.draw();
    this.tick();
  }

  close(): void {
    for (const end of this.ends.splice(0)) end();
    this.stage.close();
    this.toasts.close();
    this.element.remove();
  }

  private hear(event: CallEvent): void {
    if (event.kind === 'joined') this.toasts.show(`${event.name} joined`);
    else if (event.kind === 'departed') this.toasts.show(`${event.name} left`);
    else if (event.kind === 'reconnected') this.toasts.show('Connected again');
    else if (event.kind === 'problem') this.toasts.show(event.text, 'problem');
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(() => {
      this.isDue = false;
      if (this.ends.length) this.draw();
    });
  }

  private draw(): void {
    const { people, state } = this.call;
    this.stage.show(people);
    this.controls.show();
    setText(this.count, String(people.length));
    this.alone.hidden = people.length > 1 || state !== 'connected';
    this.sound.hidden = !this.call.isSoundBlocked;
    this.veil.classList.toggle('jf-veil-down', state === 'reconnecting');
    setText(this.veilText, state === 'reconnecting' ? 'The connection was interrupted. Reconnecting…' : '');
  }

  private tick(): void {
    setText(this.time, clockFace((Date.now() - this.call.startedAt) / 1000));
  }

  private attempt(action: () => Promise<void>): void {
    action().catch((error: unknown) => this.toasts.show(sentence(error), 'problem'));
  }

  private async copyInvite(): Promise<void> {
    const link = await this.options.inviteLink?.();
    if (!link) return;
    try {
      await (this.options.copy ?? ((text) => navigator.clipboard.writeText(text)))(link);
      this.toasts.show('Invite link copied');
    } catch {
      this.toasts.show(`Copy this link: ${link}`, 'problem');
    }
  }

  private header(): HTMLElement {
    const people = el('span', { class: 'jf-count', title: 'People in this session' }, icon('people'), this.count, el('span', { class: 'jf-hidden' }, ' in this session'));
    return el(
      'header',
      { class: 'jf-header' },
      mark(),
      el('h1', { class: 'jf-title', tabindex: '-1' }, this.options.title),
      el('div', { class: 'jf-header-end' }, this.time, people, this.fullscreen()),
    );
  }

  private fullscreen(): HTMLElement | false {
    if (!document.fullscreenEnabled) return false;
    const label = el('span', { class: 'jf-hidden' });
    const button = el('button', { class: 'jf-button jf-small', type: 'button' });
    const draw = (): void => {
      const isFull = document.fullscreenElement === this.element;
      setText(label, isFull ? 'Leave full screen' : 'Full screen');
      button.title = label.textContent;
      button.replaceChildren(icon(isFull ? 'shrink' : 'expand'), label);
    };
    button.addEventListener('click', () =>
      this.attempt(() => (document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen())),
    );
    document.addEventListener('fullscreenchange', draw);
    this.ends.push(() => document.removeEventListener('fullscreenchange', draw));
    draw();
    return button;
  }
}

function soundBar(allow: () => void): HTMLElement {
  const button = el('button', { class: 'jf-button', type: 'button', onclick: allow }, icon('speaker'), 'Play sound');
  return el('div', { class: 'jf-sound', role: 'status', hidden: true }, el('span', {}, 'The browser waits for a click before it plays sound.'), button);
}
