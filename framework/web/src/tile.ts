/** One picture of one person, or the person's initials where there is no picture. */

import { el, setAttribute, setName, setText } from './dom';
import { icon } from './icons';
import { colourOf, initials } from './people';
import type { Person, Picture } from './values';

const COLOURS = 6;

/** What a tile shows at a moment; `id` stays the same as pictures come and go. */
export interface Seat {
  readonly id: string;
  readonly person: Person;
  readonly picture: Picture | null;
}

/** The tiles that these people need: one each, and one more for each further picture that somebody sends. */
export function seatsOf(people: readonly Person[]): readonly Seat[] {
  return people.flatMap((person) => {
    const main = person.pictures.find((picture) => picture.source === 'camera') ?? person.pictures.find((picture) => picture.source === 'other');
    const further = person.pictures.filter((picture) => picture !== main);
    return [
      { id: person.id, person, picture: main ?? null },
      ...further.map((picture) => ({ id: `${person.id} ${picture.id}`, person, picture })),
    ];
  });
}

export class Tile {
  readonly element: HTMLLIElement;
  private readonly video = el('video', { autoplay: true, playsinline: true, 'aria-hidden': 'true', tabindex: '-1' });
  private readonly avatar = el('div', { class: 'jf-avatar', 'aria-hidden': 'true' });
  private readonly name = el('span', { class: 'jf-name-text' });
  private readonly muted = el('span', { class: 'jf-name-icon', role: 'img', 'aria-label': 'Microphone off' }, icon('micOff'));
  private readonly hand = el('span', { class: 'jf-tile-hand', role: 'img', 'aria-label': 'Hand raised', hidden: true }, icon('hand'));
  private readonly pin: HTMLButtonElement;
  private readonly network = el('span', { class: 'jf-name-icon jf-poor', role: 'img', 'aria-label': 'Poor connection' }, icon('network'));
  private readonly moderator = el('span', { class: 'jf-name-icon jf-moderator', role: 'img', 'aria-label': 'Moderator', title: 'Moderator' }, icon('shield'));
  private picture: Picture | null = null;

  constructor(
    seat: Seat,
    private readonly pinned: (id: string) => void,
  ) {
    this.video.muted = true;
    this.pin = el('button', { class: 'jf-button jf-small jf-tile-pin', type: 'button', onclick: () => this.pinned(seat.id) }, icon('pin'));
    for (const moment of ['loadeddata', 'resize', 'emptied'] as const) this.video.addEventListener(moment, () => this.fitPicture());
    const label = el('div', { class: 'jf-name' }, this.muted, this.network, this.moderator, this.name);
    this.element = el('li', { class: 'jf-tile' }, this.avatar, this.video, this.hand, this.pin, label);
    this.show(seat, false);
  }

  /** Show this moment; the picture is attached anew only when it is another one. */
  show(seat: Seat, isPinned: boolean): void {
    const { person, picture } = seat;
    const isFurther = picture !== null && picture.source !== 'camera' && seat.id !== person.id;
    setName(this.name, person.name, after(person, picture, isFurther));
    setText(this.avatar, initials(person.name));
    setAttribute(this.avatar, 'data-colour', colourOf(person.name, COLOURS));
    this.muted.hidden = !person.isMuted || isFurther;
    this.network.hidden = !person.hasPoorNetwork;
    this.moderator.hidden = person.role !== 'moderator' || isFurther;
    this.hand.hidden = person.raisedHandAt === null || isFurther;
    const pins = `${isPinned ? 'Unpin' : 'Pin'} ${person.name}${after(person, picture, isFurther)}`;
    if (this.pin.title !== pins) this.pin.title = pins;
    setAttribute(this.pin, 'aria-label', pins);
    this.element.classList.toggle('jf-pinned', isPinned);
    this.element.classList.toggle('jf-speaking', person.isSpeaking && !isFurther);
    this.element.classList.toggle('jf-screen', picture?.source === 'screen');
    this.element.classList.toggle('jf-mirrored', picture?.isMirrored ?? false);
    this.attach(picture);
  }

  /** Not to be seen for now: its picture is let go, so that nobody sends it for nothing. */
  rest(): void {
    this.attach(null);
  }

  close(): void {
    this.attach(null);
    this.element.remove();
  }

  private attach(picture: Picture | null): void {
    if (picture?.id === this.picture?.id) return;
    this.picture?.detach(this.video);
    this.picture = picture;
    picture?.attach(this.video);
    this.fitPicture();
  }

  private fitPicture(): void {
    const isUpright = this.video.videoHeight > this.video.videoWidth;
    this.element.classList.toggle('jf-has-picture', this.picture !== null && this.video.readyState >= 2);
    this.element.classList.toggle('jf-upright', isUpright);
  }
}

/** What a tile says behind the name. */
function after(person: Person, picture: Picture | null, isFurther: boolean): string {
  const own = person.isLocal ? ' (you)' : '';
  if (!isFurther || !picture) return own;
  return picture.source === 'screen' ? `${own} · screen` : `${own} · ${picture.name || 'video'}`;
}
