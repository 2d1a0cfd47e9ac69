/**
 * The call as a module: `import { init, login, generateToken, joinSession } from '<server>/jackfield.js'`.
 *
 * One session at a time, drawn into a container of yours. `joinSession` answers `{ data, error }` and never rejects;
 * everything else rejects with an `Error` that has `errorCode` and `errorDescription`.
 */

import callStyle from './style/call.css?inline';
import partsStyle from './style/parts.css?inline';
import prejoinStyle from './style/prejoin.css?inline';
import tokensStyle from './style/tokens.css?inline';
import { asCallError, CallError, type Failure } from './call-error';
import { CallView } from './callview';
import { roleIn, roomIn } from './claims';
import { Differences } from './happened';
import { joinLiveKit } from './livekit';
import { listDevices, openDevice, whyNoMedia } from './media';
import { Phone } from './phone';
import type { Rang, Ring } from './ringing';
import { Service, type LogIn } from './service';
import { readSettings, type CallSettings } from './settings';
import { Problem, type Button, type Call, type CallEvent, type LayoutName, type LocalMedia, type Person } from './values';

export { CallError, type Failure };

/** What a listener gets. `preventDefault` keeps a button from what it does. */
export interface Happening {
  readonly name: string;
  readonly participant?: Person;
  readonly reason?: string;
  readonly message?: unknown;
  readonly ring?: Ring;
  readonly uid?: string;
  readonly busy?: boolean;
  /** Of `audio_muted` and `video_paused`: whether a moderator did it. */
  readonly byModerator?: boolean;
  preventDefault(): void;
}

type Listener = (event: Happening) => void;

interface Active {
  readonly sessionId: string;
  readonly call: Call;
  readonly view: CallView;
}

let service: Service | null = null;
let user: LogIn | null = null;
let active: Active | null = null;
let phone: Phone | null = null;
let isJoining = false;
const known = new Map<string, string>();
const listeners = new Map<string, Set<Listener>>();

/** Must come first. The server is the one that this module came from, unless another one is named. */
export function init(options: { readonly server?: string } = {}): Promise<void> {
  service = new Service(new URL(options.server ?? import.meta.url).origin);
  return Promise.resolve();
}

/** Logs in for development, by uid and the server's log-in key. */
export async function login(uid: string, key: string): Promise<LogIn> {
  if (!uid) throw new CallError('ERROR_INVALID_UID', 'A uid is needed to log in.');
  if (/\s/.test(uid)) throw new CallError('ERROR_UID_WITH_SPACE', `A uid has no spaces; this one is "${uid}".`);
  const found = await told(() => ready().logIn(uid, key));
  goOffline();
  user = found;
  return user;
}

/** Takes over a log-in that your own backend made. */
export function loginWithAuthToken(authToken: string): LogIn {
  if (!authToken.trim()) throw new CallError('ERROR_BLANK_AUTHTOKEN', 'The auth token is blank.');
  goOffline();
  user = { authToken: authToken.trim(), uid: '', name: '' };
  return user;
}

export function logout(): void {
  goOffline();
  user = null;
}

export function getLoggedInUser(): LogIn | null {
  return user;
}

/** A call token for this session and whoever is logged in. */
export async function generateToken(sessionId: string): Promise<{ readonly token: string }> {
  const here = ready();
  if (!user) throw new CallError('ERROR_AUTH_TOKEN_MISSING', 'Nobody is logged in: call login first.');
  if (typeof sessionId !== 'string' || !sessionId.trim()) throw new CallError('ERROR_SESSION_ID_MISSING', 'A session id is any text that is not blank.');
  const { authToken, name, uid } = user;
  const made = await told(() => here.callToken(sessionId, { authToken }, name || uid));
  known.set(made.token, made.role);
  return { token: made.token };
}

/** Joins with a token and draws the call into the container. */
export async function joinSession(callToken: string, callSettings: unknown, container: unknown): Promise<{ readonly data: undefined; readonly error: Failure | null }> {
  try {
    await enter(callToken, callSettings, container);
    return { data: undefined, error: null };
  } catch (error) {
    return refused(error);
  }
}

