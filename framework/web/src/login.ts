/** The log-in form, for who comes without an invite. */

import { el, freshId, setText } from './dom';
import { mark } from './icons';
import { sentence } from './words';

export interface LogInOptions {
  readonly sessionId: string;
  /** Why the person is asked, where there is more to say than that they came without an invite. */
  readonly because: string;
  readonly logIn: (uid: string, key: string) => Promise<void>;
}

export class LogInView {
  private readonly element: HTMLElement;
  private readonly failure = el('p', { class: 'jf-failure', role: 'alert', hidden: true });
  private readonly uid = field('uid', 'text', 'username');
  private readonly key = field('key', 'password', 'current-password');
  private readonly button = el('button', { class: 'jf-button jf-primary jf-wide', type: 'submit' }, 'Log in');

  constructor(
    container: HTMLElement,
    private readonly options: LogInOptions,
  ) {
    const submit = (event: Event): void => {
      event.preventDefault();
      void this.send();
    };
    const form = el(
      'form',
      { class: 'jf-card', onsubmit: submit, 'aria-label': 'Log in' },
      el('p', { class: 'jf-brand' }, mark(), 'Jackfield'),
      el('h1', { class: 'jf-heading' }, 'Log in to join ', el('span', { class: 'jf-session' }, options.sessionId)),
      el('p', { class: 'jf-quiet' }, options.because || 'A link with an invite needs no log-in: ask whoever is in the session for one.'),
      el('div', { class: 'jf-field' }, el('label', { for: this.uid.id }, 'User id'), this.uid),
      el('div', { class: 'jf-field' }, el('label', { for: this.key.id }, 'Log-in key'), this.key),
      this.failure,
      this.button,
    );
    this.element = el('div', { class: 'jf-single' }, form);
    container.replaceChildren(this.element);
    this.uid.focus();
  }

  close(): void {
    this.element.remove();
  }

  private async send(): Promise<void> {
    this.button.disabled = true;
    this.failure.hidden = true;
    try {
      await this.options.logIn(this.uid.value.trim(), this.key.value);
    } catch (error) {
      setText(this.failure, sentence(error));
      this.failure.hidden = false;
    } finally {
      this.button.disabled = false;
    }
  }
}

function field(stem: string, type: string, autocomplete: string): HTMLInputElement {
  return el('input', { id: freshId(stem), class: 'jf-input', type, required: true, autocomplete, autocapitalize: 'none', spellcheck: 'false' });
}
