/** A call, drawn into a container: header, tiles, controls, panels, notices. */

import { CaptionLines } from './captions';
import { ChatPanel } from './chat';
import { Controls } from './controls';
import { el, setText, type Child } from './dom';
import { icon, mark } from './icons';
import { watchDevices, whyNoMedia } from './media';
import { clipped, clockFace } from './people';
import { PeopleList } from './peoplelist';
import { IdlePrompt } from './prompt';
import { EVERYTHING, type Part, type ViewSettings } from './settings';
import { SettingsDialog } from './settingsdialog';
import { SidePanel } from './side';
import { Stage } from './stage';
import { Toasts } from './toasts';
import type { Call, CallEvent, ChatMessage, LayoutName } from './values';
import { sentence } from './words';

export interface CallViewOptions {
  readonly title: string;
  readonly settings?: ViewSettings;
  /** Makes a link for somebody else; left out where this person may not invite. */
  readonly inviteLink?: () => Promise<string>;
  readonly copy?: (text: string) => Promise<void>;
  /** Whether the devices are this browser's, to be tried out here; false where they are another machine's. */
  readonly hasDevices?: boolean;
  /** Told of what the person chose to look at. */
  readonly chosen?: Chosen;
}

const TURNED_OFF = { microphone: 'A moderator muted you', camera: 'A moderator turned off your camera', screen: 'A moderator paused your screen' } as const;

interface Chosen {
  readonly layout?: (layout: LayoutName) => void;
  readonly panel?: (panel: string | null) => void;
  /** The person who keeps the main place, by id. */
  readonly pin?: (id: string | null) => void;
  /** The chat was open when somebody wrote. */
  readonly read?: () => void;
}

/** What whoever holds the call wants to be looked at. */
export interface Wish {
  readonly layout: LayoutName;
  readonly pinned: string | null;
  readonly unread: number;
  readonly showsPeople: boolean;
  /** Nothing but the people. */
  readonly isSmall: boolean;
}

/** Draws a call until `close`. It fills its container, whose size is the host's, and never leaves the call by itself. */
export class CallView {
  private readonly element: HTMLElement;
  private readonly settings: ViewSettings;
  private readonly stage: Stage;
  private readonly side = new SidePanel((panel) => this.turned(panel));
  private readonly people: PeopleList;
  private readonly chat: ChatPanel | null;
  private readonly captions = new CaptionLines();
  private readonly toasts = new Toasts();
  private readonly controls: Controls;
  private readonly devices: SettingsDialog;
  private readonly idle: IdlePrompt | null;
  private readonly time = el('span', { class: 'jf-time', role: 'timer', 'aria-label': 'Time in this session' });
  private readonly count = el('span');
  private readonly recorded = el('span', { class: 'jf-recorded', role: 'status', hidden: true }, icon('record'), el('span', {}, 'Recording'));
  private readonly network = el('span', { class: 'jf-network', role: 'img', 'aria-label': 'Your connection is poor', title: 'Your connection is poor', hidden: true }, icon('network'));
  private readonly veilText = el('p');
  private readonly veil: HTMLElement;
  private readonly alone = el('p', { class: 'jf-alone' }, 'You are the only one here.');
  private readonly sound: HTMLElement;
  private readonly ends: (() => void)[] = [];
  private isDue = false;
  private showsCaptions = true;
  private unread = 0;
  private followed: Wish | null = null;

  constructor(
    container: HTMLElement,
    private readonly call: Call,
    private readonly options: CallViewOptions,
  ) {
    this.settings = options.settings ?? EVERYTHING;
    this.stage = new Stage(this.settings.layout, () => this.pinned());
    const attempt = (action: () => Promise<void>): void => this.attempt(action);
    this.people = new PeopleList(call, { attempt, pin: (id) => this.stage.pin(id), pinned: () => this.stage.pinned });
    this.chat = call.chat ? new ChatPanel(call.chat, attempt) : null;
    this.side.add({ name: 'people', label: 'People', element: this.people.element, opened: () => this.people.focus() });
    const { chat } = this;
    if (chat && !this.hides('chat_button')) this.side.add({ name: 'chat', label: 'Chat', element: chat.element, opened: () => chat.focus() });
    this.devices = new SettingsDialog(call, (options.hasDevices ?? true) && whyNoMedia() === null, !this.hides('virtual_background_button'));
    this.idle = call.idle ? new IdlePrompt(call.idle, () => attempt(() => call.leave())) : null;
    this.controls = new Controls(call, this.doings(), this.settings);
    this.veil = el('div', { class: 'jf-veil', role: 'status' }, el('span', { class: 'jf-spinner', 'aria-hidden': 'true' }), this.veilText);
    this.sound = soundBar(() => attempt(() => call.allowSound()));
    const header = this.header();
    // Whoever is recorded sees it, header or not.
    const above = el('div', { class: 'jf-above' }, this.hides('header_panel') && this.recorded, this.alone, this.toasts.element);
    const body = el('div', { class: 'jf-body' }, el('div', { class: 'jf-view' }, this.stage.element, this.captions.element, above, this.veil), this.side.element);
    this.element = el('section', { class: 'jf-call', 'aria-label': `Session ${options.title}` }, header, this.sound, body, this.controls.element, this.devices.element, this.idle?.element);
    container.replaceChildren(this.element);
    const tick = window.setInterval(() => this.tick(), 1000);
    this.ends.push(() => window.clearInterval(tick), call.listen((event) => this.hear(event)), watchDevices(() => this.refresh()));
    this.draw();
    this.tick();
  }