async function enter(callToken: string, callSettings: unknown, container: unknown): Promise<void> {
  const here = ready();
  if (active || isJoining) throw new CallError('ERROR_SESSION_ACTIVE', 'A session is active already: leave it first.');
  if (typeof callToken !== 'string' || !callToken.trim()) throw new CallError('ERROR_CALL_TOKEN', 'The call token is missing: generateToken makes one.');
  if (!(container instanceof HTMLElement)) throw new CallError('ERROR_CONTAINER', `The container is to be an element of the page; this is ${container === null ? 'null' : typeof container}.`);
  const { settings, findings } = readSettings(callSettings);
  if (findings.length) throw new CallError('VALIDATION_ERROR', findings.map(({ message }) => message).join('; '));
  isJoining = true;
  try {
    await drawn(here, callToken, settings, container);
  } finally {
    isJoining = false;
  }
}

async function drawn(here: Service, token: string, settings: CallSettings, container: HTMLElement): Promise<void> {
  const problems: unknown[] = [];
  const media = await opened(settings, problems);
  const role = known.get(token) ?? roleIn(token);
  const sessionId = roomIn(token);
  let call: Call;
  try {
    const idle = { beforeS: settings.idleBeforeS, afterS: settings.idleAfterS };
    call = await joinLiveKit({ url: here.mediaUrl, token, media, origin: here.origin, isModerator: role === 'moderator', idle, lowBandwidth: settings.lowBandwidth, displayName: settings.displayName, pressed, ...(role === 'moderator' ? { record: (action) => here.record(action, token) } : {}) });
  } catch (error) {
    media.camera?.stop();
    media.microphone?.stop();
    throw error;
  }
  dress();
  const place = document.createElement('div');
  place.className = 'jackfield jf-embedded';
  container.replaceChildren(place);
  const inviteLink = role === 'moderator' ? { inviteLink: () => here.inviteLink(sessionId, token) } : {};
  const chosen = {
    layout: () => tell({ name: 'call_layout_changed' }),
    panel: (panel: string | null) => tell({ name: panel === 'people' ? 'participant_list_visible' : 'participant_list_hidden' }),
  };
  const view = new CallView(place, call, { title: settings.title || sessionId, settings, chosen, ...inviteLink });
  active = { sessionId, call, view };
  const differences = new Differences(call, tell);
  call.listen((event) => heard(event, differences, place));
  tell({ name: 'session_joined' });
  if (call.state === 'over') return heard({ kind: 'over', reason: 'network' }, differences, place); // it ended as it began
  for (const problem of problems) view.attempt(() => Promise.reject(problem));
  // Nobody waits for it; where it cannot be, the call says so.
  if (settings.autoStartRecording) view.attempt(() => recording().start());
}

function heard(event: CallEvent, differences: Differences, place: HTMLElement): void {
  differences.look(event.kind === 'turnedOff' ? event.what : undefined);
  if (event.kind === 'chat') tell({ name: 'chat_message', message: event.message });
  if (event.kind !== 'over' || !active) return;
  differences.close();
  active.view.close();
  active = null;
  place.remove();
  if (event.reason === 'idle') tell({ name: 'session_timed_out' });
  tell({ name: 'connection_closed' });
  tell({ name: 'session_left', reason: event.reason });
}

/** The style sheets of the call, in the page that holds it, once. */
function dress(): void {
  const sheets = [tokensStyle, partsStyle, prejoinStyle, callStyle].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  if (!isDressed) document.adoptedStyleSheets.push(...sheets);
  isDressed = true;
}

let isDressed = false;

/** A camera or microphone that does not open is no reason not to join: the call says so, and goes on without it. */
async function opened(settings: CallSettings, problems: unknown[]): Promise<LocalMedia> {
  const open = async (kind: 'camera' | 'microphone', isWanted: boolean): Promise<MediaStreamTrack | null> => {
    if (!isWanted || whyNoMedia() || (await listDevices(kind)).length === 0) return null;
    return openDevice(kind, '').catch((problem: unknown) => {
      problems.push(problem);
      return null;
    });
  };
  const camera = await open('camera', settings.type === 'VIDEO' && !settings.startVideoPaused);
  const microphone = await open('microphone', !settings.startAudioMuted);
  return { camera, microphone, wishes: {} };
}

