import { describe, expect, it } from 'vitest';
import { arrange, capacity, Speaker, type Wish } from '../src/layout';
import { seatsOf } from '../src/tile';
import type { Person, Picture } from '../src/values';

function person(id: string, more: Partial<Person> = {}): Person {
  const plain = { isLocal: false, isMuted: false, isSpeaking: false, hasPoorNetwork: false, role: 'participant', raisedHandAt: null, isRecording: false, pictures: [] } as const;
  return { id, name: id, ...plain, ...more };
}

const screen: Picture = { id: 's', source: 'screen', name: 'slides', isMirrored: false, attach: () => undefined, detach: () => undefined };
const plain: Wish = { layout: 'TILE', pinned: null, speaker: null, page: 0 };
const crowd = [...'abcdefgh'].map((id) => person(id)).concat(person('me', { isLocal: true }));
const ids = (seats: readonly { id: string }[]): string => seats.map((seat) => seat.id).join(' ');

describe('arrange', () => {
  it('puts everyone into equal tiles', () => {
    const { shown, main, rest, pages } = arrange(seatsOf(crowd), plain, () => 9);
    expect([shown, main, ids(rest), pages]).toEqual(['TILE', null, 'a b c d e f g h me', 1]);
  });

  it('pages what does not fit, with oneself on the first page', () => {
    const seats = seatsOf(crowd);
    const turned = [0, 1, 2, 99].map((page) => ids(arrange(seats, { ...plain, page }, () => 4).rest));
    expect(turned).toEqual(['a b c me', 'd e f g', 'h', 'h']);
  });

  it('gives the main place to who speaks, else to who came first, never to oneself', () => {
    const seats = seatsOf(crowd);
    const main = (speaker: string | null): string | undefined => arrange(seats, { ...plain, layout: 'SIDEBAR', speaker }, () => 9).main?.id;
    expect([main('c'), main(null), main('me'), main('gone')]).toEqual(['c', 'a', 'a', 'a']);
  });

  it('gives it to a screen in any layout, and to who is pinned before that', () => {
    const people = [person('a'), person('b', { pictures: [screen] }), person('me', { isLocal: true })];
    const shared = arrange(seatsOf(people), plain, () => 9);
    expect([shared.shown, shared.main?.id]).toEqual(['SIDEBAR', 'b s']);
    const pinned = arrange(seatsOf(people), { ...plain, pinned: 'a' }, () => 9);
    expect([pinned.main?.id, ids(pinned.rest)]).toEqual(['a', 'b b s me']);
    expect(arrange(seatsOf([person('a'), person('me', { isLocal: true, pictures: [screen] })]), plain, () => 9).main).toBeNull();
  });

  it('has no main place for one alone', () => {
    expect(arrange(seatsOf([person('me', { isLocal: true })]), { ...plain, layout: 'SPOTLIGHT' }, () => 9).shown).toBe('TILE');
  });
});

it('has room for one at least', () => {
  expect([capacity(10, 10), capacity(370, 250), capacity(1280, 700)]).toEqual([1, 4, 30]);
});

it('stays with a speaker for two seconds, and forgets one who has left', () => {
  let now = 0;
  const speaker = new Speaker(() => now);
  const say = (who: string): Person[] => ['a', 'b'].map((id) => person(id, { isSpeaking: id === who }));
  expect(speaker.follow(say('a'))).toBe('a');
  now = 500;
  expect(speaker.follow(say('b'))).toBe('a');
  now = 2000;
  expect(speaker.follow(say('b'))).toBe('b');
  expect(speaker.follow(say(''))).toBe('b');
  expect(speaker.follow([person('a')])).toBeNull();
});
