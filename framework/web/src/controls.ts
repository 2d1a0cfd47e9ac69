/** The buttons under a call. Each is told to the call before it acts, and may be kept from it. */

import { BLURS, nearest } from './background';
import { confirm } from './confirm';
import { el, setAttribute, setText } from './dom';
import { icon, type IconName } from './icons';
import { Menu, type Choice, type Section } from './menu';
import { pickPicture } from './picture-file';
import { LAYOUTS, type Part, type ViewSettings } from './settings';
import type { Button, Call, DeviceKind, LayoutName } from './values';

const TITLES: Readonly<Record<DeviceKind, string>> = { camera: 'Camera', microphone: 'Microphone', speaker: 'Speaker' };
const LAYOUT_TITLES: Readonly<Record<LayoutName, string>> = { TILE: 'Tiles', SIDEBAR: 'Sidebar', SPOTLIGHT: 'Spotlight' };

/** A switch with two faces: its label says what a press does. */
class Switch {
  readonly element: HTMLButtonElement;
  private readonly label = el('span', { class: 'jf-hidden' });
  private readonly badge = el('span', { class: 'jf-badge', 'aria-hidden': 'true', hidden: true });

  constructor(
    private readonly faces: Readonly<Record<'on' | 'off', readonly [IconName, string]>>,
    press: () => void,
    isExtra = false,
  ) {
    this.element = el('button', { class: `jf-button jf-round${isExtra ? ' jf-extra' : ''}`, type: 'button', onclick: press });
  }

  allow(isAllowed: boolean): void {
    this.element.disabled = !isAllowed;
    this.element.title = isAllowed ? this.label.textContent : 'You may only watch and listen in this session';
  }

  show(isOn: boolean): void {
    const face = isOn ? 'on' : 'off';
    if (this.element.dataset['face'] === face) return;
    const [glyph, label] = this.faces[face];
    this.element.dataset['face'] = face;
    setText(this.label, label);
    this.element.title = label;
    this.element.replaceChildren(icon(glyph), this.label, this.badge);
  }

  count(number: number): void {
    this.badge.hidden = number === 0;
    setText(this.badge, number > 99 ? '99+' : String(number));
    setText(this.label, number ? `${this.faces.on[1]} (${number} unread)` : this.faces[this.element.dataset['face'] === 'on' ? 'on' : 'off'][1]);
  }
}

/** What the view does when a button is pressed that concerns more than the call. */
export interface Doings {
  readonly copyInvite: (() => void) | null;
  /** Runs an action and tells the person when it fails. */
  readonly attempt: (action: () => Promise<void>) => void;
  readonly toggle: (panel: 'people' | 'chat') => void;
  readonly openSettings: () => void;
  readonly layout: () => LayoutName;
  readonly setLayout: (layout: LayoutName) => void;
  /** Null where this browser has no picture in picture. */
  readonly pictureInPicture: (() => void) | null;
  readonly captions: { readonly isOn: () => boolean; readonly toggle: () => void } | null;
}

type Face = 'microphone' | 'camera' | 'screen' | 'hand' | 'chat' | 'people';

export class Controls {
  readonly element: HTMLElement;
  private readonly switches: Readonly<Record<Face, Switch>>;
  private readonly menus: readonly Menu[];

  constructor(
    private readonly call: Call,
    private readonly doings: Doings,
    private readonly settings: ViewSettings,
  ) {
    const switches = {
      microphone: new Switch({ on: ['mic', 'Mute microphone'], off: ['micOff', 'Unmute microphone'] }, this.pressing('toggle_audio', () => call.setMuted(!call.isMuted))),
      camera: new Switch({ on: ['camera', 'Turn camera off'], off: ['cameraOff', 'Turn camera on'] }, this.pressing('toggle_video', () => call.setCamera(!call.isCameraOn))),
      screen: new Switch({ on: ['screenOff', 'Stop sharing your screen'], off: ['screen', 'Share your screen'] }, () => this.shareScreen(), true),
      hand: new Switch({ on: ['hand', 'Lower your hand'], off: ['hand', 'Raise your hand'] }, () => this.raiseHand(), true),
      chat: new Switch({ on: ['chat', 'Open the chat'], off: ['chat', 'Open the chat'] }, () => this.openPanel('chat'), true),
      people: new Switch({ on: ['people', 'Show who is here'], off: ['people', 'Show who is here'] }, () => this.openPanel('people'), true),
    };
    this.switches = switches;
    const sound = new Menu('Choose microphone and speaker', 'chevron', () => this.devices(['microphone', 'speaker']));
    const sight = new Menu('Choose camera', 'chevron', async () => [...(await this.devices(['camera'])), ...this.backgrounds()]);
    const more = new Menu('More', 'more', () => Promise.resolve(this.more()), 'jf-round');
    more.element.classList.add('jf-more');
    this.menus = [sound, sight, more];
    this.element = el('div', { class: 'jf-controls', role: 'group', 'aria-label': 'Call controls', hidden: this.hides('control_panel') }, ...this.groups(sound, sight, more));
    this.show();
  }

