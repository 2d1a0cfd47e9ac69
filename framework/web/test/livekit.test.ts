import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RoomEvent } from 'livekit-client';
import { joinLiveKit } from '../src/livekit';
import type { Call } from '../src/values';

type Reads = (reader: object, from: { identity: string }) => void;

/** As much of livekit-client's room as a call without media asks for. */
class FakeRoom extends EventEmitter {
  static last: FakeRoom;
  readonly remoteParticipants = new Map<string, object>();
  readonly streams = new Map<string, Reads>();
  readonly engine = new EventEmitter();
  readonly localParticipant = Object.assign(new EventEmitter(), {
    identity: 'me',
    trackPublications: new Map(),
    isMicrophoneEnabled: false,
    isCameraEnabled: false,
    isScreenShareEnabled: true,
    setScreenShareEnabled: (): Promise<void> => Promise.resolve(), // what is published anew is there again only later
  });
  constructor() {
    super();
    FakeRoom.last = this;
  }
  connect = (): Promise<void> => Promise.resolve();
  disconnect = (): Promise<void> => Promise.resolve(void this.emit(RoomEvent.Disconnected));
  registerTextStreamHandler(topic: string, reads: Reads): void {
    this.streams.set(topic, reads);
  }
}
vi.mock('../src/background', () => ({ treatsPictures: () => false }));
vi.mock('livekit-client', async (real) => ({
  ...(await real<object>()),
  Room: function () {
    return new FakeRoom(); // this is read before that class is there
  },
}));

let call: Call;
let room: FakeRoom;
beforeEach(async () => {
  vi.stubGlobal('window', globalThis);
  vi.stubGlobal('navigator', { mediaDevices: { getDisplayMedia: () => undefined } });
  call = await joinLiveKit({ url: 'ws://here', token: 't', media: { wishes: {} } as never });
  room = FakeRoom.last;
});
afterEach(async () => {
  await call.leave();
  vi.unstubAllGlobals();
});

test('a share that is stopped while the connection is restored is no share any more', async () => {
  room.emit(RoomEvent.Reconnecting);
  expect(call.screen?.isSharing).toBe(true);
  await call.screen?.stop();
  expect(call.screen?.isSharing).toBe(false);
});

test('sound that is told of twice is played once', () => {
  const attachedElements: object[] = [];
  const sound = { kind: 'audio', attachedElements, attach: vi.fn(() => attachedElements.push({})) };
  room.emit(RoomEvent.TrackSubscribed, sound);
  room.emit(RoomEvent.TrackSubscribed, sound);
  expect(sound.attach).toHaveBeenCalledTimes(1);
});

test('what livekit-client kept back and tells late makes nobody come or go', () => {
  const told: string[] = [];
  call.listen((event) => (event.kind === 'joined' || event.kind === 'departed') && told.push(`${event.name} ${event.kind}`));
  const dan = { identity: 'dan', name: 'Dan' };
  room.emit(RoomEvent.ParticipantConnected, dan);
  room.emit(RoomEvent.ParticipantDisconnected, dan);
  expect(told).toEqual([]); // he had come and gone before that was told
  room.remoteParticipants.set('dan', dan);
  room.emit(RoomEvent.ParticipantConnected, dan);
  room.emit(RoomEvent.ParticipantDisconnected, dan);
  expect(told).toEqual(['Dan joined']); // he was back before it was told that he had gone
  room.remoteParticipants.delete('dan');
  room.emit(RoomEvent.ParticipantDisconnected, dan);
  expect(told).toEqual(['Dan joined', 'Dan departed']);
});

const reader = (id: string, pieces: AsyncIterable<string>): object => ({ info: { id, attributes: { 'lk.transcribed_track_id': 'TR_ada' } }, [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator]() });
async function* saying(...pieces: string[]): AsyncGenerator<string> {
  yield* pieces;
}

test('a caption without words holds nobody off, and leaves no empty line', async () => {
  room.remoteParticipants.set('ada', { identity: 'ada', name: 'Ada', trackPublications: new Map([['TR_ada', {}]]) });
  const reads = room.streams.get('lk.transcription');
  reads?.(reader('1', saying()), { identity: 'eve' });
  reads?.(reader('2', saying(' ')), { identity: 'eve' });
  await new Promise((done) => setTimeout(done, 5));
  expect(call.captions?.isOn).toBe(false);
  reads?.(reader('3', saying('hello')), { identity: 'bot' });
  await vi.waitFor(() => expect(call.captions?.lines.map(({ text }) => text)).toEqual(['hello']));
  reads?.(reader('4', saying('', 'hallo')), { identity: 'eve' });
  await new Promise((done) => setTimeout(done, 5));
  expect(call.captions?.lines.map(({ text }) => text)).toEqual(['hello']);
  reads?.(reader('3', saying()), { identity: 'bot' });
  await vi.waitFor(() => expect(call.captions?.lines).toEqual([]));
});

test('a caption that another one takes the place of goes no further', async () => {
  const spoken = new Map([['TR_ada', {}]]);
  room.remoteParticipants.set('ada', { identity: 'ada', name: 'Ada', trackPublications: spoken });
  const waits: (() => void)[] = [];
  const theirs = async function* (): AsyncGenerator<string> {
    yield 'hello ';
    await new Promise<void>((go) => waits.push(go));
    yield 'wurld';
  };
  const own = async function* (): AsyncGenerator<string> {
    yield 'hello world';
  };
  const reads = room.streams.get('lk.transcription');
  reads?.(reader('1', theirs()), { identity: 'bot' });
  await vi.waitFor(() => expect(waits).toHaveLength(1));
  reads?.(reader('2', own()), { identity: 'ada' });
  await vi.waitFor(() => expect(call.captions?.lines.map(({ text }) => text)).toContain('hello world'));
  for (const go of waits) go();
  await new Promise((done) => setTimeout(done, 20));
  expect(call.captions?.lines.map(({ text }) => text)).not.toContain('hello wurld');
});
