import { expect, test } from 'vitest';
import { fit } from '../src/grid';

test('one tile on a wide screen is a 16:9 picture as large as fits', () => {
  expect(fit(1, 1600, 900, 10)).toEqual({ columns: 1, width: 1600, height: 900 });
});

test.each([
  [2, 1280, 700, 2],
  [4, 1280, 700, 2],
  [9, 1280, 700, 3],
  [2, 390, 720, 1],
  [6, 390, 720, 2],
])('%i tiles in %i × %i stand in %i columns', (count, width, height, columns) => {
  expect(fit(count, width, height, 10).columns).toBe(columns);
});

test.each([1, 2, 3, 5, 8, 13, 21])('%i tiles lie inside their space', (count) => {
  const { columns, width, height } = fit(count, 1280, 700, 10);
  const rows = Math.ceil(count / columns);
  expect(columns * width + (columns - 1) * 10).toBeLessThanOrEqual(1280);
  expect(rows * height + (rows - 1) * 10).toBeLessThanOrEqual(700);
  expect(width / height).toBeGreaterThan(1.3);
  expect(width / height).toBeLessThan(1.8);
});

test('fifty tiles on a phone stay large enough to see, and overflow', () => {
  const { columns, width, height } = fit(50, 390, 700, 10);
  expect(columns).toBe(2);
  expect(width).toBeGreaterThanOrEqual(150);
  expect(Math.ceil(50 / columns) * height).toBeGreaterThan(700);
});

test('no space gives no size, and no endless loop', () => {
  expect(fit(3, 0, 0, 10)).toMatchObject({ width: 0, height: 0 });
});