  /** The call as it is now. */
  show(unread = 0): void {
    const { call, switches } = this;
    switches.microphone.show(!call.isMuted);
    switches.camera.show(call.isCameraOn);
    switches.screen.show(call.screen?.isSharing ?? false);
    switches.hand.show(this.isHandUp);
    switches.chat.show(false);
    switches.people.show(false);
    switches.chat.count(unread);
    for (const part of [switches.microphone, switches.camera, switches.screen]) part.allow(call.mayPublish);
    setAttribute(switches.hand.element, 'aria-pressed', String(this.isHandUp));
  }

  /** Devices came or went. */
  refresh(): void {
    for (const menu of this.menus) void menu.refresh();
  }

  private get isHandUp(): boolean {
    return this.call.people.some((person) => person.isLocal && person.raisedHandAt !== null);
  }

  private hides(part: Part): boolean {
    return this.settings.hidden.has(part);
  }

  /** What a press of this button comes to, unless whoever listens keeps it from it. */
  private pressing(button: Button, act: () => Promise<void>): () => void {
    return () =>
      this.doings.attempt(async () => {
        if ((await this.call.pressed?.(button)) !== false) await act();
      });
  }

  private shareScreen(): void {
    const { screen } = this.call;
    if (screen) this.pressing('screen_share', () => (screen.isSharing ? screen.stop() : screen.start()))();
  }

  private raiseHand(): void {
    this.pressing('raise_hand', async () => this.call.hand?.raise(!this.isHandUp))();
  }

  private openPanel(panel: 'people' | 'chat'): void {
    this.pressing(panel === 'chat' ? 'chat' : 'participant_list', () => Promise.resolve(this.doings.toggle(panel)))();
  }

  private groups(sound: Menu, sight: Menu, more: Menu): (HTMLElement | false)[] {
    const { call, switches } = this;
    const leave = el('button', { class: 'jf-button jf-round jf-leave', type: 'button', title: 'Leave', onclick: this.pressing('leave_session', () => call.leave()) }, icon('leave'), el('span', { class: 'jf-hidden' }, 'Leave'));
    return [
      !this.hides('toggle_audio_button') && el('div', { class: 'jf-group' }, switches.microphone.element, sound.element),
      !this.hides('toggle_video_button') && el('div', { class: 'jf-group' }, switches.camera.element, sight.element),
      this.has('screen') && switches.screen.element,
      this.has('hand') && switches.hand.element,
      this.has('chat') && switches.chat.element,
      this.has('people') && switches.people.element,
      more.element,
      !this.hides('leave_session_button') && leave,
    ];
  }

  private has(face: Face): boolean {
    const { call } = this;
    const there = { microphone: true, camera: true, screen: call.screen !== undefined, hand: call.hand !== undefined, chat: call.chat !== undefined, people: true };
    const parts = { microphone: 'toggle_audio_button', camera: 'toggle_video_button', screen: 'screen_sharing_button', hand: 'raise_hand_button', chat: 'chat_button', people: 'participant_list_button' } as const;
    return there[face] && !this.hides(parts[face]);
  }

  /** What has no button of its own; and what has one only where there is room for it. */
  private more(): readonly Section[] {
    return [
      { title: 'Layout', choices: this.hides('change_layout_button') ? [] : LAYOUTS.map((layout) => this.layoutChoice(layout)) },
      { title: 'View', choices: this.views() },
      { title: 'Session', choices: [...this.narrow(), ...this.further()] },
      { title: 'Devices', choices: this.deviceChoices() },
      { title: '', choices: this.ending() },
    ].filter((section) => section.choices.length > 0);
  }

  private layoutChoice(layout: LayoutName): Choice {
    const choose = this.pressing('change_layout', () => Promise.resolve(this.doings.setLayout(layout)));
    return { label: LAYOUT_TITLES[layout], isChosen: this.doings.layout() === layout, choose };
  }

