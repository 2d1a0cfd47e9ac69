/** What a session's settings mean to whoever draws it: layout, times, and which parts are left out. */

import type { LayoutName } from './values';

export const LAYOUTS: readonly LayoutName[] = ['TILE', 'SIDEBAR', 'SPOTLIGHT'];

/** Every part that a setting hides, and whether it is hidden unless the setting says otherwise. */
const HIDDEN = {
  control_panel: false,
  header_panel: false,
  session_timer: false,
  leave_session_button: false,
  toggle_audio_button: false,
  toggle_video_button: false,
  switch_camera_button: false,
  audio_mode_button: false,
  screen_sharing_button: false,
  raise_hand_button: false,
  participant_list_button: false,
  change_layout_button: false,
  virtual_background_button: false,
  recording_button: true,
  transcription_button: true,
  closed_caption_button: true,
  share_invite_button: true,
  chat_button: true,
  network_indicator: true,
} as const;

export type Part = keyof typeof HIDDEN;
export const PARTS = Object.keys(HIDDEN) as readonly Part[];

export interface ViewSettings {
  readonly title: string;
  readonly layout: LayoutName;
  readonly hidden: ReadonlySet<Part>;
  /** Seconds alone until the person is asked, and from then until they are taken out; 0: never. */
  readonly idleBeforeS: number;
  readonly idleAfterS: number;
}

/** As a program gets it that says nothing. */
export const DEFAULTS: ViewSettings = {
  title: '',
  layout: 'TILE',
  hidden: new Set(PARTS.filter((part) => HIDDEN[part])),
  idleBeforeS: 60,
  idleAfterS: 180,
};

/** As the page at /join shows a session: everything that works. */
export const EVERYTHING: ViewSettings = { ...DEFAULTS, hidden: new Set() };

/** What the joining needs to know beside what is drawn. */
export interface CallSettings extends ViewSettings {
  readonly type: 'VIDEO' | 'VOICE';
  readonly displayName: string;
  readonly startAudioMuted: boolean;
  readonly startVideoPaused: boolean;
  readonly lowBandwidth: boolean;
  readonly autoStartRecording: boolean;
}

/** One mistake: which key, what was found, what is allowed. */
export interface Finding {
  readonly key: string;
  readonly message: string;
}

/** Keys that mean something in the Python framework and have no meaning in a page. */
const ELSEWHERE = new Set(['audioMode', 'initialCameraFacing', 'cameraFacing', 'autoStartTranscription', 'captionLanguage']);

const readers: Readonly<Record<string, (value: unknown) => Partial<CallSettings> | string>> = {
  sessionType: type,
  type,
  layout: (value) => oneOf(value, LAYOUTS, (layout) => ({ layout })),
  title: (value) => (typeof value === 'string' ? { title: value } : 'a text is allowed'),
  displayName: (value) => (typeof value === 'string' ? { displayName: value } : 'a text is allowed'),
  startAudioMuted: (value) => (typeof value === 'boolean' ? { startAudioMuted: value } : 'true or false is allowed'),
  startVideoPaused: (value) => (typeof value === 'boolean' ? { startVideoPaused: value } : 'true or false is allowed'),
  enableLowBandwidthMode: (value) => (typeof value === 'boolean' ? { lowBandwidth: value } : 'true or false is allowed'),
  autoStartRecording: (value) => (typeof value === 'boolean' ? { autoStartRecording: value } : 'true or false is allowed'),
  idleTimeoutPeriodBeforePrompt: (value) => milliseconds(value, (idleBeforeS) => ({ idleBeforeS })),
  idleTimeoutPeriodAfterPrompt: (value) => milliseconds(value, (idleAfterS) => ({ idleAfterS })),
};

function type(value: unknown): Partial<CallSettings> | string {
  const meant = value === 'AUDIO' ? 'VOICE' : value;
  return oneOf(meant, ['VIDEO', 'VOICE'] as const, (found) => ({ type: found }));
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], made: (value: T) => Partial<CallSettings>): Partial<CallSettings> | string {
  const found = allowed.find((each) => typeof value === 'string' && each === value.toUpperCase());
  return found ? made(found) : `${allowed.join(', ')} are allowed`;
}

function milliseconds(value: unknown, made: (seconds: number) => Partial<CallSettings>): Partial<CallSettings> | string {
  const isFit = typeof value === 'number' && Number.isFinite(value) && value >= 0;
  return isFit ? made(value / 1000) : 'milliseconds from 0 are allowed';
}

/** `hideChatButton` → `chat_button`; null for what hides nothing. */
function partOf(key: string): Part | null {
  const name = key.replace(/^hide/, '').replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  return key.startsWith('hide') && PARTS.includes(name as Part) ? (name as Part) : null;
}

/** The settings that somebody wrote, in camelCase, over the defaults; every mistake is found at once. */
export function readSettings(given: unknown): { settings: CallSettings; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const hidden = new Set(DEFAULTS.hidden);
  let settings: CallSettings = { ...DEFAULTS, type: 'VIDEO', displayName: '', startAudioMuted: false, startVideoPaused: false, lowBandwidth: false, autoStartRecording: false };
  if (given !== undefined && given !== null && (typeof given !== 'object' || Array.isArray(given))) {
    return { settings, findings: [{ key: 'callSettings', message: `callSettings: an object is allowed; this is ${typeof given}` }] };
  }
  for (const [key, value] of Object.entries(given ?? {})) {
    const part = partOf(key);
    const read = readers[key];
    if (part) {
      if (typeof value !== 'boolean') findings.push({ key, message: `${key}: found ${shown(value)}; true or false is allowed` });
      else if (value) hidden.add(part);
      else hidden.delete(part);
    } else if (read) {
      const found = read(value);
      if (typeof found === 'string') findings.push({ key, message: `${key}: found ${shown(value)}; ${found}` });
      else settings = { ...settings, ...found };
    } else if (!ELSEWHERE.has(key)) {
      findings.push({ key, message: `${key}: there is no such setting` });
    }
  }
  return { settings: { ...settings, hidden }, findings };
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