// --- what happens -------------------------------------------------------------------------------------------------
/** Calls back with each event of this name: `session_left`, or the vendor's `onSessionLeft`. Call the answer to end that. */
export function on(name: string, listener: Listener): () => void {
  const event = name.replace(/^on(?=[A-Z])/, '').replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  const all = listeners.get(event) ?? new Set();
  listeners.set(event, all.add(listener));
  return () => void all.delete(listener);
}

export const addEventListener = on;

function tell(happened: Omit<Happening, 'preventDefault'>): boolean {
  let isPrevented = false;
  const event: Happening = { ...happened, preventDefault: () => void (isPrevented = true) };
  for (const listener of [...(listeners.get(event.name) ?? [])]) {
    try {
      listener(event);
    } catch (error) {
      console.error(`A listener of ${event.name} failed; the call goes on.`, error);
    }
  }
  return !isPrevented;
}

function pressed(button: Button): boolean {
  return tell({ name: `${button}_button_clicked` });
}

// --- actions ------------------------------------------------------------------------------------------------------
export const muteAudio = (): Promise<void> => told(() => here().setMuted(true));
export const unmuteAudio = (): Promise<void> => told(() => here().setMuted(false));
export const pauseVideo = (): Promise<void> => told(() => here().setCamera(false));
export const resumeVideo = (): Promise<void> => told(() => here().setCamera(true));
export const switchCamera = (): Promise<void> => told(async () => here().switchCamera?.());
export const raiseHand = (): Promise<void> => told(async () => here().hand?.raise(true));
export const lowerHand = (): Promise<void> => told(async () => here().hand?.raise(false));
export const sendChat = (text: string): Promise<void> => told(async () => here().chat?.send(text));
export const startScreenSharing = (): Promise<void> => told(async () => here().screen?.start());
export const stopScreenSharing = (): Promise<void> => told(async () => here().screen?.stop());
/** What is behind us is blurred, from 0, a little, to 1; or this picture is there; or it is seen as it is. */
export const setBackgroundBlur = (level: number): Promise<void> => told(() => behind().blur(level));
export const setBackgroundImage = (address: string): Promise<void> => told(() => behind().image(address));
export const clearBackground = (): Promise<void> => told(async () => here().background?.clear());
export const startRecording = (): Promise<void> => told(() => recording().start());
export const stopRecording = (): Promise<void> => told(() => recording().stop());
export const muteParticipant = (id: string): Promise<void> => told(() => moderating().mute(id));
export const pauseParticipantVideo = (id: string): Promise<void> => told(() => moderating().pauseVideo(id));
export const removeParticipant = (id: string): Promise<void> => told(() => moderating().remove(id));
export const endForAll = (): Promise<void> => told(() => moderating().endForAll());
export const setLayout = (layout: LayoutName): void => drawing().setLayout(layout);
export const pinParticipant = (id: string): void => drawing().pin(id);
export const unpinParticipant = (): void => drawing().pin(null);
export const participants = (): readonly Person[] => active?.call.people ?? [];

/** Leaves the session and empties the container; fine where there is none. */
export async function leaveSession(): Promise<void> {
  await active?.call.leave();
}

// --- ringing ------------------------------------------------------------------------------------------------------
/**
 * Others can ring us from now on. With a container, a dialog over the page asks whether to come, and a call that is
 * answered is drawn there; `event.preventDefault()` on `incoming_ring` keeps the dialog away.
 */
export async function goOnline(options: { readonly container?: HTMLElement; readonly callSettings?: unknown } = {}): Promise<void> {
  const { mediaUrl } = ready();
  if (!user) throw new CallError('ERROR_AUTH_TOKEN_MISSING', 'Nobody is logged in: call login first.');
  const { container, callSettings } = options;
  if (container !== undefined && !(container instanceof HTMLElement)) throw new CallError('ERROR_CONTAINER', `The container is to be an element of the page; this is ${typeof container}.`);
  const desk = {
    told: ({ event, ...about }: Rang) => tell({ name: event, ...about }),
    offline: (problem: Problem) => console.warn(`Nobody can ring this page any more: ${problem.message}`),
    ...(container ? { answer: (ring: Ring) => answered(ring, callSettings, container) } : {}),
  };
  goOffline();
  const made = new Phone(`${mediaUrl}/api/ring`, user.authToken, desk);
  await told(() => made.open());
  if (container) dress();
  phone = made;
}

