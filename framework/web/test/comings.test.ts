import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Comings } from '../src/comings';

let told: string[];
let comings: Comings;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  comings = new Comings((kind, name) => told.push(`${name} ${kind}`));
});
afterEach(() => {
  vi.useRealTimers();
});

test('who comes and goes is told at once', () => {
  comings.came('a', 'Ada');
  comings.went('a', 'Ada');
  expect(told).toEqual(['Ada joined', 'Ada departed']);
});

test('who is there without a word has neither left nor come, whatever is told later', () => {
  comings.isHere('a');
  comings.interrupted();
  comings.went('a', 'Ada');
  comings.back();
  comings.isHere('a');
  comings.came('a', 'Ada');
  vi.runAllTimers();
  expect(told).toEqual([]);
  comings.went('a', 'Ada');
  comings.came('a', 'Ada');
  expect(told).toEqual(['Ada departed', 'Ada joined']);
});

test('who is lost sight of while the call reconnects, and is there afterwards, has neither left nor come', () => {
  comings.isHere('a');
  comings.isHere('b');
  comings.interrupted();
  comings.went('a', 'Ada');
  comings.went('b', 'Bob');
  comings.came('a', 'Ada');
  comings.back();
  comings.came('b', 'Bob');
  vi.runAllTimers();
  expect(told).toEqual([]);
});

test('who really came or went meanwhile is told once the call is back', () => {
  comings.isHere('a');
  comings.interrupted();
  comings.went('a', 'Ada');
  comings.came('c', 'Cleo');
  comings.came('d', 'Dan');
  comings.went('d', 'Dan');
  expect(told).toEqual([]);
  comings.back();
  expect(told).toEqual(['Cleo joined']);
  vi.runAllTimers();
  expect(told).toEqual(['Cleo joined', 'Ada departed']);
});

test('who came and went unseen is not told of as gone', () => {
  comings.went('x', 'Xenia');
  expect(told).toEqual([]);
});
