/** The call that was joined over livekit-client. */

import {
  ConnectionQuality,
  DisconnectReason,
  LocalAudioTrack,
  LocalVideoTrack,
  ParticipantEvent,
  RemoteTrack,
  RoomEvent,
  Track,
  type Participant,
  type Room,
  type TrackPublication,
  type VideoCodec,
} from 'livekit-client';
import { treatsPictures } from './background';
import { Comings } from './comings';
import { Idle } from './idle';
import { LiveKitBackground } from './livekit-background';
import { LiveKitModerator } from './livekit-moderator';
import { beforeRestarting, makeUpForKeptBack, onRemoteMute, play } from './livekit-shim';
import { LiveKitCaptions, LiveKitChat, watchAttributes } from './livekit-words';
import { listDevices, whyNoMedia } from './media';
import { shownName } from './people';
import { Problem, type Call, type CallEvent, type Button, type CallState, type Device, type DeviceKind, type LeaveReason, type LocalMedia, type Person, type Picture, type Recording, type ScreenShare } from './values';
import { deviceWords, NO_MEDIA_WORDS } from './words';

const BROWSER_KIND: Readonly<Record<DeviceKind, MediaDeviceKind>> = { camera: 'videoinput', microphone: 'audioinput', speaker: 'audiooutput' };

const REDRAWN_BY = [
  RoomEvent.TrackPublished,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
  RoomEvent.LocalTrackUnpublished,
  RoomEvent.ActiveSpeakersChanged,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ParticipantPermissionsChanged,
  RoomEvent.ConnectionQualityChanged,
  RoomEvent.TrackStreamStateChanged,
  RoomEvent.AudioPlaybackStatusChanged,
  RoomEvent.RecordingStatusChanged,
] as const;

export interface JoinWish {
  /** ws:// or wss:// address of the server. */
  readonly url: string;
  readonly token: string;
  /** What was opened before joining. Once joined, the call owns the tracks and stops them. */
  readonly media: LocalMedia;
  readonly videoCodec?: VideoCodec;
  /** The server's HTTP address, for whoever may moderate. */
  readonly origin?: string;
  readonly isModerator?: boolean;
  /** Seconds alone until the person is asked, and until they are taken out; left out: never. */
  readonly idle?: { readonly beforeS: number; readonly afterS: number };
  readonly lowBandwidth?: boolean;
  /** What others are to see in place of the token's name. */
  readonly displayName?: string;
  readonly pressed?: (button: Button) => boolean | Promise<boolean>;
  /** Has the session recorded, or no more, where this person may. */
  readonly record?: (action: 'start' | 'stop') => Promise<void>;
}

export class LiveKitCall implements Call {
  state: CallState = 'connected';
  startedAt = Date.now();
  private readonly listeners = new Set<(event: CallEvent) => void>();
  /** What went wrong before anybody listened. */
  private readonly untold: CallEvent[] = [];
  private readonly pictures = new WeakMap<Track, Picture>();

  readonly hand = { raise: (isUp: boolean): Promise<void> => this.raise(isUp) };
  readonly chat: LiveKitChat;
  readonly captions: LiveKitCaptions;
  readonly background?: LiveKitBackground;
  readonly moderator?: LiveKitModerator;
  readonly idle?: Idle;
  readonly pressed?: (button: Button) => boolean | Promise<boolean>;
  private readonly record?: JoinWish['record'];
  private leavesAs: LeaveReason | null = null;
  private readonly comings = new Comings((kind, name) => this.tell({ kind, name }));
  /** What is ours as it was when the connection broke: what is published anew meanwhile was not turned off. */
  private held: { isMuted: boolean; isCameraOn: boolean; isSharing: boolean } | null = null;
  private readonly ticking: number;
  private endLooking: () => void = () => undefined;

