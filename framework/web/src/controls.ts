/** The buttons under a call. */

import { el, setText } from './dom';
import { icon, type IconName } from './icons';
import { Menu, type Section } from './menu';
import type { Call, DeviceKind } from './values';

const TITLES: Readonly<Record<DeviceKind, string>> = { camera: 'Camera', microphone: 'Microphone', speaker: 'Speaker' };

/** A switch with two faces: its label says what a press does. */
class Switch {
  readonly element: HTMLButtonElement;
  private readonly label = el('span', { class: 'jf-hidden' });

  constructor(
    private readonly faces: Readonly<Record<'on' | 'off', readonly [IconName, string]>>,
    press: () => void,
  ) {
    this.element = el('button', { class: 'jf-button jf-round', type: 'button', onclick: press });
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
    this.element.replaceChildren(icon(glyph), this.label);
  }
}

export interface Doings {
  readonly leave: () => void;
  readonly copyInvite: (() => void) | null;
  /** Runs an action and tells the person when it fails. */
  readonly attempt: (action: () => Promise<void>) => void;
}

export class Controls {
  readonly element: HTMLElement;
  private readonly microphone: Switch;
  private readonly camera: Switch;
  private readonly menus: readonly Menu[];

  constructor(
    private readonly call: Call,
    private readonly doings: Doings,
  ) {
    const { attempt } = doings;
    this.microphone = new Switch({ on: ['mic', 'Mute microphone'], off: ['micOff', 'Unmute microphone'] }, () =>
      attempt(() => call.setMuted(!call.isMuted)),
    );
    this.camera = new Switch({ on: ['camera', 'Turn camera off'], off: ['cameraOff', 'Turn camera on'] }, () =>
      attempt(() => call.setCamera(!call.isCameraOn)),
    );
    const sound = new Menu('Choose microphone and speaker', 'chevron', () => this.sections(['microphone', 'speaker']));
    const sight = new Menu('Choose camera', 'chevron', () => this.sections(['camera']));
    this.menus = [sound, sight];
    this.element = el('div', { class: 'jf-controls', role: 'group', 'aria-label': 'Call controls' }, ...this.groups(sound, sight));
    this.show();
  }

  /** The call as it is now. */
  show(): void {
    this.microphone.show(!this.call.isMuted);
    this.camera.show(this.call.isCameraOn);
    const isOnlyWatching = !this.call.mayPublish;
    for (const part of [this.microphone, this.camera]) part.allow(!isOnlyWatching);
  }

  /** Devices came or went. */
  refresh(): void {
    for (const menu of this.menus) void menu.refresh();
  }

  private groups(sound: Menu, sight: Menu): HTMLElement[] {
    const { leave, copyInvite } = this.doings;
    const invite = el('button', { class: 'jf-button jf-round', type: 'button', title: 'Copy invite link', onclick: copyInvite ?? (() => undefined) });
    invite.append(icon('link'), el('span', { class: 'jf-hidden' }, 'Copy invite link'));
    const end = el('button', { class: 'jf-button jf-round jf-leave', type: 'button', title: 'Leave', onclick: leave });
    end.append(icon('leave'), el('span', { class: 'jf-hidden' }, 'Leave'));
    return [
      el('div', { class: 'jf-group' }, this.microphone.element, sound.element),
      el('div', { class: 'jf-group' }, this.camera.element, sight.element),
      ...(copyInvite ? [invite] : []),
      end,
    ];
  }

  private async sections(kinds: readonly DeviceKind[]): Promise<readonly Section[]> {
    return Promise.all(
      kinds.map(async (kind) => {
        const current = this.call.currentDevice(kind);
        const devices = await this.call.devices(kind);
        const choose = (id: string) => (): void => this.doings.attempt(() => this.call.useDevice(kind, id));
        return {
          title: TITLES[kind],
          choices: devices.map((device) => ({ label: device.label, isChosen: device.id === current, choose: choose(device.id) })),
        };
      }),
    );
  }
}

