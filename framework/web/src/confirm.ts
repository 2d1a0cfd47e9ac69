/** A question before what cannot be taken back. */

import { el, freshId } from './dom';

/** Asks over everything; `done` is called when the person says yes. Escape, and the other button, say no. */
export function confirm(within: HTMLElement, question: string, yes: string, done: () => void): void {
  const id = freshId('confirm');
  const close = (): void => {
    dialog.close();
    dialog.remove();
  };
  const agree = (): void => {
    close();
    done();
  };
  const buttons = el(
    'div',
    { class: 'jf-dialog-buttons' },
    el('button', { class: 'jf-button', type: 'button', autofocus: true, onclick: close }, 'Cancel'),
    el('button', { class: 'jf-button jf-danger', type: 'button', onclick: agree }, yes),
  );
  const dialog = el('dialog', { class: 'jf-dialog jf-confirm', 'aria-labelledby': id }, el('h2', { id }, question), buttons);
  dialog.addEventListener('cancel', close);
  // Escape answers the question, and closes nothing behind it.
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  within.append(dialog);
  dialog.showModal();
}