  constructor(
    private readonly room: Room,
    wish: JoinWish,
  ) {
    this.chat = new LiveKitChat(room, (message) => this.tell({ kind: 'chat', message }));
    this.captions = new LiveKitCaptions(room, () => this.tell({ kind: 'changed' }));
    const trouble = (text: string): void => this.tell({ kind: 'problem', text });
    if (treatsPictures()) this.background = new LiveKitBackground(room, wish.media.background, () => this.tell({ kind: 'changed' }), trouble);
    if (wish.isModerator && wish.origin) this.moderator = new LiveKitModerator(room, wish.origin, () => wish.token);
    if (wish.idle) this.idle = new Idle(wish.idle.beforeS, wish.idle.afterS, () => void this.leave('idle'));
    if (wish.pressed) this.pressed = wish.pressed;
    this.record = wish.record;
    this.ticking = window.setInterval(() => this.idle?.look(room.remoteParticipants.size === 0), 1000);
    watchAttributes(room, () => this.tell({ kind: 'changed' }));
    for (const event of REDRAWN_BY) room.on(event, () => this.tell({ kind: 'changed' }));
    room.on(RoomEvent.TrackSubscribed, play);
    room.on(RoomEvent.TrackUnsubscribed, (track) => track.kind === Track.Kind.Audio && track.detach());
    room.on(RoomEvent.MediaDevicesError, (error, kind) => this.state === 'connected' && this.tell({ kind: 'problem', text: deviceWords(kindOf(kind), error.name) }));
    room.on(RoomEvent.Reconnecting, () => this.become('reconnecting'));
    room.on(RoomEvent.SignalReconnecting, () => this.become('reconnecting'));
    room.on(RoomEvent.Reconnected, () => {
      this.become('connected');
      this.endLooking();
      this.endLooking = makeUpForKeptBack(room, () => {
        for (const identity of room.remoteParticipants.keys()) this.comings.isHere(identity);
        this.tell({ kind: 'changed' });
      });
      this.comings.back();
      this.tell({ kind: 'reconnected' });
    });
    room.on(RoomEvent.Disconnected, (reason) => {
      if (this.state === 'over') return;
      this.state = 'over';
      window.clearInterval(this.ticking);
      this.comings.close();
      this.endLooking();
      this.tell({ kind: 'over', reason: this.leavesAs ?? leaveReason(reason) });
    });
  }

  /** From now on others come and go before the person's eyes; those who were here first were not seen joining. */
  begin(): void {
    this.startedAt = Date.now();
    const { remoteParticipants } = this.room;
    for (const identity of remoteParticipants.keys()) this.comings.isHere(identity);
    // What was kept back is told late: whoever has gone meanwhile has not come, and whoever is back has not gone.
    this.room.on(RoomEvent.ParticipantConnected, (participant) => remoteParticipants.has(participant.identity) && this.comings.came(participant.identity, nameOf(participant)));
    this.room.on(RoomEvent.ParticipantDisconnected, (participant) => !remoteParticipants.has(participant.identity) && this.comings.went(participant.identity, nameOf(participant)));
    beforeRestarting(this.room, () => this.become('reconnecting'));
    onRemoteMute(this.room, (sid, isMuted) => isMuted && this.turnedOff(sid));
    this.room.localParticipant.on(ParticipantEvent.IsSpeakingChanged, () => this.tell({ kind: 'changed' }));
  }

  /** Send what was opened before joining; one that the server refuses is told of and stopped. */
  async publish({ camera, microphone }: LocalMedia): Promise<void> {
    const tracks: (LocalVideoTrack | LocalAudioTrack)[] = [];
    if (microphone) tracks.push(new LocalAudioTrack(microphone, microphone.getConstraints(), false));
    if (camera) tracks.push(new LocalVideoTrack(camera, camera.getConstraints(), false));
    const published = tracks.map((track) => this.publishOne(track));
    // What blurs a camera may take a while to come: the call is there meanwhile.
    if (this.background?.current.kind === 'none' || !this.background) await Promise.all(published);
  }

  get people(): readonly Person[] {
    const others = [...this.room.remoteParticipants.values()].sort((a, b) => (a.joinedAt?.getTime() ?? 0) - (b.joinedAt?.getTime() ?? 0));
    return [...others, this.room.localParticipant].map((participant) => this.person(participant));
  }

  get mayPublish(): boolean {
    return this.room.localParticipant.permissions?.canPublish ?? true;
  }

  get isMuted(): boolean {
    return this.held?.isMuted ?? !this.room.localParticipant.isMicrophoneEnabled;
  }

  get isCameraOn(): boolean {
    return this.held?.isCameraOn ?? this.room.localParticipant.isCameraEnabled;
  }

  get isSoundBlocked(): boolean {
    return this.state !== 'over' && !this.room.canPlaybackAudio;
  }

  async allowSound(): Promise<void> {
    await this.room.startAudio();
  }

