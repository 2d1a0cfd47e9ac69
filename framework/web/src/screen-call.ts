/** A `Call` that a Python session holds: told of over a local WebSocket, acted on through it. */

import { octetsOf } from './picture-octets';
import { ScreenPicture } from './screen-pictures';
import type { Wish } from './callview';
import type { Part } from './settings';
import { Problem, type Background, type Behind, type Button, type Call, type CallEvent, type CallState, type Caption, type ChatMessage, type Device, type DeviceKind, type LayoutName, type LeaveReason, type Moderator, type Person, type Picture } from './values';

interface ToldPicture {
  readonly id: string;
  readonly source: Picture['source'];
  readonly name: string;
}

type ToldPerson = Omit<Person, 'pictures'> & { readonly pictures: readonly ToldPicture[] };

/** As the renderer tells it. */
export interface Told {
  readonly title: string;
  readonly state: CallState;
  readonly startedAt: number;
  readonly people: readonly ToldPerson[];
  readonly isMuted: boolean;
  readonly isCameraOn: boolean;
  readonly isSharing: boolean;
  readonly isRecording: boolean;
  readonly mayModerate: boolean;
  readonly idleSecondsLeft: number | null;
  readonly layout: LayoutName;
  /** Who keeps the main place, by id; empty: nobody. */
  readonly pinned: string;
  readonly unread: number;
  readonly showsPeople: boolean;
  readonly isSmall: boolean;
  readonly hidden: readonly Part[];
  readonly current: Readonly<Record<DeviceKind, string>>;
  readonly captions: readonly Caption[];
  /** Null where it cannot be changed. */
  readonly background: { readonly kind: 'none' | 'image' } | { readonly kind: 'blur'; readonly level: number } | null;
}

interface Said {
  readonly state?: Told;
  readonly chat?: readonly ChatMessage[];
  readonly picture?: { readonly id: string; readonly number: number };
  readonly done?: number;
  readonly answer?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  /** By a moderator. */
  readonly turnedOff?: 'microphone' | 'camera';
  readonly over?: LeaveReason;
}

/** Buttons that the session itself acts on; what the others open is on this page. */
const THEIRS: ReadonlySet<Button> = new Set(['leave_session', 'toggle_audio', 'toggle_video', 'switch_camera', 'raise_hand', 'recording_toggle', 'screen_share']);
const KEPT = 500;

export class ScreenCall implements Call {
  readonly mayPublish = true;
  readonly isSoundBlocked = false;
  readonly chat;
  readonly hand;
  readonly idle;
  private messages: readonly ChatMessage[] = [];
  private readonly listeners = new Set<(event: CallEvent) => void>();
  private readonly pictures = new Map<string, ScreenPicture>();
  private readonly byNumber = new Map<number, string>();
  private readonly asked = new Map<number, { done: (answer: unknown) => void; failed: (error: Problem) => void }>();
  private count = 0;
  private isOver = false;

  private constructor(
    private readonly socket: WebSocket,
    private told: Told,
  ) {
    this.hand = { raise: (): Promise<void> => Promise.resolve() };
    this.chat = new ScreenChat(() => this.messages, (text) => this.ask('chat', text));
    this.idle = new ScreenIdle(() => this.told.idleSecondsLeft, () => void this.ask('stay'));
    socket.addEventListener('message', (event) => this.heard(event.data as string | ArrayBuffer));
    socket.addEventListener('close', () => this.end('network'));
  }

  /** Connected, and told how the call stands. */
  static open(address: string, secret: string): Promise<ScreenCall> {
    // In a frame of another site there is no cookie: the secret goes with the socket.
    const socket = new WebSocket(address, secret ? ['jackfield', secret] : ['jackfield']);
    socket.binaryType = 'arraybuffer';
    return new Promise((opened, failed) => {
      const early: Said[] = [];
      const first = (event: MessageEvent): void => {
        if (typeof event.data !== 'string') return;
        const said = JSON.parse(event.data) as Said;
        if (!said.state) return void early.push(said);
        socket.removeEventListener('message', first);
        const call = new ScreenCall(socket, said.state);
        for (const each of early) call.act(each);
        opened(call);
      };
      socket.addEventListener('message', first);
      socket.addEventListener('close', () => failed(new Problem('ERROR_NETWORK', 'The call does not answer: it may be over, or this page may need the link that was given.')));
    });
  }

