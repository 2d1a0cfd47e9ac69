import { afterEach, expect, test, vi } from 'vitest';
import { Room, RoomEvent, version } from 'livekit-client';
import { beforeRestarting, makeUpForKeptBack, onRemoteMute } from '../src/livekit-shim';

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

test('livekit-client is the one that the shim was read against: read it again before another one is taken', () => {
  expect(version).toMatch(/^2\.23\./);
});

test('a connection that is about to be made anew is told before the room forgets who was here', () => {
  const room = new Room();
  const order: string[] = [];
  room.remoteParticipants.set('ada', { identity: 'ada', trackPublications: new Map(), setDisconnected: () => undefined } as never);
  room.on(RoomEvent.Reconnecting, () => order.push(`the room, ${room.remoteParticipants.size} here`));
  beforeRestarting(room, () => order.push(`we, ${room.remoteParticipants.size} here`));
  room.engine.emit('restarting');
  expect(order).toEqual(['we, 1 here', 'the room, 0 here']);
});

test('what the server turns off is told by its sid, and livekit-client itself listens for it under the same name', () => {
  const room = new Room();
  expect(room.engine.listenerCount('remoteMute')).toBeGreaterThan(0);
  const told: unknown[] = [];
  onRemoteMute(room, (...what) => told.push(what));
  room.engine.emit('remoteMute', 'TR_1', true);
  expect(told).toEqual([['TR_1', true]]);
});