/** Nobody rings us here any more; what we ring is given up. */
export function goOffline(): void {
  phone?.close();
  phone = null;
}

/** Calls these uids for 45 seconds; `ring_accepted`, `ring_rejected` and `ring_unanswered` tell what comes of it. */
export const ring = (to: string | readonly string[], options: { readonly sessionId?: string; readonly type?: string } = {}): Promise<Ring> =>
  told(() => online().ring(typeof to === 'string' ? [to] : to, options.sessionId ?? null, options.type ?? 'VIDEO'));
export const rejectRing = (rung: Ring, options: { readonly busy?: boolean } = {}): Promise<void> => told(() => online().reject(rung, options.busy === true));
export const cancelRing = (rung: Ring): Promise<void> => told(() => online().cancel(rung));

/** We come: the call, drawn into the container. Answers as `joinSession` does; without settings it is of the ring's type. */
export async function acceptRing(rung: Ring, callSettings: unknown, container: unknown): ReturnType<typeof joinSession> {
  try {
    if (active || isJoining) throw new CallError('ERROR_SESSION_ACTIVE', 'A session is active already: leave it first, or reject the ring as busy.');
    return await come(rung, callSettings, container);
  } catch (error) {
    return refused(error);
  }
}

async function come(rung: Ring, callSettings: unknown, container: unknown): ReturnType<typeof joinSession> {
  if (!(container instanceof HTMLElement)) throw new CallError('ERROR_CONTAINER', 'The container is to be an element of the page.');
  const { token } = await generateToken(rung.sessionId);
  await told(() => online().accept(rung));
  await leaveSession();
  const joined = await joinSession(token, callSettings ?? { sessionType: rung.type }, container);
  if (!joined.error) online().hide(rung.id);
  return joined;
}

/** Answering in the dialog: a call that is under way is left for it, once the ring is taken. What went wrong, if anything. */
async function answered(rung: Ring, callSettings: unknown, container: HTMLElement): Promise<string> {
  try {
    const { error } = await come(rung, callSettings, container);
    return error?.errorDescription ?? '';
  } catch (error) {
    return asCallError(error).errorDescription;
  }
}

function online(): Phone {
  if (!phone) throw new CallError('ERROR_NETWORK', 'This page is not online: call goOnline first.');
  return phone;
}

function here(): Call {
  if (!active) throw new CallError('ERROR_NETWORK', 'There is no session: join one first.');
  return active.call;
}

function drawing(): CallView {
  here();
  return (active as Active).view;
}

function moderating(): NonNullable<Call['moderator']> {
  const { moderator } = here();
  if (!moderator) throw new CallError('ERROR_PERMISSION', 'Only a moderator may do this; this token makes none.');
  return moderator;
}

function behind(): NonNullable<Call['background']> {
  const { background } = here();
  if (!background) throw new CallError('ERROR_INTERNAL', 'This browser cannot change what is behind a person: it has no WebAssembly, or its canvases cannot be sent.');
  return background;
}

function recording(): NonNullable<NonNullable<Call['recording']>['may']> {
  const may = here().recording?.may;
  if (!may) throw new CallError('ERROR_PERMISSION', 'Only a moderator may have a session recorded; this token makes none.');
  return may;
}

function ready(): Service {
  if (!service) throw new CallError('ERROR_SDK_NOT_INITIALIZED', 'Call init first.');
  return service;
}

async function told<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asCallError(error);
  }
}

/** What was raised, as `joinSession` answers it. */
function refused(error: unknown): Awaited<ReturnType<typeof joinSession>> {
  const { errorCode, errorDescription } = asCallError(error);
  return { data: undefined, error: { errorCode, errorDescription } };
}
