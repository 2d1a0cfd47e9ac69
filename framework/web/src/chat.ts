/** The chat: what was written, as it was written, and a field to write in. */

import { el, freshId, setText } from './dom';
import { icon } from './icons';
import type { Chat, ChatMessage } from './values';

/** Texts and the links in them: only http and https become links. */
export function pieces(text: string): readonly { readonly text: string; readonly isLink: boolean }[] {
  const found: { text: string; isLink: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), isLink: false });
    found.push({ text: match[0], isLink: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push({ text: text.slice(at), isLink: false });
  return found;
}

const SHOWN = 2_000;

export class ChatPanel {
  readonly element: HTMLElement;
  private readonly log = el('div', { class: 'jf-chat-log', role: 'log', 'aria-label': 'Messages', tabindex: '0' });
  private readonly empty = el('p', { class: 'jf-side-empty' }, 'No messages yet. Everyone in the session sees what you write.');
  private readonly field: HTMLTextAreaElement;
  private readonly trouble = el('p', { class: 'jf-trouble', role: 'status', hidden: true });
  private readonly shown = new Set<string>();

  constructor(
    private readonly chat: Chat,
    private readonly attempt: (action: () => Promise<void>) => void,
  ) {
    const id = freshId('message');
    this.field = el('textarea', { id, class: 'jf-input jf-chat-field', rows: 2, placeholder: 'Write a message', onkeydown: (event: KeyboardEvent) => this.key(event), oninput: () => this.judge() });
    const send = el('button', { class: 'jf-button jf-primary', type: 'submit', title: 'Send' }, icon('send'), el('span', { class: 'jf-hidden' }, 'Send'));
    const submit = (event: Event): void => {
      event.preventDefault();
      this.submit();
    };
    const form = el('form', { class: 'jf-chat-form', onsubmit: submit, 'aria-label': 'Write a message' }, el('label', { for: id, class: 'jf-hidden' }, 'Message'), this.field, send);
    this.log.append(this.empty);
    this.element = el('div', { class: 'jf-chat' }, this.log, this.trouble, form);
    this.show();
  }

  focus(): void {
    this.show();
    this.field.focus();
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** What came since. Whoever reads further up is not torn away. */
  show(): void {
    const isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    for (const message of this.chat.messages) {
      if (this.shown.has(message.id)) continue;
      this.shown.add(message.id);
      this.log.append(drawn(message));
    }
    this.empty.hidden = this.shown.size > 0;
    if (isAtEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submit();
  }

  private judge(): boolean {
    const over = this.field.value.length - this.chat.longest;
    setText(this.trouble, over > 0 ? `This is ${over} characters too long.` : '');
    this.trouble.hidden = over <= 0;
    return over <= 0;
  }

  private submit(): void {
    const text = this.field.value;
    if (!text.trim() || !this.judge()) return;
    this.field.value = '';
    this.attempt(async () => {
      try {
        await this.chat.send(text);
      } catch (error) {
        if (!this.field.value) this.field.value = text; // it is not lost
        throw error;
      }
    });
  }
}

function drawn(message: ChatMessage): HTMLElement {
  const at = new Date(message.at);
  const time = el('time', { class: 'jf-message-time', datetime: at.toISOString() }, at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
  const who = el('p', { class: 'jf-message-who' }, el('bdi', { class: 'jf-message-name' }, message.isOwn ? 'You' : message.name), time);
  const body = el('p', { class: 'jf-message-text', dir: 'auto' });
  fill(body, message.text.slice(0, SHOWN));
  const made = el('article', { class: `jf-message${message.isOwn ? ' jf-own' : ''}` }, who, body);
  if (message.text.length > SHOWN) {
    const more = el('button', { class: 'jf-link', type: 'button', onclick: () => (fill(body, message.text), more.remove()) }, `Show all ${message.text.length.toLocaleString()} characters`);
    made.append(more);
  }
  return made;
}

function fill(body: HTMLElement, text: string): void {
  const link = (address: string): HTMLElement => el('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow' }, address);
  body.replaceChildren(...pieces(text).map((piece) => (piece.isLink ? link(piece.text) : piece.text)));
}
