/** "Are you still there?", with the seconds that are left. */

import { el, freshId, setText } from './dom';

export interface IdleState {
  /** Until the person is taken out of the call; null while nobody is asked. */
  readonly secondsLeft: number | null;
  stay(): void;
}

export class IdlePrompt {
  readonly element: HTMLDialogElement;
  private readonly left = el('span', { class: 'jf-countdown', role: 'timer' });

  constructor(
    private readonly idle: IdleState,
    leave: () => void,
  ) {
    const id = freshId('idle');
    const stay = (): void => {
      idle.stay();
      this.show();
    };
    const words = el('p', {}, 'Nobody else is in this session. You leave it in ', this.left, '.');
    const buttons = el(
      'div',
      { class: 'jf-dialog-buttons' },
      el('button', { class: 'jf-button', type: 'button', onclick: leave }, 'Leave now'),
      el('button', { class: 'jf-button jf-primary', type: 'button', autofocus: true, onclick: stay }, 'Stay'),
    );
    this.element = el('dialog', { class: 'jf-dialog jf-idle', 'aria-labelledby': id }, el('h2', { id }, 'Are you still there?'), words, buttons);
    this.element.addEventListener('cancel', (event) => {
      event.preventDefault();
      stay();
    });
  }

  /** As it stands now; called once a second. */
  show(): void {
    const { secondsLeft } = this.idle;
    if (secondsLeft === null) {
      if (this.element.open) this.element.close();
      return;
    }
    const seconds = Math.ceil(secondsLeft);
    setText(this.left, `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`);
    if (!this.element.open) this.element.showModal();
  }
}
