/** A moderator's rights over livekit-client's room: LiveKit's RoomService, with the call's own token (Twirp in JSON). */

import { Track, type Room } from 'livekit-client';
import { Problem, type Moderator } from './values';

export class LiveKitModerator implements Moderator {
  constructor(
    private readonly room: Room,
    private readonly origin: string,
    private readonly token: () => string,
  ) {}

  mute(id: string): Promise<void> {
    return this.silence(id, Track.Source.Microphone);
  }

  pauseVideo(id: string): Promise<void> {
    return this.silence(id, Track.Source.Camera);
  }

  async remove(id: string): Promise<void> {
    await this.ask('RemoveParticipant', { identity: id });
  }

  async endForAll(): Promise<void> {
    try {
      await this.ask('DeleteRoom', {});
    } catch (error) {
      // LiveKit itself lets nobody but its keys end a room: everybody is taken out of it instead.
      if (!(error instanceof Problem) || error.code !== 'ERROR_PERMISSION') throw error;
      for (const { identity } of [...this.room.remoteParticipants.values()]) await this.remove(identity);
      await this.room.disconnect();
    }
  }

  private async silence(id: string, source: Track.Source): Promise<void> {
    const publication = this.room.remoteParticipants.get(id)?.getTrackPublication(source);
    if (publication) await this.ask('MutePublishedTrack', { identity: id, track_sid: publication.trackSid, muted: true });
  }

  private async ask(method: string, body: Record<string, unknown>): Promise<void> {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${this.token()}` };
    let answer: Response;
    try {
      answer = await fetch(`${this.origin}/twirp/livekit.RoomService/${method}`, { method: 'POST', headers, body: JSON.stringify({ room: this.room.name, ...body }) });
    } catch {
      throw new Problem('ERROR_NETWORK', 'The server cannot be reached. Try again when you are connected.');
    }
    if (answer.status === 401 || answer.status === 403) throw new Problem('ERROR_PERMISSION', 'The server does not let you do that: it takes a moderator.');
    if (!answer.ok) throw new Problem('ERROR_RESPONSE', `The server could not do that (HTTP ${answer.status}).`);
  }
}
