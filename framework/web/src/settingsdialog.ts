/** Devices, tried out before they are used: pickers, a look at oneself, how loud the microphone is, a tone to hear. */

import { BLURS, nearest, Treated } from './background';
import { el, freshId, setText } from './dom';
import { icon } from './icons';
import { openDevice } from './media';
import { Meter } from './meter';
import { pickPicture } from './picture-file';
import type { Call, DeviceKind } from './values';
import { sentence } from './words';

const KINDS = ['camera', 'microphone', 'speaker'] as const;
const TITLES: Readonly<Record<DeviceKind, string>> = { camera: 'Camera', microphone: 'Microphone', speaker: 'Speaker' };

/** What the list of backgrounds has beside the blurs, which stand there by their level. */
const AS_IT_IS = 'none';
const PICTURE = 'image';

/** `hasDevices`: whether this browser has the devices itself, so that they can be tried out here. */
export class SettingsDialog {
  readonly element: HTMLDialogElement;
  private readonly lists = new Map<DeviceKind, HTMLSelectElement>();
  private readonly video = el('video', { class: 'jf-try', autoplay: true, playsinline: true, 'aria-label': 'Your camera' });
  private readonly meter = new Meter();
  private readonly trouble = el('p', { class: 'jf-trouble', role: 'status', hidden: true });
  private readonly behind = el('select', { id: freshId('background'), class: 'jf-select', onchange: () => this.chooseBehind() });
  private tracks: MediaStreamTrack[] = [];
  private treated: Treated | null = null;
  private isChanging = false;

  constructor(
    private readonly call: Call,
    private readonly hasDevices: boolean,
    private readonly hasBackground: boolean,
  ) {
    this.video.muted = true;
    const id = freshId('settings');
    const close = el('button', { class: 'jf-button jf-small', type: 'button', title: 'Close', onclick: () => this.element.close() }, icon('close'), el('span', { class: 'jf-hidden' }, 'Close settings'));
    const body = el('div', { class: 'jf-settings' }, hasDevices ? this.video : null, ...KINDS.flatMap((kind) => (kind === 'camera' ? [this.field(kind), this.background()] : [this.field(kind)])), this.trouble);
    this.element = el('dialog', { class: 'jf-dialog', 'aria-labelledby': id }, el('div', { class: 'jf-dialog-head' }, el('h2', { id }, 'Settings'), close), body);
    this.element.addEventListener('close', () => this.release());
  }

  async open(): Promise<void> {
    this.element.showModal();
    await this.list();
    if (this.hasDevices) await Promise.all([this.tryOut('camera'), this.tryOut('microphone')]);
  }

  /** Devices came or went. */
  async list(): Promise<void> {
    if (!this.element.open) return;
    for (const [kind, list] of this.lists) {
      const devices = await this.call.devices(kind);
      const none = [{ id: '', label: kind === 'speaker' ? 'System default' : `No ${kind}` }];
      list.replaceChildren(...(devices.length ? devices : none).map((device) => el('option', { value: device.id }, device.label)));
      list.disabled = devices.length === 0;
      const current = this.call.currentDevice(kind);
      if (devices.some((device) => device.id === current)) list.value = current;
    }
    this.showBehind();
  }

  close(): void {
    if (this.element.open) this.element.close();
    this.release();
    this.element.remove();
  }

  private field(kind: DeviceKind): HTMLElement {
    const id = freshId(kind);
    const list = el('select', { id, class: 'jf-select', onchange: () => void this.choose(kind, list.value) });
    this.lists.set(kind, list);
    const tone = el('button', { class: 'jf-button', type: 'button', onclick: () => void this.tone(list.value) }, icon('speaker'), 'Play a tone');
    const extra = !this.hasDevices ? null : kind === 'microphone' ? this.meter.element : kind === 'speaker' ? tone : null;
    return el('div', { class: 'jf-field' }, el('label', { for: id }, TITLES[kind]), list, extra);
  }

