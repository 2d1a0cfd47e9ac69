/** The components over a call that is no LiveKit call: what a picture looks like with many people, a screen, no sound. */

import '../../src/style/page.css';
import '../../src/style/tokens.css';
import '../../src/style/parts.css';
import '../../src/style/prejoin.css';
import '../../src/style/call.css';
import { CallView } from '../../src/callview';
import { DEFAULTS, EVERYTHING, LAYOUTS } from '../../src/settings';
import type { Call, CallEvent, CallState, ChatMessage, Device, DeviceKind, LayoutName, Person, Picture } from '../../src/values';

const asked = new URLSearchParams(location.search);
const NAMES = ['Ada Lovelace', 'Grace Hopper', 'Robot 7', 'Katherine Johnson', 'Radia Perlman', 'Hedy Lamarr', 'Alan Turing', 'Lynn Conway', 'Bo'];

function painted(id: string, source: Picture['source'], width = 640, height = 360): Picture {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext('2d');
  const number = [...id].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997, 7);
  const paint = (): void => {
    if (!pen) return;
    if (source === 'screen') slides(pen, width, height);
    else if (source === 'other') gripper(pen, width, height, performance.now() / 1000);
    else somebody(pen, width, height, number, performance.now() / 1000);
  };
  paint();
  if (Number(asked.get('people') ?? '3') < 12) setInterval(paint, 100); // many that move are more than two cores draw
  const stream = canvas.captureStream(10);
  const show = (video: HTMLVideoElement): void => {
    video.srcObject = stream;
  };
  const hide = (video: HTMLVideoElement): void => {
    video.srcObject = null;
  };
  return { id, source, name: source === 'camera' ? '' : id, isMirrored: false, attach: show, detach: hide };
}

/** A slide with a heading, some lines and bars. */
function slides(pen: CanvasRenderingContext2D, width: number, height: number): void {
  pen.fillStyle = '#fbfbf8';
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = '#14614f';
  pen.fillRect(0, 0, width, height * 0.02);
  pen.fillStyle = '#17211e';
  pen.font = `650 ${height * 0.08}px sans-serif`;
  pen.fillText('Cables pulled, calls kept', width * 0.08, height * 0.2);
  pen.fillStyle = '#51605b';
  for (let line = 0; line < 4; line += 1) pen.fillRect(width * 0.08, height * (0.3 + line * 0.07), width * (0.4 - (line % 3) * 0.06), height * 0.02);
  for (let bar = 0; bar < 6; bar += 1) {
    pen.fillStyle = bar === 4 ? '#14614f' : '#b9cac3';
    const tall = height * (0.12 + ((bar * 37) % 50) / 120);
    pen.fillRect(width * (0.56 + bar * 0.06), height * 0.85 - tall, width * 0.04, tall);
  }
}

/** What a robot sees of its own hand: two fingers over a table with a cube. */
function gripper(pen: CanvasRenderingContext2D, width: number, height: number, seconds: number): void {
  const table = pen.createLinearGradient(0, 0, 0, height);
  table.addColorStop(0, '#5c6670');
  table.addColorStop(1, '#a08a6c');
  pen.fillStyle = table;
  pen.fillRect(0, 0, width, height);
  const [middle, unit] = [width / 2, Math.min(width, height)];
  pen.fillStyle = '#c8532e';
  pen.fillRect(middle - unit * 0.09, height * 0.56, unit * 0.18, unit * 0.18);
  const open = unit * (0.15 + 0.02 * Math.sin(seconds));
  pen.fillStyle = '#23282c';
  pen.fillRect(middle - unit * 0.09, 0, unit * 0.18, height * 0.2);
  pen.fillRect(middle - unit * 0.26, height * 0.18, unit * 0.52, height * 0.1);
  pen.fillStyle = '#d9dde0';
  for (const way of [-1, 1]) pen.fillRect(middle + way * open - unit * 0.025, height * 0.28, unit * 0.05, height * 0.4);
}

