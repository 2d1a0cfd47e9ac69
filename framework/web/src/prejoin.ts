/** Before joining: name, a look at oneself, and which camera, microphone and speaker to use. */

import { BLURS, treatsPictures, Treated, type BackgroundWish } from './background';
import { el, freshId, setAttribute, setText } from './dom';
import { icon, mark, type IconName } from './icons';
import { listDevices, openBoth, openDevice, watchDevices, whyNoMedia } from './media';
import { Meter } from './meter';
import type { Device, DeviceKind, LocalMedia } from './values';
import { NO_MEDIA_WORDS, sentence } from './words';

const KINDS = ['camera', 'microphone', 'speaker'] as const;
const TITLES: Readonly<Record<DeviceKind, string>> = { camera: 'Camera', microphone: 'Microphone', speaker: 'Speaker' };
type Input = 'camera' | 'microphone';

export interface PreJoinOptions {
  readonly sessionId: string;
  readonly name: string;
  /** Who is logged in, if anybody, with the way to be somebody else. */
  readonly loggedIn: { readonly uid: string; readonly logOut: () => void } | null;
  readonly device: (kind: DeviceKind) => string;
  readonly keepDevice: (kind: DeviceKind, id: string) => void;
  /** By how much what is behind the person is blurred; empty: not at all. */
  readonly blur: string;
  readonly keepBlur: (level: string) => void;
  /** Joins, and says whether it took the tracks for its own. What it raises is shown, and the person may try again. */
  readonly join: (name: string, media: LocalMedia) => Promise<boolean>;
}

/** One picker: a label, a list, and why the device does not work. */
class Picker {
  readonly list: HTMLSelectElement;
  readonly element: HTMLElement;
  private readonly trouble = el('p', { class: 'jf-trouble', role: 'status', hidden: true });

  constructor(kind: DeviceKind, chosen: (id: string) => void, extra: HTMLElement | null = null) {
    const id = freshId(kind);
    this.list = el('select', { id, class: 'jf-select', onchange: () => chosen(this.list.value) });
    this.element = el('div', { class: 'jf-field' }, el('label', { for: id }, TITLES[kind]), this.list, extra, this.trouble);
  }

  offer(devices: readonly Device[], current: string, kind: DeviceKind): void {
    const nothing = kind === 'speaker' ? 'System default' : `No ${kind}`;
    const choices = devices.length ? devices : [{ id: '', label: nothing }];
    this.list.replaceChildren(...choices.map((device) => el('option', { value: device.id }, device.label)));
    this.list.disabled = devices.length === 0;
    if (devices.some((device) => device.id === current)) this.list.value = current;
  }

  tell(text: string): void {
    setText(this.trouble, text);
    this.trouble.hidden = !text;
  }
}

export class PreJoinView {
  private readonly element: HTMLElement;
  private readonly video = el('video', { autoplay: true, playsinline: true, 'aria-label': 'Your camera' });
  private readonly hint = el('p', { class: 'jf-preview-hint', role: 'status' });
  private readonly meter = new Meter();
  private readonly failure = el('p', { class: 'jf-failure', role: 'alert', hidden: true });
  private readonly name: HTMLInputElement;
  private readonly button = el('button', { class: 'jf-button jf-primary jf-wide', type: 'submit' });
  private readonly pickers: Readonly<Record<DeviceKind, Picker>>;
  private readonly switches: Readonly<Record<Input, HTMLButtonElement>>;
  private readonly tracks: Record<Input, MediaStreamTrack | null> = { camera: null, microphone: null };
  private readonly isWanted: Record<Input, boolean> = { camera: true, microphone: true };
  private readonly lack = whyNoMedia();
  private readonly background: HTMLSelectElement;
  /** What the camera's picture is shown as where its background is another one. */
  private treated: Treated | null = null;
  private readonly unwatch: () => void;
  private isClosed = false;
  private isJoining = false;

  constructor(
    container: HTMLElement,
    private readonly options: PreJoinOptions,
  ) {
    this.video.muted = true;
    this.name = el('input', { id: freshId('name'), class: 'jf-input', type: 'text', required: true, maxlength: 80, autocomplete: 'name', value: options.name });
    this.pickers = {
      camera: new Picker('camera', (id) => void this.choose('camera', id)),
      microphone: new Picker('microphone', (id) => void this.choose('microphone', id), this.meter.element),
      speaker: new Picker('speaker', (id) => options.keepDevice('speaker', id)),
    };
    this.background = this.blurs();
    this.switches = { camera: this.makeSwitch('camera'), microphone: this.makeSwitch('microphone') };
    this.element = el('div', { class: 'jf-prejoin' }, this.look(), this.form());
    container.replaceChildren(this.element);
    this.unwatch = watchDevices(() => void this.list());
    this.busy(false);
    this.draw();
    (options.name ? this.button : this.name).focus();
    void this.open();
  }