  /** Lay people out in another way. */
  setLayout(layout: LayoutName): void {
    this.stage.setLayout(layout);
    this.options.chosen?.layout?.(layout);
  }

  /** Who keeps the main place; null: nobody. */
  pin(id: string | null): void {
    if (id === null ? this.stage.pinned !== null : this.stage.pinned !== id) this.stage.pin(id ?? this.stage.pinned ?? '');
  }

  /** Shows what is wished for where it has changed since; in between, the person at this page chooses. */
  follow(wish: Wish): void {
    const before = this.followed;
    this.followed = wish;
    if (before?.layout !== wish.layout && this.stage.layout !== wish.layout) this.stage.setLayout(wish.layout);
    if (before?.pinned !== wish.pinned && wish.pinned !== personOf(this.stage.pinned)) this.pin(wish.pinned);
    if (before && before.showsPeople !== wish.showsPeople && wish.showsPeople !== (this.side.shown === 'people')) this.side.toggle('people');
    if (before?.unread !== wish.unread) this.unread = wish.unread;
    if (this.unread > 0 && this.side.shown === 'chat') {
      this.unread = 0;
      this.options.chosen?.read?.();
    }
    this.element.classList.toggle('jf-small', wish.isSmall);
    this.redraw();
  }

  close(): void {
    for (const end of this.ends.splice(0)) end();
    this.devices.close();
    this.captions.close();
    this.stage.close();
    this.toasts.close();
    this.element.remove();
  }

  private hides(part: Part): boolean {
    return this.settings.hidden.has(part);
  }

  private doings(): ConstructorParameters<typeof Controls>[1] {
    const isPossible = document.pictureInPictureEnabled;
    return {
      copyInvite: this.options.inviteLink ? () => this.attempt(() => this.copyInvite()) : null,
      attempt: (action) => this.attempt(action),
      toggle: (panel) => this.side.toggle(panel),
      openSettings: () => this.attempt(() => this.devices.open()),
      layout: () => this.stage.layout,
      setLayout: (layout) => this.setLayout(layout),
      pictureInPicture: isPossible ? () => this.attempt(() => this.float()) : null,
      captions: this.call.captions ? { isOn: () => this.showsCaptions, toggle: () => this.toggleCaptions() } : null,
    };
  }

  private hear(event: CallEvent): void {
    if (event.kind === 'joined') this.toasts.show(named(event.name, ' joined'));
    else if (event.kind === 'departed') this.toasts.show(named(event.name, ' left'));
    else if (event.kind === 'turnedOff') this.toasts.show(TURNED_OFF[event.what]);
    else if (event.kind === 'reconnected') this.toasts.show('Connected again');
    else if (event.kind === 'problem') this.toasts.show(event.text, 'problem');
    else if (event.kind === 'chat') this.wrote(event.message);
    this.redraw();
  }

  private pinned(): void {
    const id = personOf(this.stage.pinned);
    if (!this.followed || this.followed.pinned !== id) this.options.chosen?.pin?.(id);
    this.redraw();
  }

  private redraw(): void {
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(() => {
      this.isDue = false;
      if (this.ends.length) this.draw();
    });
  }

  private wrote(message: ChatMessage): void {
    if (this.side.shown === 'chat') this.options.chosen?.read?.();
    if (message.isOwn || this.side.shown === 'chat' || this.hides('chat_button')) return;
    this.unread += 1;
    this.toasts.show(named(message.name, ': ', el('bdi', {}, message.text.slice(0, 120))), 'message');
  }

