import { afterEach, expect, test, vi } from 'vitest';
import type { Room } from 'livekit-client';
import { makeUpForKeptBack } from '../src/kept-back';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('sound of which nobody was told is attached once, and the page is drawn again', () => {
  vi.useFakeTimers();
  vi.stubGlobal('window', globalThis);
  const attachedElements: object[] = [];
  const sound = { kind: 'audio', attachedElements, attach: vi.fn(() => attachedElements.push({})) };
  const picture = { kind: 'video', attachedElements: [], attach: vi.fn() };
  const publications = new Map([['a', { track: sound }], ['v', { track: picture }], ['none', { track: undefined }]]);
  const room = { remoteParticipants: new Map([['ada', { trackPublications: publications }]]) };
  const changed = vi.fn();
  const end = makeUpForKeptBack(room as unknown as Room, changed);
  expect(changed).not.toHaveBeenCalled();
  vi.runAllTimers();
  expect(sound.attach).toHaveBeenCalledTimes(1);
  expect(picture.attach).not.toHaveBeenCalled(); // its tile does that
  expect(changed).toHaveBeenCalledTimes(3);
  makeUpForKeptBack(room as unknown as Room, changed)();
  end();
  vi.runAllTimers();
  expect(changed).toHaveBeenCalledTimes(3);
});
