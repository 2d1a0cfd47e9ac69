/** The page at /: where to from here. */

// All of them, in the order of the other pages: with fewer they would be cut into files whose order is another.
import './style/page.css';
import './style/tokens.css';
import './style/parts.css';
import './style/prejoin.css';
import './style/call.css';
import { placeOf } from './address';
import { el, freshId } from './dom';
import { mark } from './icons';

class WelcomeView {
  private readonly failure = el('p', { class: 'jf-failure', role: 'alert', hidden: true }, 'That is neither a session name nor a link to a session.');
  private readonly field = el('input', { id: freshId('session'), class: 'jf-input', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });

  constructor(container: HTMLElement) {
    const submit = (event: Event): void => {
      event.preventDefault();
      this.go();
    };
    const form = el(
      'form',
      { class: 'jf-card', onsubmit: submit, 'aria-label': 'Join a session' },
      el('p', { class: 'jf-brand' }, mark(), 'Jackfield'),
      el('h1', { class: 'jf-heading' }, 'Join a session'),
      el('p', { class: 'jf-quiet' }, 'This server carries calls. With a link that somebody sent you, you are in at once; with a name alone, you log in first.'),
      el('div', { class: 'jf-field' }, el('label', { for: this.field.id }, 'Session name, or the link you were sent'), this.field),
      this.failure,
      el('button', { class: 'jf-button jf-primary jf-wide', type: 'submit' }, 'Continue'),
    );
    container.replaceChildren(el('div', { class: 'jf-single' }, form));
    this.field.focus();
  }

  private go(): void {
    const place = placeOf(this.field.value, location.origin);
    this.failure.hidden = place !== null;
    if (place) location.assign(place);
    else this.field.focus();
  }
}

const container = document.getElementById('jackfield');
if (container) new WelcomeView(container);