  async setMuted(isMuted: boolean): Promise<void> {
    await this.act('microphone', () => this.room.localParticipant.setMicrophoneEnabled(!isMuted));
    if (this.held) this.held.isMuted = isMuted;
  }

  async setCamera(isOn: boolean): Promise<void> {
    const turn = (): Promise<unknown> => this.room.localParticipant.setCameraEnabled(isOn, this.background?.options);
    await this.act('camera', () => (this.background ? this.background.inTurn(turn) : turn()));
    if (this.held) this.held.isCameraOn = isOn;
  }

  devices(kind: DeviceKind): Promise<readonly Device[]> {
    return listDevices(kind);
  }

  currentDevice(kind: DeviceKind): string {
    const source = kind === 'camera' ? Track.Source.Camera : Track.Source.Microphone;
    const publication = kind === 'speaker' ? undefined : this.room.localParticipant.getTrackPublication(source);
    // A muted track still names the device that it had; what was chosen since is opened when it is turned on again.
    const inUse = publication?.isMuted ? undefined : publication?.track?.getSourceTrackSettings().deviceId; // not of the picture with another background
    return inUse ?? this.room.getActiveDevice(BROWSER_KIND[kind]) ?? 'default';
  }

  get screen(): ScreenShare | undefined {
    if (typeof navigator.mediaDevices?.getDisplayMedia !== 'function') return undefined;
    const { localParticipant } = this.room;
    return {
      isSharing: this.held?.isSharing ?? localParticipant.isScreenShareEnabled,
      start: () => this.share(true),
      stop: () => this.share(false),
    };
  }

  get recording(): Recording {
    const { record } = this;
    const may = record && { start: () => record('start'), stop: () => record('stop') };
    return { isRecording: this.room.isRecording, ...(may ? { may } : {}) };
  }

  async switchCamera(): Promise<void> {
    const cameras = await listDevices('camera');
    const at = cameras.findIndex((camera) => camera.id === this.currentDevice('camera'));
    const next = cameras[(at + 1) % cameras.length];
    if (cameras.length < 2 || !next) throw new Problem('ERROR_DEVICE_GONE', 'There is no other camera here.');
    await this.useDevice('camera', next.id);
  }

  private async share(isOn: boolean): Promise<void> {
    try {
      await this.room.localParticipant.setScreenShareEnabled(isOn, { audio: true, contentHint: 'detail' });
      if (this.held) this.held.isSharing = isOn;
    } catch (error) {
      // Whoever closes the browser's own question has answered it.
      if (error instanceof DOMException && (error.name === 'NotAllowedError' || error.name === 'AbortError')) return;
      throw new Problem('ERROR_DEVICE_DENIED', `Your screen could not be shared: ${error instanceof Error ? error.message : 'unknown reason'}.`);
    } finally {
      this.tell({ kind: 'changed' });
    }
  }

  private async raise(isUp: boolean): Promise<void> {
    try {
      await this.room.localParticipant.setAttributes({ 'jackfield.hand': isUp ? (Date.now() / 1000).toFixed(3) : '' });
    } catch (error) {
      throw new Problem('ERROR_PERMISSION', `Your hand could not be raised: ${error instanceof Error ? error.message : 'unknown reason'}.`);
    }
    this.tell({ kind: 'changed' });
  }

  async useDevice(kind: DeviceKind, id: string): Promise<void> {
    await this.act(kind, () => this.room.switchActiveDevice(BROWSER_KIND[kind], id));
  }

  async leave(because?: 'idle'): Promise<void> {
    this.leavesAs = because ?? null;
    await this.room.disconnect();
  }

  listen(listener: (event: CallEvent) => void): () => void {
    this.listeners.add(listener);
    for (const event of this.untold.splice(0)) listener(event);
    return () => this.listeners.delete(listener);
  }

  private async publishOne(track: LocalVideoTrack | LocalAudioTrack): Promise<void> {
    const source = track.kind === Track.Kind.Video ? Track.Source.Camera : Track.Source.Microphone;
    try {
      if (track instanceof LocalVideoTrack) await this.background?.treat(track);
      await this.room.localParticipant.publishTrack(track, { source });
    } catch (error) {
      track.stop();
      if (this.state !== 'over') this.tell({ kind: 'problem', text: `Your ${source} could not be sent: ${error instanceof Error ? error.message : 'unknown reason'}` });
    }
  }

