/** Joining over livekit-client; with its neighbours `livekit-*.ts` all that knows it. */

import { ConnectionError, ConnectionErrorReason, Room, RoomEvent, VideoPresets, type RoomOptions } from 'livekit-client';
import { leaveReason, LiveKitCall, type JoinWish } from './livekit-call';
import { Problem, type Call } from './values';
import { endingWords } from './words';

/** The call, joined, with the person's camera and microphone published. Raises a `Problem`; the tracks are then still the caller's. */
export async function joinLiveKit(wish: JoinWish): Promise<Call> {
  const room = new Room(options(wish));
  const call = new LiveKitCall(room, wish);
  const entering = enter(room, call, wish);
  entering.catch(() => undefined); // whoever was sent away waits for it no more
  try {
    await Promise.race([entering, sentAway(room)]);
  } catch (error) {
    await room.disconnect();
    throw error instanceof Problem ? error : refusal(error);
  }
  return call;
}

async function enter(room: Room, call: LiveKitCall, wish: JoinWish): Promise<void> {
  await room.connect(wish.url, wish.token);
  call.begin();
  if (wish.displayName) await room.localParticipant.setName(wish.displayName).catch(() => undefined); // the token may not let us
  await call.publish(wish.media);
}

/** Raises once the server has ended the call, and says why; livekit-client goes on waiting for a way for media. */
function sentAway(room: Room): Promise<never> {
  return new Promise((_, away) => {
    room.once(RoomEvent.Disconnected, (reason) => {
      const why = leaveReason(reason);
      if (why === 'left' || why === 'network') return;
      const { title, text } = endingWords(why);
      away(new Problem(why === 'removed' ? 'ERROR_PERMISSION' : 'ERROR_NETWORK', `${title}. ${text}`));
    });
  });
}

function options({ media, videoCodec = 'vp8', lowBandwidth = false }: JoinWish): RoomOptions {
  const { camera, microphone, speaker } = media.wishes;
  return {
    adaptiveStream: true,
    dynacast: true,
    // Our server speaks the protocol of two connections; asking for one first costs a refused request at each join.
    singlePeerConnection: false,
    publishDefaults: { simulcast: true, videoCodec, backupCodec: false, red: false },
    videoCaptureDefaults: { resolution: (lowBandwidth ? VideoPresets.h180 : VideoPresets.h720).resolution, ...(camera ? { deviceId: camera } : {}) },
    audioCaptureDefaults: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(microphone ? { deviceId: microphone } : {}) },
    ...(speaker ? { audioOutput: { deviceId: speaker } } : {}),
  };
}

/** What livekit-client's refusals mean to a person. */
function refusal(error: unknown): Problem {
  if (!(error instanceof ConnectionError)) return new Problem('ERROR_NETWORK', `Joining failed: ${error instanceof Error ? error.message : 'unknown reason'}.`);
  switch (error.reason) {
    case ConnectionErrorReason.NotAllowed:
      return new Problem('ERROR_CALL_TOKEN', `The server let nobody in with this token: ${error.message}.`);
    case ConnectionErrorReason.Timeout:
      return new Problem('ERROR_NETWORK', 'The server answers, but no media gets through. A firewall may be blocking UDP between you and the server.');
    case ConnectionErrorReason.InternalError:
      return new Problem('ERROR_NETWORK', /pc connection|peer ?connection/i.test(error.message) ? 'The server answers, but no media gets through. A firewall may be blocking UDP between you and the server.' : `The server could not let you in: ${error.message}.`);
    default:
      return new Problem('ERROR_NETWORK', 'The server cannot be reached for the call. Check that it is running, then try again.');
  }
}
