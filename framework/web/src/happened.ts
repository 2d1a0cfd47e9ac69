/** What happened in a call, by the names that the Python framework has for it: told from how the call was and how it is. */

import type { Call, Person } from './values';

export interface Happened {
  readonly name: string;
  readonly participant?: Person;
}

interface Seen {
  readonly state: Call['state'];
  readonly people: ReadonlyMap<string, Person>;
  readonly isMuted: boolean;
  readonly isCameraOn: boolean;
  readonly isSharing: boolean;
  readonly isRecording: boolean;
  readonly speaker: string | null;
}

/** Differences between one moment of a call and the next. */
export class Differences {
  private before: Seen;

  constructor(private readonly call: Call) {
    this.before = seen(call);
  }

  /** What has changed since this was asked last. */
  next(): readonly Happened[] {
    const [before, now] = [this.before, seen(this.call)];
    // What is gone meanwhile comes again, or is told of when it does not.
    this.before = now.state === 'reconnecting' ? { ...before, state: now.state } : now;
    if (now.state === 'reconnecting') return ofState(before, now);
    return [...ofState(before, now), ...ofPeople(before, now), ...ofOwn(before, now), ...ofSpeaker(before, now)];
  }
}

function seen(call: Call): Seen {
  const speaker = call.people.find((person) => person.isSpeaking)?.id ?? null;
  const { state, isMuted, isCameraOn } = call;
  return {
    ...{ state, isMuted, isCameraOn, speaker },
    people: new Map(call.people.map((person) => [person.id, person])),
    isSharing: call.screen?.isSharing ?? false,
    isRecording: call.recording?.isRecording ?? false,
  };
}

function ofState(before: Seen, now: Seen): Happened[] {
  if (before.state === now.state || now.state === 'over') return [];
  return [{ name: now.state === 'reconnecting' ? 'connection_lost' : 'connection_restored' }];
}

const has = (source: string) => (person: Person): boolean => person.pictures.some((picture) => picture.source === source);
const FLAGS: readonly (readonly [(person: Person) => boolean, string, string])[] = [
  [(person) => person.isMuted, 'participant_audio_muted', 'participant_audio_unmuted'],
  [(person) => !has('camera')(person), 'participant_video_paused', 'participant_video_resumed'],
  [(person) => person.raisedHandAt !== null, 'participant_hand_raised', 'participant_hand_lowered'],
  [has('screen'), 'participant_started_screen_share', 'participant_stopped_screen_share'],
  [(person) => person.isRecording, 'participant_started_recording', 'participant_stopped_recording'],
];

function ofPeople(before: Seen, now: Seen): Happened[] {
  const happened: Happened[] = [];
  for (const [id, participant] of now.people) {
    const was = before.people.get(id);
    if (!was) happened.push({ name: 'participant_joined', participant });
    for (const [flag, began, ended] of was ? FLAGS : []) {
      const isOn = flag(participant);
      const isOwn = participant.isLocal && began !== 'participant_hand_raised';
      if (was && !isOwn && flag(was) !== isOn) happened.push({ name: isOn ? began : ended, participant });
    }
  }
  for (const [id, participant] of before.people) if (!now.people.has(id)) happened.push({ name: 'participant_left', participant });
  const isOther = happened.some(({ name }) => name === 'participant_joined' || name === 'participant_left');
  return isOther ? [...happened, { name: 'participant_list_changed' }] : happened;
}

function ofOwn(before: Seen, now: Seen): Happened[] {
  const flags: readonly (readonly [boolean, boolean, string, string])[] = [
    [before.isMuted, now.isMuted, 'audio_muted', 'audio_unmuted'],
    [!before.isCameraOn, !now.isCameraOn, 'video_paused', 'video_resumed'],
    [before.isSharing, now.isSharing, 'screen_share_started', 'screen_share_stopped'],
    [before.isRecording, now.isRecording, 'recording_started', 'recording_stopped'],
  ];
  return flags.filter(([was, is]) => was !== is).map(([, is, began, ended]) => ({ name: is ? began : ended }));
}

function ofSpeaker(before: Seen, now: Seen): Happened[] {
  if (before.speaker === now.speaker) return [];
  const participant = now.speaker === null ? undefined : now.people.get(now.speaker);
  return [{ name: 'dominant_speaker_changed', ...(participant ? { participant } : {}) }];
}