  /** The page is free for something else; tracks that nobody joins with are stopped. */
  close(): void {
    this.isClosed = true;
    this.unwatch();
    this.meter.close();
    if (!this.isJoining) this.releaseAll();
    this.element.remove();
  }

  private look(): HTMLElement {
    const switches = el('div', { class: 'jf-preview-switches' }, this.switches.microphone, this.switches.camera);
    return el('div', { class: 'jf-preview' }, this.video, this.hint, this.lack ? null : switches);
  }

  private form(): HTMLElement {
    const { sessionId, loggedIn } = this.options;
    const who = loggedIn && el('p', { class: 'jf-who' }, `Logged in as ${loggedIn.uid}. `, el('button', { class: 'jf-link', type: 'button', onclick: loggedIn.logOut }, 'Log out'));
    const submit = (event: Event): void => {
      event.preventDefault();
      void this.join();
    };
    return el(
      'form',
      { class: 'jf-card', onsubmit: submit, 'aria-label': 'Join' },
      el('p', { class: 'jf-brand' }, mark(), 'Jackfield'),
      el('h1', { class: 'jf-heading' }, 'Join ', el('span', { class: 'jf-session' }, sessionId)),
      who,
      this.lack && el('p', { class: 'jf-notice', role: 'note' }, icon('warning'), el('span', {}, NO_MEDIA_WORDS[this.lack])),
      el('div', { class: 'jf-field' }, el('label', { for: this.name.id }, 'Your name'), this.name),
      ...(this.lack ? [] : KINDS.map((kind) => this.pickers[kind].element)),
      !this.lack && treatsPictures() && el('div', { class: 'jf-field' }, el('label', { for: this.background.id }, 'Background'), this.background),
      this.failure,
      this.button,
    );
  }

  private makeSwitch(kind: Input): HTMLButtonElement {
    return el('button', { class: 'jf-button jf-round', type: 'button', onclick: () => void this.flip(kind) });
  }

  private async flip(kind: Input): Promise<void> {
    this.isWanted[kind] = !this.isWanted[kind] || this.tracks[kind] === null;
    this.release(kind);
    this.draw();
    if (this.isWanted[kind]) await this.openOne(kind);
  }

  private async choose(kind: Input, id: string): Promise<void> {
    this.options.keepDevice(kind, id);
    this.isWanted[kind] = true;
    this.release(kind);
    await this.openOne(kind);
  }

  /** Both at once, so that the browser asks once; where that fails, each on its own, to learn which it was. */
  private async open(): Promise<void> {
    if (this.lack) return this.list();
    setText(this.hint, 'The browser may now ask whether this page may use your camera and microphone.');
    const both = await openBoth({ camera: this.options.device('camera'), microphone: this.options.device('microphone') });
    for (const track of both ?? []) this.take(track.kind === 'video' ? 'camera' : 'microphone', track);
    if (!both) await Promise.all([this.openOne('camera'), this.openOne('microphone')]);
    this.draw();
    await this.list();
  }

  private async openOne(kind: Input): Promise<void> {
    this.pickers[kind].tell('');
    try {
      this.take(kind, await openDevice(kind, this.options.device(kind)));
    } catch (error) {
      this.pickers[kind].tell(sentence(error));
    }
    this.draw();
    await this.list();
  }

  private take(kind: Input, track: MediaStreamTrack): void {
    this.release(kind);
    if (this.isClosed || !this.isWanted[kind]) return track.stop();
    this.tracks[kind] = track;
    track.addEventListener('ended', () => this.lost(kind, track));
    if (kind === 'camera') void this.show(track);
    else this.meter.listen(track);
  }

  private blurs(): HTMLSelectElement {
    const choices = [el('option', { value: '' }, 'As it is'), ...BLURS.map(({ label, level }) => el('option', { value: String(level) }, label))];
    const list = el('select', { id: freshId('background'), class: 'jf-select' }, ...choices);
    list.value = choices.some((choice) => choice.value === this.options.blur) ? this.options.blur : '';
    list.addEventListener('change', () => {
      this.options.keepBlur(list.value);
      if (this.tracks.camera) void this.show(this.tracks.camera);
    });
    return list;
  }

