/** Chat and captions over livekit-client: text streams on the topics that LiveKit's own components use. */

import { ParticipantEvent, RoomEvent, type Participant, type Room, type TextStreamReader } from 'livekit-client';
import { shownName } from './people';
import { Makers } from './makers';
import type { Caption, Captions, Chat, ChatMessage } from './values';

const CHAT = 'lk.chat';
const CAPTIONS = 'lk.transcription';
const KEPT = 500;
const LINES = 20;
/** Characters of one message; a longer one is for a file. */
export const LONGEST = 100_000;
/** The end of the year 9999: nothing later is a time. */
const LATEST_MS = 253_402_300_800_000;
/** Characters of a caption that are kept: its newest. */
const LINE = 2_000;

export class LiveKitChat implements Chat {
  readonly longest = LONGEST;
  messages: readonly ChatMessage[] = [];

  constructor(
    private readonly room: Room,
    private readonly came: (message: ChatMessage) => void,
  ) {
    room.registerTextStreamHandler(CHAT, (reader, { identity }) => void this.read(reader, identity));
  }

  async send(text: string): Promise<void> {
    const { id, timestamp } = await this.room.localParticipant.sendText(text, { topic: CHAT });
    const { identity, name } = this.room.localParticipant;
    this.add({ id, from: identity, name: shownName(name ?? '', identity), isOwn: true, text, at: timestamp });
  }

  private async read(reader: TextStreamReader, identity: string): Promise<void> {
    try {
      let text = '';
      for await (const piece of reader) {
        text += piece;
        if (text.length > 2 * LONGEST) return;
      }
      const { id, timestamp } = reader.info;
      const at = timestamp > 0 && timestamp < LATEST_MS ? timestamp : Date.now();
      this.add({ id, from: identity, name: nameOf(this.room.remoteParticipants.get(identity), identity), isOwn: false, text, at });
    } catch {
      // Its sender left in the middle of it: there is nothing whole to show.
    }
  }

  private add(message: ChatMessage): void {
    this.messages = [...this.messages, message].slice(-KEPT);
    this.came(message);
  }
}

export class LiveKitCaptions implements Captions {
  lines: readonly Caption[] = [];
  isOn = false;
  private readonly makers = new Makers();

  constructor(
    private readonly room: Room,
    private readonly changed: () => void,
  ) {
    room.on(RoomEvent.ParticipantDisconnected, ({ identity }) => this.makers.forget(identity));
    room.registerTextStreamHandler(CAPTIONS, (reader, { identity }) => void this.read(reader, identity));
  }

  private async read(reader: TextStreamReader, identity: string): Promise<void> {
    const attributes = reader.info.attributes ?? {};
    const id = `${identity} ${attributes['lk.segment_id'] ?? reader.info.id}`; // nobody overwrites what others said
    const speaker = this.speaker(attributes['lk.transcribed_track_id']) ?? this.room.remoteParticipants.get(identity);
    const name = nameOf(speaker, identity);
    const whose = speaker?.identity ?? identity;
    let text = '';
    try {
      for await (const piece of reader) {
        text = (text + piece).slice(-LINE);
        if (!text.trim()) continue; // who writes nothing holds nobody off
        if (!this.makers.takes(whose, identity)) return;
        this.tell({ id, name, text, isFinal: false });
      }
    } catch {
      // What has come of it stays.
    }
    this.tell({ id, name, text, isFinal: attributes['lk.transcription_final'] !== 'false' });
  }

  private speaker(sid: string | undefined): Participant | undefined {
    const everyone: Participant[] = [this.room.localParticipant, ...this.room.remoteParticipants.values()];
    return everyone.find((participant) => sid !== undefined && participant.trackPublications.has(sid));
  }

  private tell(line: Caption): void {
    const others = this.lines.filter(({ id }) => id !== line.id);
    const isEmpty = !line.text.trim(); // it takes back what was
    if (isEmpty && others.length === this.lines.length) return;
    this.isOn = true;
    this.lines = isEmpty ? others : [...others, line].slice(-LINES);
    this.changed();
  }
}

/** Calls back when somebody says something else of themselves. */
export function watchAttributes(room: Room, changed: () => void): void {
  room.on(RoomEvent.ParticipantAttributesChanged, changed);
  room.localParticipant.on(ParticipantEvent.AttributesChanged, changed);
}

function nameOf(participant: Participant | undefined, identity: string): string {
  return shownName(participant?.name ?? '', participant?.identity ?? identity);
}
