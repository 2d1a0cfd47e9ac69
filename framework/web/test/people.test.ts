import { expect, test } from 'vitest';
import { clockFace, colourOf, initials, shownName } from '../src/people';
import { seatsOf } from '../src/tile';
import type { Person, Picture } from '../src/values';

test.each([
  ['Ada Lovelace', 'AL'],
  ['ada', 'A'],
  ['  Grace  Brewster Hopper ', 'GH'],
  ['😀 smile', '😀S'],
  ['', '?'],
])('the initials of %j are %j', (name, letters) => {
  expect(initials(name)).toBe(letters);
});

test.each([
  ['Ada', 'Ada'],
  ['', 'uid-7'],
  ['\u200b\u200c\u2060\ufeff', 'uid-7'],
  [' \u3164\u2800 \u00a0', 'uid-7'],
  ['\u202eadA\u202c', 'adA'],
  ['\u2067\u2069', 'uid-7'],
  ['Ada\nLovelace', 'Ada Lovelace'],
  ['דנה', 'דנה'],
  ['👩\u200d💻', '👩\u200d💻'],
])('%j is shown as %j', (name, shown) => {
  expect(shownName(name, 'uid-7')).toBe(shown);
});

test('a name keeps its colour', () => {
  expect(colourOf('Ada', 6)).toBe(colourOf('Ada', 6));
  expect(colourOf('', 6)).toBe(0);
});

test.each([
  [0, '0:00'],
  [247, '4:07'],
  [3729, '1:02:09'],
  [-5, '0:00'],
])('%i seconds read %s', (seconds, face) => {
  expect(clockFace(seconds)).toBe(face);
});

function picture(id: string, source: Picture['source']): Picture {
  return { id, source, name: id, isMirrored: false, attach: () => undefined, detach: () => undefined };
}

function person(id: string, ...pictures: Picture[]): Person {
  const plain = { isLocal: false, isMuted: false, isSpeaking: false, hasPoorNetwork: false, role: 'participant', raisedHandAt: null, isRecording: false } as const;
  return { id, name: id, ...plain, pictures };
}

test('everyone has a seat, with or without a picture', () => {
  const seats = seatsOf([person('a', picture('cam', 'camera')), person('b')]);
  expect(seats.map((seat) => [seat.id, seat.picture?.id ?? null])).toEqual([['a', 'cam'], ['b', null]]);
});

test('each further picture has a seat of its own, and a screen is never the main one', () => {
  const seats = seatsOf([person('robot', picture('screen', 'screen'), picture('front', 'other'), picture('arm', 'other'))]);
  expect(seats.map((seat) => [seat.id, seat.picture?.id ?? null])).toEqual([
    ['robot', 'front'],
    ['robot screen', 'screen'],
    ['robot arm', 'arm'],
  ]);
});