  private get wish(): BackgroundWish | undefined {
    return this.background.value ? { kind: 'blur', level: Number(this.background.value) } : undefined;
  }

  /** The person sees themselves as others will. */
  private async show(camera: MediaStreamTrack): Promise<void> {
    const { wish } = this;
    const chosen = this.background.value;
    this.untreat();
    if (!wish) {
      this.video.srcObject = new MediaStream([camera]);
      return;
    }
    this.video.srcObject = null;
    try {
      const treated = await Treated.of(camera, wish, (error) => this.unblurred(error));
      if (this.tracks.camera !== camera || this.background.value !== chosen) return treated.close();
      this.treated = treated;
      this.video.srcObject = new MediaStream([treated.track]);
    } catch (error) {
      if (this.tracks.camera === camera) this.unblurred(error);
    }
  }

  /** It cannot be blurred: nobody sees the person as they are unless they turn the camera on again. */
  private unblurred(error: unknown): void {
    this.background.value = '';
    this.isWanted.camera = false;
    this.release('camera');
    this.draw();
    this.pickers.camera.tell(`The background cannot be blurred here, so your camera was turned off: ${error instanceof Error ? error.message : 'unknown reason'}.`);
  }

  private untreat(): void {
    this.treated?.close();
    this.treated = null;
  }

  private lost(kind: Input, track: MediaStreamTrack): void {
    if (this.tracks[kind] !== track) return;
    this.release(kind);
    this.pickers[kind].tell(`The ${kind} is gone. Plug it in again, or choose another one.`);
    this.draw();
  }

  private release(kind: Input): void {
    this.tracks[kind]?.stop();
    this.tracks[kind] = null;
    if (kind === 'camera') {
      this.untreat();
      this.video.srcObject = null;
    } else this.meter.listen(null);
  }

  private releaseAll(): void {
    this.release('camera');
    this.release('microphone');
  }

  private async list(): Promise<void> {
    for (const kind of KINDS) {
      const devices = await listDevices(kind);
      const current = kind === 'speaker' ? undefined : this.tracks[kind]?.getSettings().deviceId;
      this.pickers[kind].offer(devices, current ?? this.options.device(kind), kind);
    }
  }

  private draw(): void {
    for (const kind of ['camera', 'microphone'] as const) {
      const isOn = this.tracks[kind] !== null;
      const glyph: IconName = kind === 'camera' ? (isOn ? 'camera' : 'cameraOff') : isOn ? 'mic' : 'micOff';
      const label = `Turn ${kind} ${isOn ? 'off' : 'on'}`;
      this.switches[kind].replaceChildren(icon(glyph), el('span', { class: 'jf-hidden' }, label));
      this.switches[kind].title = label;
      setAttribute(this.switches[kind], 'data-face', isOn ? 'on' : 'off');
    }
    this.video.hidden = this.tracks.camera === null;
    this.hint.hidden = this.tracks.camera !== null;
    setText(this.hint, this.lack ? 'You will watch and listen' : 'Your camera is off');
  }

  private busy(isBusy: boolean): void {
    this.isJoining = isBusy;
    this.button.disabled = isBusy;
    // What is joined with stays as it is until the call has it.
    for (const each of Object.values(this.switches)) each.disabled = isBusy;
    for (const { list } of Object.values(this.pickers)) if (isBusy || list.value) list.disabled = isBusy;
    const label = this.lack ? 'Join to watch and listen' : 'Join';
    this.button.replaceChildren(...(isBusy ? [el('span', { class: 'jf-spinner', 'aria-hidden': 'true' }), 'Joining…'] : [label]));
  }

  private async join(): Promise<void> {
    const name = this.name.value.trim();
    if (!name || this.button.disabled) return this.name.focus();
    this.busy(true);
    this.failure.hidden = true;
    try {
      const isTaken = await this.options.join(name, { ...this.tracks, wishes: this.wishes(), ...(this.wish ? { background: this.wish } : {}) });
      if (isTaken) this.untreat();
      if (isTaken) this.tracks.camera = this.tracks.microphone = null;
    } catch (error) {
      setText(this.failure, sentence(error));
      this.failure.hidden = false;
    } finally {
      this.busy(false);
      if (this.isClosed) this.releaseAll();
    }
  }

  private wishes(): Partial<Record<DeviceKind, string>> {
    const chosen = KINDS.map((kind) => [kind, this.pickers[kind].list.value] as const).filter(([, id]) => id);
    return Object.fromEntries(chosen);
  }
}
