/**
 * All that relies on how livekit-client is made inside, and not on what it documents: its engine, and what it keeps back. Read
 * against 2.23; `test/livekit-shim.test.ts` says so when it moves.
 */

import { Track, type Room } from 'livekit-client';

/** Calls back when a connection is about to be made anew, before the room itself hears of it and forgets who was here. */
export function beforeRestarting(room: Room, act: () => void): void {
  room.engine.prependListener('restarting', act);
}

/** Calls back with what the server turns off or on of ours, before the track is. */
export function onRemoteMute(room: Room, act: (sid: string, isMuted: boolean) => void): void {
  room.engine.on('remoteMute', act);
}

/** When it is looked for what livekit-client kept back, in milliseconds after it had come back. */
const LOOKS_MS = [300, 1500, 4500];

/**
 * Makes up for events that never come: what happens in the moment in which livekit-client (2.23) has come back with a connection
 * made anew, it keeps until the next time (`Room.bufferedEvents`; seen in one of eight restarts of a server). Somebody's picture and
 * sound are then there, and nobody is told of them. Answers what ends the looking.
 */
export function makeUpForKeptBack(room: Room, changed: () => void): () => void {
  const look = (): void => {
    for (const one of room.remoteParticipants.values()) for (const { track } of one.trackPublications.values()) if (track) play(track);
    changed();
  };
  const timers = LOOKS_MS.map((wait) => window.setTimeout(look, wait));
  return () => timers.forEach((timer) => window.clearTimeout(timer));
}

/** Somebody's sound is heard, once: what was kept back may be told later, too. */
export function play(track: Track): void {
  if (track.kind === Track.Kind.Audio && !track.attachedElements.length) track.attach();
}
