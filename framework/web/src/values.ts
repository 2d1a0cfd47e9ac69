/**
 * What the components draw and act on.
 *
 * `livekit.ts` offers a `Call` over livekit-client. Whatever else offers one (a Python session behind a local WebSocket,
 * say) is drawn by the same components.
 */

import type { BackgroundWish } from './background';

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
  readonly role: 'moderator' | 'participant';
  /** Unix time in seconds at which they raised their hand; null: it is down. */
  readonly raisedHandAt: number | null;
  readonly isRecording: boolean;
  readonly pictures: readonly Picture[];
}

/** One message of the chat. `at` is Unix time in milliseconds; `text` is what was typed, markup and all: it is shown as text. */
export interface ChatMessage {
  readonly id: string;
  readonly from: string;
  readonly name: string;
  readonly isOwn: boolean;
  readonly text: string;
  readonly at: number;
}

/** What somebody says, as text; a later one with the same `id` replaces it until it is final. */
export interface Caption {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly isFinal: boolean;
}

/** A button of the call, by the name of its event: `leave_session` is told of as `leave_session_button_clicked`. */
export type Button =
  | 'leave_session'
  | 'toggle_audio'
  | 'toggle_video'
  | 'switch_camera'
  | 'raise_hand'
  | 'share_invite'
  | 'change_layout'
  | 'participant_list'
  | 'chat'
  | 'recording_toggle'
  | 'screen_share';

export type LayoutName = 'TILE' | 'SIDEBAR' | 'SPOTLIGHT';

// --- what some calls can do and others cannot: an ability that is absent has no button

export interface Hand {
  raise(isUp: boolean): Promise<void>;
}

export interface Chat {
  /** The last few hundred, oldest first. */
  readonly messages: readonly ChatMessage[];
  /** The longest text that is sent, in characters. */
  readonly longest: number;
  send(text: string): Promise<void>;
}

export interface ScreenShare {
  readonly isSharing: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface Recording {
  /** Whether the session is recorded, by whomever. */
  readonly isRecording: boolean;
  /** Absent for whoever may not begin and end it. */
  readonly may?: { start(): Promise<void>; stop(): Promise<void> };
}

/** What a moderator does to others. */
export interface Moderator {
  mute(id: string): Promise<void>;
  pauseVideo(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  endForAll(): Promise<void>;
}

export interface Captions {
  /** Whether they are being made now. */
  readonly isOn: boolean;
  readonly lines: readonly Caption[];
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

/** The picture is not to be had where another machine shows it. */
export type Behind = BackgroundWish | { readonly kind: 'image'; readonly image: null } | { readonly kind: 'none' };

/** What is behind the person in their own picture. */
export interface Background {
  readonly current: Behind;
  /** From 0, a little, to 1. */
  blur(level: number): Promise<void>;
  image(address: string): Promise<void>;
  clear(): Promise<void>;
}

/** Why a call is over. */
export type LeaveReason = 'left' | 'removed' | 'ended' | 'replaced' | 'idle' | 'server' | 'network';

export type CallState = 'connected' | 'reconnecting' | 'over';

export type CallEvent =
  | { readonly kind: 'changed' }
  | { readonly kind: 'joined' | 'departed'; readonly name: string }
  | { readonly kind: 'reconnected' }
  /** By a moderator; nobody says by which. */
  | { readonly kind: 'turnedOff'; readonly what: 'microphone' | 'camera' | 'screen' }
  | { readonly kind: 'chat'; readonly message: ChatMessage }
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
  /** `idle`: not by the person's own will, but because nobody answered. */
  leave(because?: 'idle'): Promise<void>;
  readonly hand?: Hand;
  readonly chat?: Chat;
  readonly screen?: ScreenShare;
  readonly recording?: Recording;
  readonly moderator?: Moderator;
  readonly captions?: Captions;
  readonly background?: Background;
  /** Asks whoever is alone whether they are still there. */
  readonly idle?: { readonly secondsLeft: number | null; stay(): void };
  /** Absent where there is one camera at most, or no way to tell. */
  switchCamera?(): Promise<void>;
  /** Tells whoever listens that a button was pressed, before what it does; false: it is not to be done. */
  pressed?(button: Button): boolean | Promise<boolean>;
  /** Hears everything from now on; call what it returns to hear no more. */
  listen(listener: (event: CallEvent) => void): () => void;
}

/** The person's own camera and microphone as chosen before joining; null: off. Whoever joins with it owns its tracks. */
export interface LocalMedia {
  readonly camera: MediaStreamTrack | null;
  readonly microphone: MediaStreamTrack | null;
  readonly wishes: Readonly<Partial<Record<DeviceKind, string>>>;
  /** What is to be behind the person from the first picture on. */
  readonly background?: BackgroundWish;
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
