/** Who is here: found by name, and what may be done about them. */

import { confirm } from './confirm';
import { el, freshId, setAttribute, setName, setText } from './dom';
import { icon, type IconName } from './icons';
import { clipped, colourOf, initials } from './people';
import type { Call, Person } from './values';

const COLOURS = 6;

export interface PeopleDoings {
  readonly pin: (id: string) => void;
  readonly pinned: () => string | null;
  readonly attempt: (action: () => Promise<void>) => void;
}

class Row {
  readonly element = el('li', { class: 'jf-row' });
  private readonly avatar = el('span', { class: 'jf-row-avatar', 'aria-hidden': 'true' });
  private readonly name = el('span', { class: 'jf-row-name' });
  private readonly note = el('span', { class: 'jf-row-note' });
  private readonly marks = el('span', { class: 'jf-row-marks' });
  private readonly actions = el('span', { class: 'jf-row-actions' });
  private drawn = '';

  constructor(private readonly act: (id: string, what: string) => void) {
    this.element.append(this.avatar, el('span', { class: 'jf-row-text' }, this.name, this.note), this.marks, this.actions);
  }

  show(person: Person, isPinned: boolean, mayModerate: boolean): void {
    const as = JSON.stringify([person.name, person.isLocal, person.isMuted, person.role, person.raisedHandAt, person.pictures.length, isPinned, mayModerate, person.isRecording]);
    if (as === this.drawn) return;
    this.drawn = as;
    setText(this.avatar, initials(person.name));
    setAttribute(this.avatar, 'data-colour', colourOf(person.name, COLOURS));
    setName(this.name, person.name, person.isLocal ? ' (you)' : '');
    setText(this.note, person.role === 'moderator' ? 'Moderator' : '');
    const hasCamera = person.pictures.some((picture) => picture.source === 'camera');
    this.marks.replaceChildren(
      ...(isPinned ? [mark('pin', 'Pinned')] : []),
      ...(person.raisedHandAt === null ? [] : [mark('hand', 'Hand raised')]),
      ...(person.isRecording ? [mark('record', 'Records the session')] : []),
      ...(person.pictures.some((picture) => picture.source === 'screen') ? [mark('screen', 'Shares a screen')] : []),
      mark(person.isMuted ? 'micOff' : 'mic', person.isMuted ? 'Microphone off' : 'Microphone on'),
      mark(hasCamera ? 'camera' : 'cameraOff', hasCamera ? 'Camera on' : 'Camera off'),
    );
    const focused = this.actions.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset['what'] : null;
    this.actions.replaceChildren(...this.buttons(person, isPinned, mayModerate, hasCamera));
    if (focused) (this.actions.querySelector<HTMLElement>(`[data-what="${focused}"]`) ?? this.actions.querySelector('button'))?.focus();
  }

  private buttons(person: Person, isPinned: boolean, mayModerate: boolean, hasCamera: boolean): HTMLElement[] {
    const made = [this.button(person, 'pin', isPinned ? 'Unpin' : 'Pin')];
    if (!mayModerate || person.isLocal) return made;
    if (!person.isMuted) made.push(this.button(person, 'mute', 'Mute'));
    if (hasCamera) made.push(this.button(person, 'pause', 'Turn off camera', 'of '));
    return [...made, this.button(person, 'remove', 'Remove')];
  }

  /** In words: a picture would say how things are, as the marks do, and not what a press does. */
  private button(person: Person, what: string, does: string, of = ''): HTMLElement {
    const label = `${does} ${of}${person.name}`;
    return el('button', { class: 'jf-row-action', type: 'button', title: label, 'aria-label': label, 'data-what': what, onclick: () => this.act(person.id, what) }, does);
  }
}

function mark(glyph: IconName, label: string): HTMLElement {
  return el('span', { class: `jf-row-mark jf-mark-${glyph}`, role: 'img', 'aria-label': label, title: label }, icon(glyph));
}

export class PeopleList {
  readonly element: HTMLElement;
  private readonly search: HTMLInputElement;
  private readonly list = el('ul', { class: 'jf-rows', 'aria-label': 'Who is here' });
  private readonly nobody = el('p', { class: 'jf-side-empty', hidden: true }, 'Nobody of that name is here.');
  private readonly rows = new Map<string, Row>();

  constructor(
    private readonly call: Call,
    private readonly doings: PeopleDoings,
  ) {
    const id = freshId('search');
    this.search = el('input', { id, class: 'jf-input', type: 'search', placeholder: 'Find somebody', oninput: () => this.show() });
    const label = el('label', { for: id, class: 'jf-hidden' }, 'Find somebody by name');
    this.element = el('div', { class: 'jf-people-list' }, label, this.search, this.list, this.nobody);
  }

  focus(): void {
    this.show();
    this.search.focus();
  }

  /** Those whose name fits, raised hands first and in their order, then as they came. */
  show(): void {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const people = this.call.people.filter((person) => person.name.toLocaleLowerCase().includes(wanted));
    const ordered = [...people].sort((a, b) => (a.raisedHandAt ?? Infinity) - (b.raisedHandAt ?? Infinity) || 0);
    const present = new Set(this.call.people.map((person) => person.id));
    for (const id of [...this.rows.keys()]) if (!present.has(id)) this.rows.delete(id);
    const elements = ordered.map((person) => {
      const row = this.rows.get(person.id) ?? new Row((id, what) => this.act(id, what));
      this.rows.set(person.id, row);
      row.show(person, this.doings.pinned() === person.id, this.call.moderator !== undefined);
      return row.element;
    });
    if (elements.some((element, index) => this.list.children[index] !== element) || this.list.childElementCount !== elements.length) {
      const focused = document.activeElement instanceof HTMLElement && this.list.contains(document.activeElement) ? document.activeElement : null;
      this.list.replaceChildren(...elements);
      focused?.focus();
    }
    this.nobody.hidden = elements.length > 0;
  }

  private act(id: string, what: string): void {
    const { moderator } = this.call;
    const person = this.call.people.find((each) => each.id === id);
    if (what === 'pin') this.doings.pin(id);
    if (!moderator || !person) return;
    if (what === 'mute') this.doings.attempt(() => moderator.mute(id));
    if (what === 'pause') this.doings.attempt(() => moderator.pauseVideo(id));
    if (what === 'remove') confirm(this.element, `Remove ${clipped(person.name)} from the session?`, 'Remove', () => this.doings.attempt(() => moderator.remove(id)));
  }
}