  get title(): string {
    return this.told.title;
  }

  get layout(): LayoutName {
    return this.told.layout;
  }

  /** What the program wants to be looked at. */
  get wish(): Wish {
    const { layout, pinned, unread, showsPeople, isSmall } = this.told;
    return { layout, pinned: pinned || null, unread, showsPeople, isSmall };
  }

  /** The parts that the program leaves out. */
  get hidden(): ReadonlySet<Part> {
    return new Set(this.told.hidden);
  }

  get state(): CallState {
    return this.isOver ? 'over' : this.told.state;
  }

  get startedAt(): number {
    return this.told.startedAt;
  }

  get people(): readonly Person[] {
    return this.told.people.map((person) => ({ ...person, pictures: person.pictures.map((picture) => this.picture(picture, person)).filter((picture) => !picture.isUnreadable) }));
  }

  get isMuted(): boolean {
    return this.told.isMuted;
  }

  get isCameraOn(): boolean {
    return this.told.isCameraOn;
  }

  get screen(): NonNullable<Call['screen']> {
    const nothing = (): Promise<void> => Promise.resolve();
    return { isSharing: this.told.isSharing, start: nothing, stop: nothing };
  }

  get recording(): NonNullable<Call['recording']> {
    const nothing = (): Promise<void> => Promise.resolve();
    return { isRecording: this.told.isRecording, ...(this.told.mayModerate ? { may: { start: nothing, stop: nothing } } : {}) };
  }

  get captions(): NonNullable<Call['captions']> {
    return { isOn: this.told.captions.length > 0, lines: this.told.captions };
  }

  get background(): Background | undefined {
    const { background } = this.told;
    if (!background) return undefined;
    return {
      current: background.kind === 'image' ? { kind: 'image', image: null } : (background as Behind),
      blur: (level) => this.ask('blur', level),
      image: async (address) => this.ask('picture', await octetsOf(address)),
      clear: () => this.ask('as it is'),
    };
  }

  get moderator(): Moderator | undefined {
    if (!this.told.mayModerate) return undefined;
    return {
      mute: (id) => this.ask('mute', id),
      pauseVideo: (id) => this.ask('pause', id),
      remove: (id) => this.ask('remove', id),
      endForAll: () => this.ask('end'),
    };
  }

  /** The session hears of every button first, and does itself what is its own to do. */
  async pressed(button: Button): Promise<boolean> {
    const acted = (await this.request('press', button)) === true;
    return acted && !THEIRS.has(button);
  }

  allowSound(): Promise<void> {
    return Promise.resolve();
  }

  setMuted(): Promise<void> {
    return Promise.resolve(); // `pressed` has done it
  }

  setCamera(): Promise<void> {
    return Promise.resolve();
  }

  switchCamera(): Promise<void> {
    return Promise.resolve();
  }

  async devices(kind: DeviceKind): Promise<readonly Device[]> {
    return (await this.request('devices', kind)) as readonly Device[];
  }

  currentDevice(kind: DeviceKind): string {
    return this.told.current[kind];
  }

  useDevice(kind: DeviceKind, id: string): Promise<void> {
    return this.ask('use', kind, id);
  }

  leave(): Promise<void> {
    return this.ask('press', 'leave_session');
  }

  setLayout(layout: LayoutName): void {
    this.hint('layout', layout);
  }

  setPanel(panel: string | null): void {
    this.hint('people', panel === 'people');
    if (panel === 'chat') this.read();
  }

  /** The chat is open: nothing in it is unread. */
  read(): void {
    this.hint('read');
  }

  pin(id: string | null): void {
    this.hint('pin', id ?? '');
  }

