/** What happened in a call, by the names that the Python framework has for it: told from how the call was and how it is. */

import { GRACE_MS } from './comings';
import type { Call, Person } from './values';

export interface Happened {
  readonly name: string;
  readonly participant?: Person;
  /** Of our own microphone and camera: whether somebody else turned it off. */
  readonly byModerator?: boolean;
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
  /** What a moderator turned off, where the call does not have it so yet. */
  private readonly turnedOff = new Set<'microphone' | 'camera' | 'screen'>();
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly call: Call,
    private readonly tell: (happened: Happened) => void,
  ) {
    this.before = seen(call);
  }

  /** Tells what has changed since this was asked last; `turnedOff`: this is on its way out by a moderator's doing. */
  look(turnedOff?: 'microphone' | 'camera' | 'screen'): void {
    if (turnedOff) this.turnedOff.add(turnedOff);
    const before = this.before;
    const found = seen(this.call);
    if (found.state === 'reconnecting') {
      this.close();
      this.before = { ...before, state: found.state };
      return ofState(before, found).forEach(this.tell);
    }
    if (before.state === 'reconnecting') this.settling = setTimeout(() => this.settle(), GRACE_MS);
    const now = this.settling === undefined ? found : withMissed(before, found);
    this.before = now;
    for (const each of [...ofState(before, now), ...ofPeople(before, now), ...this.ofOwn(before, now), ...ofSpeaker(before, now)]) this.tell(each);
  }

  close(): void {
    clearTimeout(this.settling);
    this.settling = undefined;
  }

  /** What was gone with the connection has come again, or does not. */
  private settle(): void {
    this.settling = undefined;
    this.look();
  }

  private ofOwn(before: Seen, now: Seen): Happened[] {
    return ofOwn(before, now).map((each) => {
      const what = each.name === 'audio_muted' ? 'microphone' : each.name === 'video_paused' ? 'camera' : null;
      return what ? { ...each, byModerator: this.turnedOff.delete(what) } : each;
    });
  }
}

/** People, sound and pictures come again one by one after an interruption: what is missing is there until it has had its time. */
function withMissed(before: Seen, now: Seen): Seen {
  const people = new Map(now.people);
  for (const [id, was] of before.people) {
    const is = people.get(id);
    const missed = is ? was.pictures.filter(({ source }) => !has(source)(is)) : [];
    people.set(id, is ? { ...is, isMuted: is.isMuted && was.isMuted, pictures: [...is.pictures, ...missed] } : was);
  }
  return { ...now, people };
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