  private turned(panel: string | null): void {
    if (panel === 'chat') {
      this.unread = 0;
      this.toasts.drop('message');
    }
    this.options.chosen?.panel?.(panel);
    this.redraw();
  }

  private toggleCaptions(): void {
    this.showsCaptions = !this.showsCaptions;
    this.redraw();
  }

  private draw(): void {
    const { people, state, recording, captions } = this.call;
    this.stage.show(people);
    this.controls.show(this.unread);
    this.devices.showBehind();
    if (this.side.shown === 'people') this.people.show();
    if (this.side.shown === 'chat') this.chat?.show();
    this.captions.show(captions?.lines ?? [], this.showsCaptions && captions !== undefined);
    setText(this.count, String(people.length));
    const isRecorded = Boolean(recording?.isRecording) || people.some((person) => person.isRecording);
    if (isRecorded && this.recorded.hidden) this.toasts.show('This session is being recorded');
    this.recorded.hidden = !isRecorded;
    this.network.hidden = this.hides('network_indicator') || !people.some((person) => person.isLocal && person.hasPoorNetwork);
    this.alone.hidden = people.length > 1 || state !== 'connected';
    this.sound.hidden = !this.call.isSoundBlocked;
    this.veil.classList.toggle('jf-veil-down', state === 'reconnecting');
    setText(this.veilText, state === 'reconnecting' ? 'The connection was interrupted. Reconnecting…' : '');
  }

  private tick(): void {
    setText(this.time, clockFace((Date.now() - this.call.startedAt) / 1000));
    this.idle?.show();
  }

  private refresh(): void {
    this.controls.refresh();
    this.attempt(() => this.devices.list());
  }

  attempt(action: () => Promise<void>): void {
    action().catch((error: unknown) => this.toasts.show(sentence(error), 'problem'));
  }

  /** The main picture, in a small window over everything. */
  private async float(): Promise<void> {
    if (document.pictureInPictureElement) return document.exitPictureInPicture();
    const shown = this.element.querySelector<HTMLVideoElement>('.jf-main .jf-has-picture video') ?? this.element.querySelector<HTMLVideoElement>('.jf-has-picture video');
    if (shown) await shown.requestPictureInPicture();
    else this.toasts.show('There is no picture to show in a small window.', 'problem');
  }

  private async copyInvite(): Promise<void> {
    const link = await this.options.inviteLink?.();
    if (!link) return;
    try {
      await (this.options.copy ?? ((text) => navigator.clipboard.writeText(text)))(link);
      this.toasts.show('Invite link copied');
    } catch {
      this.toasts.show(`Copy this link: ${link}`, 'problem');
    }
  }

  private header(): HTMLElement {
    const people = el('span', { class: 'jf-count', title: 'People in this session' }, icon('people'), this.count, el('span', { class: 'jf-hidden' }, ' in this session'));
    return el(
      'header',
      { class: 'jf-header', hidden: this.hides('header_panel') },
      mark(),
      el('h1', { class: 'jf-title', tabindex: '-1' }, this.options.title),
      this.recorded,
      el('div', { class: 'jf-header-end' }, this.network, !this.hides('session_timer') && this.time, people, this.fullscreen()),
    );
  }

  private fullscreen(): HTMLElement | false {
    if (!document.fullscreenEnabled) return false;
    const label = el('span', { class: 'jf-hidden' });
    const button = el('button', { class: 'jf-button jf-small', type: 'button' });
    const draw = (): void => {
      const isFull = document.fullscreenElement === this.element;
      setText(label, isFull ? 'Leave full screen' : 'Full screen');
      button.title = label.textContent;
      button.replaceChildren(icon(isFull ? 'shrink' : 'expand'), label);
    };
    button.addEventListener('click', () =>
      this.attempt(() => (document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen())),
    );
    document.addEventListener('fullscreenchange', draw);
    this.ends.push(() => document.removeEventListener('fullscreenchange', draw));
    draw();
    return button;
  }
}

/** A sentence that begins with somebody's name, whatever direction that is written in. */
function named(name: string, ...rest: Child[]): Child[] {
  return [el('bdi', {}, clipped(name)), ...rest];
}

/** Whose tile it is: tiles of further pictures have the picture's id behind the person's. */
function personOf(seat: string | null): string | null {
  return seat === null ? null : (seat.split(' ')[0] ?? seat);
}

function soundBar(allow: () => void): HTMLElement {
  const button = el('button', { class: 'jf-button', type: 'button', onclick: allow }, icon('speaker'), 'Play sound');
  return el('div', { class: 'jf-sound', role: 'status', hidden: true }, el('span', {}, 'The browser waits for a click before it plays sound.'), button);
}