  listen(listener: (event: CallEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // --- over the socket
  private async ask(name: string, ...values: readonly unknown[]): Promise<void> {
    await this.request(name, ...values);
  }

  /** What the session may refuse without harm: the page goes on looking as it does. */
  private hint(name: string, ...values: readonly unknown[]): void {
    this.request(name, ...values).catch(() => undefined);
  }

  private request(name: string, ...values: readonly unknown[]): Promise<unknown> {
    if (this.isOver) return Promise.resolve(null);
    const id = (this.count += 1);
    this.socket.send(JSON.stringify({ do: name, with: values, id }));
    return new Promise((done, failed) => this.asked.set(id, { done, failed }));
  }

  private heard(data: string | ArrayBuffer): void {
    if (typeof data === 'string') return this.act(JSON.parse(data) as Said);
    const id = this.byNumber.get(new DataView(data).getUint32(4));
    if (id !== undefined) this.pictures.get(id)?.take(data);
  }

  private act(said: Said): void {
    if (said.state) this.renew(said.state);
    for (const message of said.chat ?? []) this.wrote(message);
    if (said.picture) this.byNumber.set(said.picture.number, said.picture.id);
    if (said.turnedOff) this.tell({ kind: 'turnedOff', what: said.turnedOff });
    if (said.over) this.end(said.over);
    if (said.done === undefined) return;
    const waiting = this.asked.get(said.done);
    this.asked.delete(said.done);
    if (said.error) waiting?.failed(new Problem(said.error.code, said.error.message));
    else waiting?.done(said.answer);
  }

  private renew(now: Told): void {
    const before = this.told;
    this.told = now;
    const there = new Set(now.people.flatMap((person) => person.pictures.map((picture) => picture.id)));
    for (const id of [...this.pictures.keys()]) if (!there.has(id)) this.pictures.delete(id);
    const known = new Set(before.people.map((person) => person.id));
    for (const { id, name } of now.people) if (!known.has(id)) this.tell({ kind: 'joined', name });
    const present = new Set(now.people.map((person) => person.id));
    for (const { id, name } of before.people) if (!present.has(id)) this.tell({ kind: 'departed', name });
    if (before.state === 'reconnecting' && now.state === 'connected') this.tell({ kind: 'reconnected' });
    this.tell({ kind: 'changed' });
  }

  private wrote(message: ChatMessage): void {
    if (this.messages.some(({ id }) => id === message.id)) return;
    this.messages = [...this.messages, message].slice(-KEPT);
    this.tell({ kind: 'chat', message });
  }

  private picture({ id, source, name }: ToldPicture, { isLocal, name: whose }: ToldPerson): ScreenPicture {
    const known = this.pictures.get(id);
    if (known) return known;
    const made = new ScreenPicture(id, source, name, isLocal && source === 'camera', () => this.want(), () => this.socket.send(JSON.stringify({ broken: id })), (codec) => {
      this.want();
      this.tell({ kind: 'problem', text: `This browser cannot decode ${codec}, in which ${whose} sends: their ${source === 'screen' ? 'screen' : 'picture'} is not shown here.` });
    });
    this.pictures.set(id, made);
    return made;
  }

  private isDue = false;

  private want(): void {
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(() => {
      this.isDue = false;
      if (!this.isOver) this.socket.send(JSON.stringify({ want: [...this.pictures.values()].filter((picture) => picture.isWanted).map(({ id }) => id) }));
    });
  }

  private end(reason: LeaveReason): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const { done } of this.asked.values()) done(null);
    for (const picture of this.pictures.values()) picture.close();
    this.tell({ kind: 'over', reason });
  }

  private tell(event: CallEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}

class ScreenChat {
  readonly longest = 100_000;

  constructor(
    private readonly log: () => readonly ChatMessage[],
    readonly send: (text: string) => Promise<void>,
  ) {}

  get messages(): readonly ChatMessage[] {
    return this.log();
  }
}

class ScreenIdle {
  constructor(
    private readonly left: () => number | null,
    readonly stay: () => void,
  ) {}

  get secondsLeft(): number | null {
    return this.left();
  }
}