  private narrow(): Choice[] {
    const isHidden = (face: Face): boolean => this.has(face) && getComputedStyle(this.switches[face].element).display === 'none';
    const choices: (Choice | false)[] = [
      isHidden('screen') && { label: this.call.screen?.isSharing ? 'Stop sharing your screen' : 'Share your screen', isChosen: null, choose: () => this.shareScreen() },
      isHidden('hand') && { label: this.isHandUp ? 'Lower your hand' : 'Raise your hand', isChosen: null, choose: () => this.raiseHand() },
      isHidden('chat') && { label: 'Chat', isChosen: null, choose: () => this.openPanel('chat') },
      isHidden('people') && { label: 'Who is here', isChosen: null, choose: () => this.openPanel('people') },
    ];
    return choices.filter((choice) => choice !== false);
  }

  private further(): Choice[] {
    const { doings } = this;
    const { recording } = this.call;
    const mayRecord = recording?.may;
    const record = mayRecord && this.pressing('recording_toggle', () => (recording.isRecording ? mayRecord.stop() : mayRecord.start()));
    const invite = this.pressing('share_invite', () => Promise.resolve(doings.copyInvite?.()));
    const choices: (Choice | false | undefined)[] = [
      doings.copyInvite !== null && !this.hides('share_invite_button') && { label: 'Copy invite link', isChosen: null, choose: invite },
      record && !this.hides('recording_button') && { label: recording.isRecording ? 'Stop recording' : 'Record the session', isChosen: null, choose: record },
    ];
    return choices.filter((choice) => choice !== undefined && choice !== false);
  }

  private views(): Choice[] {
    const { captions, pictureInPicture } = this.doings;
    const choices: (Choice | false)[] = [
      captions !== null && !this.hides('closed_caption_button') && { label: captions.isOn() ? 'Hide captions' : 'Show captions', isChosen: null, choose: captions.toggle },
      pictureInPicture !== null && { label: 'Picture in picture', isChosen: null, choose: pictureInPicture },
    ];
    return choices.filter((choice) => choice !== false);
  }

  private deviceChoices(): Choice[] {
    const { call, doings } = this;
    const { switchCamera } = call;
    const flip = switchCamera && this.pressing('switch_camera', () => switchCamera.call(call));
    const choices: (Choice | false | undefined)[] = [
      flip && !this.hides('switch_camera_button') && { label: 'Switch camera', isChosen: null, choose: flip },
      { label: 'Settings', isChosen: null, choose: doings.openSettings },
    ];
    return choices.filter((choice) => choice !== undefined && choice !== false);
  }

  private ending(): Choice[] {
    const { moderator } = this.call;
    if (!moderator) return [];
    const ends = (): void => confirm(this.element, 'End the session for everyone?', 'End for everyone', () => this.doings.attempt(() => moderator.endForAll()));
    return [{ label: 'End for everyone', isChosen: null, choose: ends, isDangerous: true }];
  }

  /** What is to be behind the person, where the call can change it. */
  private backgrounds(): readonly Section[] {
    const { background } = this.call;
    if (!background || this.hides('virtual_background_button')) return [];
    const { current } = background;
    const act = (action: () => Promise<void>) => (): void => this.doings.attempt(action);
    const picture = (): void => pickPicture(background, (change) => this.doings.attempt(change));
    return [
      {
        title: 'Background',
        choices: [
          { label: 'As it is', isChosen: current.kind === 'none', choose: act(() => background.clear()) },
          ...BLURS.map(({ label, level }) => ({ label, isChosen: current.kind === 'blur' && nearest(current.level) === level, choose: act(() => background.blur(level)) })),
          { label: 'A picture…', isChosen: current.kind === 'image', choose: picture },
        ],
      },
    ];
  }

  private async devices(kinds: readonly DeviceKind[]): Promise<readonly Section[]> {
    return Promise.all(
      kinds.map(async (kind) => {
        const current = this.call.currentDevice(kind);
        const devices = await this.call.devices(kind);
        const choose = (id: string) => (): void =>
          this.doings.attempt(async () => {
            try {
              await this.call.useDevice(kind, id);
            } finally {
              this.refresh(); // it may have been opened again while the device was
            }
          });
        return {
          title: TITLES[kind],
          choices: devices.map((device) => ({ label: device.label, isChosen: device.id === current, choose: choose(device.id) })),
        };
      }),
    );
  }
}
