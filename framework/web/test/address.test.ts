import { expect, test } from 'vitest';
import { inviteIn, placeOf, sessionIn } from '../src/address';

test.each([
  ['/join/stand-up', 'stand-up'],
  ['/join/stand-up/', 'stand-up'],
  ['/join/caf%C3%A9%20%2F%20bar', 'café / bar'],
  ['/join/100%', '100%'],
  ['/join/', ''],
  ['/join/%20', ''],
  ['/', ''],
])('the session in %s is %j', (path, session) => {
  expect(sessionIn(path)).toBe(session);
});

test.each([
  ['#invite=abc.def', 'abc.def'],
  ['#fingerprint=AA&invite=x', 'x'],
  ['#other=1', ''],
  ['', ''],
])('the invite in %j is %j', (fragment, invite) => {
  expect(inviteIn(fragment)).toBe(invite);
});

test.each([
  ['stand-up', 'https://calls.example/join/stand-up'],
  [' café / bar ', 'https://calls.example/join/caf%C3%A9%20%2F%20bar'],
  ['https://calls.example/join/x#invite=abc', 'https://calls.example/join/x#invite=abc'],
  ['https://other.example:7880/join/x', 'https://other.example:7880/join/x'],
  ['https://other.example/', null],
  ['https://', null],
  ['javascript:alert(1)', 'https://calls.example/join/javascript%3Aalert(1)'],
  ['..', null],
  ['  ', null],
])('who writes %j goes to %s', (written, place) => {
  expect(placeOf(written, 'https://calls.example')).toBe(place);
});
