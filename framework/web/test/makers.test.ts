import { expect, test } from 'vitest';
import { Makers } from '../src/makers';

test('of two who write down the same person, the first is shown while they go on', () => {
  let now = 0;
  const makers = new Makers(() => now);
  expect(makers.takes('ada', 'bob')).toBe(true);
  expect(makers.takes('ada', 'cleo')).toBe(false);
  expect(makers.takes('dan', 'cleo')).toBe(true);
  now = 9_000;
  expect(makers.takes('ada', 'bob')).toBe(true);
  now = 18_000;
  expect(makers.takes('ada', 'cleo')).toBe(false);
  now = 19_001;
  expect(makers.takes('ada', 'cleo')).toBe(true);
  expect(makers.takes('ada', 'bob')).toBe(false);
});
