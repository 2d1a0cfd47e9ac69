import { expect, test } from 'vitest';
import { Makers } from '../src/makers';

test('who leaves makes room at once, and what people write of themselves comes first', () => {
  const makers = new Makers(() => 0);
  expect(makers.takes('ada', 'bob')).toBe(true);
  makers.forget('bob');
  expect(makers.takes('ada', 'cleo')).toBe(true);
  expect(makers.takes('ada', 'ada')).toBe(true);
  expect(makers.takes('ada', 'cleo')).toBe(false);
});

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