  private background(): HTMLElement | null {
    if (!this.hasBackground || !this.call.background) return null;
    const choices = [[AS_IT_IS, 'As it is'], ...BLURS.map(({ label, level }) => [String(level), label]), [PICTURE, 'A picture…']] as const;
    this.behind.append(...choices.map(([value, label]) => el('option', { value }, label)));
    return el('div', { class: 'jf-field' }, el('label', { for: this.behind.id }, 'Background'), this.behind);
  }

  /** What holds, whatever was chosen and then not taken, and whoever chose it. */
  showBehind(): void {
    if (this.isChanging) return;
    const current = this.call.background?.current;
    if (current) this.behind.value = current.kind === 'blur' ? String(nearest(current.level)) : current.kind;
  }

  private chooseBehind(): void {
    const { background } = this.call;
    const chosen = this.behind.value;
    if (!background) return;
    if (chosen === PICTURE) {
      pickPicture(background, (change) => void this.become(change));
      this.showBehind();
    } else void this.become(() => (chosen === AS_IT_IS ? background.clear() : background.blur(Number(chosen))));
  }

  private async become(act: () => Promise<void>): Promise<void> {
    this.tell('');
    this.isChanging = true;
    try {
      await act();
    } catch (error) {
      this.tell(sentence(error));
    }
    this.isChanging = false;
    this.showBehind();
    if (this.hasDevices && this.element.open) await this.tryOut('camera');
  }

  private async choose(kind: DeviceKind, id: string): Promise<void> {
    this.tell('');
    try {
      await this.call.useDevice(kind, id);
    } catch (error) {
      this.tell(sentence(error));
    }
    if (this.hasDevices && kind !== 'speaker') await this.tryOut(kind);
    await this.list();
  }

  /** Opened beside what the call sends, so that one can look even while the camera is off for the others. */
  private async tryOut(kind: 'camera' | 'microphone'): Promise<void> {
    const type = kind === 'camera' ? 'video' : 'audio';
    for (const track of this.tracks.filter((each) => each.kind === type)) track.stop();
    this.tracks = this.tracks.filter((each) => each.kind !== type);
    try {
      const track = await openDevice(kind, this.lists.get(kind)?.value ?? '');
      if (!this.element.open) return track.stop();
      this.tracks.push(track);
      if (kind === 'camera') await this.look(track);
      else this.meter.listen(track);
    } catch (error) {
      this.tell(sentence(error));
    }
  }

  /** The camera, as the others see it. */
  private async look(track: MediaStreamTrack): Promise<void> {
    this.treated?.close();
    this.treated = null;
    const wish = this.call.background?.current;
    if (wish === undefined || wish.kind === 'none' || (wish.kind === 'image' && !wish.image)) return void (this.video.srcObject = new MediaStream([track]));
    const treated = await Treated.of(track, wish, (error) => this.tell(sentence(error)));
    if (!this.element.open || track.readyState === 'ended') return treated.close();
    this.treated = treated;
    this.video.srcObject = new MediaStream([treated.track]);
  }

  private async tone(sink: string): Promise<void> {
    const context = new AudioContext();
    const gain = context.createGain();
    gain.gain.value = 0.2;
    const source = context.createOscillator();
    source.frequency.value = 440;
    const out = context.createMediaStreamDestination();
    source.connect(gain).connect(out);
    const player = new Audio();
    player.srcObject = out.stream;
    try {
      if (sink && 'setSinkId' in player) await player.setSinkId(sink);
      source.start();
      await player.play();
      await new Promise((resolve) => window.setTimeout(resolve, 900));
    } catch (error) {
      this.tell(sentence(error));
    } finally {
      player.srcObject = null;
      await context.close();
    }
  }

  private tell(text: string): void {
    setText(this.trouble, text);
    this.trouble.hidden = !text;
  }

  private release(): void {
    for (const track of this.tracks.splice(0)) track.stop();
    this.treated?.close();
    this.treated = null;
    this.video.srcObject = null;
    this.meter.close();
  }
}
