/**
 * What the components draw and act on.
 *
 * `livekit.ts` offers a `Call` over livekit-client. Whatever else offers one (a Python session behind a local WebSocket,
 * say) is drawn by the same components.
 */

export type DeviceKind = 'camera' | 'microphone' | 'speaker';

/** A device that the browser listed. `id` is the browser's own and lasts as long as its permission does. */
export interface Device {
  readonly id: string;
  readonly label: string;
}

/** One picture that somebody sends. Elements that it is attached to belong to the caller, who detaches them. */
export interface Picture {
  readonly id: string;
  readonly source: 'camera' | 'screen' | 'other';
  /** What the sender calls it; empty for an ordinary camera. */
  readonly name: string;
  readonly isMirrored: boolean;
  attach(video: HTMLVideoElement): void;
  detach(video: HTMLVideoElement): void;
}

/** Somebody in the session, as they are at this moment; a later moment has an object of its own. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly isLocal: boolean;
  readonly isMuted: boolean;
  readonly isSpeaking: boolean;
  readonly hasPoorNetwork: boolean;
  readonly pictures: readonly Picture[];
}

/** Why a call is over. */
export type LeaveReason = 'left' | 'removed' | 'ended' | 'replaced' | 'server' | 'network';

export type CallState = 'connected' | 'reconnecting' | 'over';

export type CallEvent =
  | { readonly kind: 'changed' }
  | { readonly kind: 'joined' | 'departed'; readonly name: string }
  | { readonly kind: 'reconnected' }
  | { readonly kind: 'problem'; readonly text: string }
  | { readonly kind: 'over'; readonly reason: LeaveReason };

/** One call that was joined. Its methods raise a `Problem`, whose message is fit for people. */
export interface Call {
  readonly state: CallState;
  /** Everyone in the session: the others in the order of their coming, then the person at this machine. */
  readonly people: readonly Person[];
  readonly startedAt: number;
  readonly mayPublish: boolean;
  readonly isMuted: boolean;
  readonly isCameraOn: boolean;
  /** Whether the browser waits for a click before it plays sound. */
  readonly isSoundBlocked: boolean;
  allowSound(): Promise<void>;
  setMuted(isMuted: boolean): Promise<void>;
  setCamera(isOn: boolean): Promise<void>;
  devices(kind: DeviceKind): Promise<readonly Device[]>;
  currentDevice(kind: DeviceKind): string;
  useDevice(kind: DeviceKind, id: string): Promise<void>;
  leave(): Promise<void>;
  /** Hears everything from now on; call what it returns to hear no more. */
  listen(listener: (event: CallEvent) => void): () => void;
}

/** The person's own camera and microphone as chosen before joining; null: off. Whoever joins with it owns its tracks. */
export interface LocalMedia {
  readonly camera: MediaStreamTrack | null;
  readonly microphone: MediaStreamTrack | null;
  readonly wishes: Readonly<Partial<Record<DeviceKind, string>>>;
}

/** What went wrong, in words for the person at the machine. `code` is one of Jackfield's, `reason` the server's own word. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly reason = '',
  ) {
    super(message);
    this.name = 'Problem';
  }
}