/** Head and shoulders before a wall with a window, breathing a little. */
function somebody(pen: CanvasRenderingContext2D, width: number, height: number, number: number, seconds: number): void {
  const wall = pen.createLinearGradient(0, 0, width, height);
  const hue = (number * 47) % 360;
  wall.addColorStop(0, `hsl(${hue} 22% 62%)`);
  wall.addColorStop(1, `hsl(${hue} 26% 34%)`);
  pen.fillStyle = wall;
  pen.fillRect(0, 0, width, height);
  const side = number % 2 ? 0.08 : 0.7;
  pen.fillStyle = `hsl(${hue} 40% 82% / 55%)`;
  pen.fillRect(width * side, height * 0.1, width * 0.2, height * 0.36);
  const unit = Math.min(width, height);
  const middle = width * (0.5 + 0.01 * Math.sin(seconds + number));
  const breath = unit * 0.006 * Math.sin(seconds * 1.7 + number);
  const skin = ['#f0c8a0', '#c98d62', '#8a5a3c', '#e6b48c', '#6b4430'][number % 5] ?? '#c98d62';
  pen.fillStyle = `hsl(${(hue + 150) % 360} 38% 36%)`;
  pen.beginPath();
  pen.ellipse(middle, height * 1.08 + breath, unit * 0.46, unit * 0.42, 0, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = skin;
  pen.fillRect(middle - unit * 0.07, height * 0.55 + breath, unit * 0.14, unit * 0.2);
  pen.beginPath();
  pen.ellipse(middle, height * 0.45 + breath, unit * 0.15, unit * 0.2, 0, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = ['#2b1d16', '#5a3a22', '#1c1c20', '#8a8580', '#a3622a'][number % 4] ?? '#2b1d16';
  pen.beginPath();
  pen.ellipse(middle, height * 0.36 + breath, unit * 0.165, unit * 0.13, 0, Math.PI, 2 * Math.PI);
  pen.fill();
}

function person(index: number, isLocal: boolean): Person {
  const name = index < NAMES.length ? (NAMES[index] ?? '') : `Guest ${index}`;
  const pictures = index % 4 === 3 ? [] : [painted(`camera ${index}`, 'camera', index === 4 ? 360 : 640, index === 4 ? 640 : 360)];
  if (index === 2) pictures.push(painted('gripper', 'other'));
  if (index === 1 && asked.has('screen')) pictures.push(painted('slides', 'screen', 1280, 800));
  return {
    id: `p${index}`,
    name,
    isLocal,
    isMuted: index % 3 === 1,
    isSpeaking: index === 0,
    hasPoorNetwork: index === 3,
    role: index === 0 ? 'moderator' : 'participant',
    raisedHandAt: asked.has('hands') && index % 3 === 1 ? 1_700_000_000 + index : null,
    isRecording: false,
    pictures,
  };
}

class PaintedCall implements Call {
  state: CallState = asked.has('reconnecting') ? 'reconnecting' : 'connected';
  readonly startedAt = Date.now() - 247_000;
  readonly mayPublish = !asked.has('watching');
  isMuted = false;
  isCameraOn = true;
  isSoundBlocked = asked.has('blocked');
  readonly hand = { raise: (isUp: boolean): Promise<void> => this.say((own) => ({ ...own, raisedHandAt: isUp ? Date.now() / 1000 : null })) };
  readonly screen = { isSharing: false, start: (): Promise<void> => Promise.resolve(), stop: (): Promise<void> => Promise.resolve() };
  readonly recording = { isRecording: asked.has('recording'), may: { start: (): Promise<void> => Promise.resolve(), stop: (): Promise<void> => Promise.resolve() } };
  readonly done: string[] = [];
  readonly moderator = {
    mute: (id: string): Promise<void> => this.did(`mute ${id}`),
    pauseVideo: (id: string): Promise<void> => this.did(`pause ${id}`),
    remove: (id: string): Promise<void> => this.did(`remove ${id}`),
    endForAll: (): Promise<void> => this.did('end'),
  };
  readonly chat = { longest: 100_000, messages: [] as ChatMessage[], send: (text: string): Promise<void> => this.write('Ada Lovelace', text, true) };
  readonly captions = {
    isOn: true,
    lines: asked.has('captions') ? [{ id: '1', name: 'Ada Lovelace', text: 'The engine might compose elaborate pieces of music of any degree of complexity.', isFinal: true }] : [],
  };
  readonly idle = { secondsLeft: asked.has('idle') ? 154 : (null as number | null), stay: (): void => void (this.idle.secondsLeft = null) };
  people: readonly Person[] = Array.from({ length: Number(asked.get('people') ?? '3') }, (_, index, all = Number(asked.get('people') ?? '3')) => person(index, index === all - 1));
  private readonly listeners = new Set<(event: CallEvent) => void>();

  say(change: (own: Person) => Person): Promise<void> {
    this.people = this.people.map((each) => (each.isLocal ? change(each) : each));
    return this.tell({ kind: 'changed' });
  }

  did(what: string): Promise<void> {
    this.done.push(what);
    return Promise.resolve();
  }

  write(name: string, text: string, isOwn = false): Promise<void> {
    const message = { id: String(this.chat.messages.length), from: name, name, isOwn, text, at: Date.UTC(2026, 0, 5, 9, 30 + this.chat.messages.length) };
    this.chat.messages.push(message);
    return this.tell({ kind: 'chat', message });
  }

  pressed(button: string): boolean {
    this.done.push(`${button}_button_clicked`);
    return true;
  }

  allowSound(): Promise<void> {
    this.isSoundBlocked = false;
    return this.tell({ kind: 'changed' });
  }

  setMuted(isMuted: boolean): Promise<void> {
    this.isMuted = isMuted;
    return this.tell({ kind: 'changed' });
  }

  setCamera(isOn: boolean): Promise<void> {
    this.isCameraOn = isOn;
    return this.tell({ kind: 'changed' });
  }

  devices(): Promise<readonly Device[]> {
    return Promise.resolve([{ id: 'one', label: 'The first' }, { id: 'two', label: 'The second, with a name that is long enough to need more than a line' }]);
  }

  currentDevice(): string {
    return this.using;
  }

  using = 'one';
  /** What a device's opening waits for; null: it cannot be opened. */
  opened: Promise<void> | null = null;

  async useDevice(_kind: DeviceKind, id: string): Promise<void> {
    if (!this.opened) throw new Error('it is painted');
    await this.opened;
    this.using = id;
  }

  leave(): Promise<void> {
    return this.tell({ kind: 'over', reason: 'left' });
  }

  listen(listener: (event: CallEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(event: CallEvent): Promise<void> {
    for (const listener of this.listeners) listener(event);
    return Promise.resolve();
  }
}

const container = document.getElementById('here');
const call = new PaintedCall();
if (container) {
  const layout = LAYOUTS.find((each) => each === asked.get('layout')) ?? ('TILE' satisfies LayoutName);
  const settings = { ...(asked.has('defaults') ? DEFAULTS : EVERYTHING), layout };
  const title = asked.get('title') ?? 'A session with a name that does not end where one would like it to';
  const view = new CallView(container, call, { title, settings, inviteLink: () => Promise.resolve('https://calls.example/join/x#invite=y') });
  if (asked.has('panel')) document.querySelectorAll<HTMLButtonElement>('.jf-extra').forEach((button) => button.title.includes(asked.get('panel') === 'chat' ? 'chat' : 'who is here') && button.click());
  if (asked.has('messages')) {
    void call.write('Grace Hopper', 'Good morning! The notes are at https://notes.example/stand-up (please add yours).');
    void call.write('Ada Lovelace', 'Thanks. I will.', true);
    void call.write('Radia Perlman', '<b>Markup</b> is shown as it was typed.');
  }
  if (asked.has('toasts')) for (const kind of ['joined', 'departed'] as const) void call.tell({ kind, name: 'Radia Perlman' });
  if (asked.has('toasts')) void call.tell({ kind: 'problem', text: 'The camera does not start: another program may be using it. Close that program, then turn the camera on again.' });
  Object.assign(window, { call, view });
}
