import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Differences } from '../src/happened';
import type { Call, Person, Picture } from '../src/values';

const camera = { source: 'camera' } as Picture;
const plain = { isLocal: false, isMuted: false, isSpeaking: false, hasPoorNetwork: false, role: 'participant', raisedHandAt: null, isRecording: false } as const;
const person = (id: string, change: Partial<Person> = {}): Person => ({ id, name: id, ...plain, pictures: [camera], ...change });

let told: string[];
let call: { -readonly [key in keyof Call]?: Call[key] };
let differences: Differences;
beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  call = { state: 'connected', people: [person('ada'), person('bob')], isMuted: false, isCameraOn: true };
  differences = new Differences(call as Call, ({ name, participant, byModerator }) => told.push([name, participant?.id, byModerator].filter((each) => each !== undefined).join(' ')));
});
afterEach(() => {
  differences.close();
  vi.useRealTimers();
});

function become(change: typeof call): void {
  Object.assign(call, change);
  differences.look();
}

test('who comes again one by one after an interruption has done nothing', () => {
  become({ state: 'reconnecting', people: [] });
  become({ state: 'connected' });
  become({ people: [person('ada', { isMuted: true, pictures: [] })] });
  become({ people: [person('ada'), person('bob', { isMuted: true, pictures: [] })] });
  become({ people: [person('ada'), person('bob')] });
  vi.runAllTimers();
  expect(told).toEqual(['connection_lost', 'connection_restored']);
});

test('what does not come again is told of, and what is there is told at once', () => {
  become({ state: 'reconnecting', people: [] });
  become({ state: 'connected', people: [person('ada', { pictures: [] }), person('cleo')] });
  expect(told.slice(2)).toEqual(['participant_joined cleo', 'participant_list_changed']);
  vi.runAllTimers();
  expect(told.slice(4)).toEqual(['participant_video_paused ada', 'participant_left bob', 'participant_list_changed']);
  become({ people: [person('ada')] });
  expect(told.slice(7)).toEqual(['participant_video_resumed ada', 'participant_left cleo', 'participant_list_changed']);
});

test('what a moderator turned off says so, and what one turns off oneself says that, too', () => {
  differences.look('microphone');
  become({ isMuted: true });
  become({ isMuted: false });
  become({ isMuted: true, isCameraOn: false });
  expect(told).toEqual(['audio_muted true', 'audio_unmuted', 'audio_muted false', 'video_paused false']);
});
