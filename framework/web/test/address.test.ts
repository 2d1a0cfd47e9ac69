import { expect, test } from 'vitest';
import { inviteIn, sessionIn } from '../src/address';

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
