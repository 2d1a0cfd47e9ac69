/** The components over a call that is no LiveKit call: what a picture looks like with many people, a screen, no sound. */

import '../../src/style/tokens.css';
import '../../src/style/parts.css';
import '../../src/style/prejoin.css';
import '../../src/style/call.css';
import { CallView } from '../../src/callview';
import type { Call, CallEvent, CallState, Device, Person, Picture } from '../../src/values';

const asked = new URLSearchParams(location.search);
const NAMES = ['Ada Lovelace', 'Grace Hopper', 'Robot 7', 'Katherine Johnson', 'Radia Perlman', 'Hedy Lamarr', 'Alan Turing', 'Lynn Conway', 'Bo'];

function painted(id: string, source: Picture['source'], width = 640, height = 360): Picture {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext('2d');
  const paint = (): void => {
    if (!pen) return;
    pen.fillStyle = source === 'screen' ? '#f5f5f0' : `hsl(${(id.length * 67) % 360} 35% 45%)`;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = source === 'screen' ? '#333' : 'white';
    pen.font = '40px sans-serif';
    pen.fillText(`${id} ${Math.floor(performance.now() / 100)}`, 40, 80);
  };
  paint();
  setInterval(paint, 100);
  const stream = canvas.captureStream(10);
  const show = (video: HTMLVideoElement): void => {
    video.srcObject = stream;
  };
  const hide = (video: HTMLVideoElement): void => {
    video.srcObject = null;
  };
  return { id, source, name: source === 'camera' ? '' : id, isMirrored: false, attach: show, detach: hide };
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
    raisedHandAt: null,
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
  people: readonly Person[] = Array.from({ length: Number(asked.get('people') ?? '3') }, (_, index, all = Number(asked.get('people') ?? '3')) => person(index, index === all - 1));
  private readonly listeners = new Set<(event: CallEvent) => void>();

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
    return 'one';
  }

  useDevice(): Promise<void> {
    return Promise.reject(new Error('it is painted'));
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
  const view = new CallView(container, call, { title: 'A session with a name that does not end where one would like it to', inviteLink: () => Promise.resolve('https://calls.example/join/x#invite=y') });
  if (asked.has('toasts')) for (const kind of ['joined', 'departed'] as const) void call.tell({ kind, name: 'Radia Perlman' });
  if (asked.has('toasts')) void call.tell({ kind: 'problem', text: 'The camera does not start: another program may be using it. Close that program, then turn the camera on again.' });
  Object.assign(window, { call, view });
}