  /** Devices are the browser's to refuse: its refusals become sentences. */
  private async act(kind: DeviceKind, action: () => Promise<unknown>): Promise<void> {
    const lack = whyNoMedia();
    if (lack) throw new Problem('ERROR_DEVICE_DENIED', NO_MEDIA_WORDS[lack]);
    try {
      await action();
    } catch (error) {
      if (this.state === 'reconnecting') throw new Problem('ERROR_NETWORK', `The connection is being restored: try the ${kind} again after that.`);
      throw new Problem('ERROR_DEVICE_GONE', deviceWords(kind, error instanceof Error ? error.name : 'Error'));
    } finally {
      this.tell({ kind: 'changed' });
    }
  }

  private person(participant: Participant): Person {
    const sounds = [...participant.audioTrackPublications.values()].filter(({ source }) => source !== Track.Source.ScreenShareAudio);
    return {
      id: participant.identity,
      name: nameOf(participant),
      isLocal: participant.isLocal,
      isMuted: sounds.every((sound) => sound.isMuted),
      isSpeaking: participant.isSpeaking,
      hasPoorNetwork: participant.connectionQuality === ConnectionQuality.Poor || participant.connectionQuality === ConnectionQuality.Lost || stands(participant),
      role: participant.attributes['jackfield.role'] === 'moderator' ? 'moderator' : 'participant',
      raisedHandAt: Number(participant.attributes['jackfield.hand']) || null,
      isRecording: Boolean(participant.attributes['jackfield.recording']),
      pictures: [...participant.videoTrackPublications.values()].flatMap((publication) => this.picture(publication, participant.isLocal)),
    };
  }

  private picture(publication: TrackPublication, isLocal: boolean): Picture[] {
    const { track, source } = publication;
    if (!track || publication.isMuted) return [];
    const known = this.pictures.get(track);
    if (known) return [known];
    const isCamera = source === Track.Source.Camera;
    const picture: Picture = {
      id: publication.trackSid,
      source: isCamera ? 'camera' : source === Track.Source.ScreenShare ? 'screen' : 'other',
      name: publication.trackName,
      isMirrored: isLocal && isCamera,
      attach: (video) => void track.attach(video),
      detach: (video) => void track.detach(video),
    };
    this.pictures.set(track, picture);
    return [picture];
  }

  private become(state: 'connected' | 'reconnecting'): void {
    if (this.state === 'over' || this.state === state) return;
    const { isMuted, isCameraOn } = this;
    this.held = state === 'reconnecting' ? { isMuted, isCameraOn, isSharing: this.room.localParticipant.isScreenShareEnabled } : null;
    this.state = state;
    if (state === 'reconnecting') this.comings.interrupted();
    this.tell({ kind: 'changed' });
  }

  /** A moderator did it, by the server. */
  private turnedOff(sid: string): void {
    const publication = this.room.localParticipant.trackPublications.get(sid);
    if (!publication || publication.isMuted) return;
    const kinds: Partial<Record<Track.Source, 'microphone' | 'camera' | 'screen'>> = { [Track.Source.Microphone]: 'microphone', [Track.Source.Camera]: 'camera', [Track.Source.ScreenShare]: 'screen' };
    const what = kinds[publication.source];
    if (what) this.tell({ kind: 'turnedOff', what });
  }

  private tell(event: CallEvent): void {
    if (this.listeners.size === 0 && event.kind === 'problem') this.untold.push(event);
    for (const listener of [...this.listeners]) listener(event);
  }
}

function nameOf(participant: Participant): string {
  return shownName(participant.name ?? '', participant.identity);
}

/** Whether the server sends a picture of theirs no more, for want of room: it stands still, and is not to be taken for live. */
function stands(participant: Participant): boolean {
  return [...participant.videoTrackPublications.values()].some(({ track }) => track instanceof RemoteTrack && track.streamState === Track.StreamState.Paused);
}

function kindOf(kind: MediaDeviceKind | undefined): DeviceKind {
  return kind === 'audioinput' ? 'microphone' : kind === 'audiooutput' ? 'speaker' : 'camera';
}

export function leaveReason(reason: DisconnectReason | undefined): LeaveReason {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return 'left';
    case DisconnectReason.PARTICIPANT_REMOVED:
      return 'removed';
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return 'ended';
    case DisconnectReason.DUPLICATE_IDENTITY:
      return 'replaced';
    case DisconnectReason.SERVER_SHUTDOWN:
      return 'server';
    default:
      return 'network';
  }
}
