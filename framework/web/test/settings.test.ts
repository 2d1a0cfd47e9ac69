import { describe, expect, it } from 'vitest';
import { pieces } from '../src/chat';
import { Idle } from '../src/idle';
import { DEFAULTS, readSettings } from '../src/settings';

describe('readSettings', () => {
  it('takes what the vendor\'s example says', () => {
    const { settings, findings } = readSettings({ sessionType: 'VIDEO', layout: 'TILE', startAudioMuted: false, startVideoPaused: true });
    expect(findings).toEqual([]);
    expect([settings.type, settings.layout, settings.startVideoPaused, settings.hidden]).toEqual(['VIDEO', 'TILE', true, DEFAULTS.hidden]);
  });

  it('finds every mistake at once, each with what is allowed', () => {
    const { findings } = readSettings({ layout: 'ROUND', startAudioMuted: 'no', hideChatButton: 1, idleTimeoutPeriodBeforePrompt: -1, colour: 'red' });
    expect(findings.map(({ key }) => key)).toEqual(['layout', 'startAudioMuted', 'hideChatButton', 'idleTimeoutPeriodBeforePrompt', 'colour']);
    expect(findings[0]?.message).toBe('layout: found "ROUND"; TILE, SIDEBAR, SPOTLIGHT are allowed');
    expect(readSettings('TILE').findings[0]?.message).toContain('an object is allowed');
  });

  it('hides and shows parts, and reads milliseconds and other spellings', () => {
    const { settings } = readSettings({ hideChatButton: false, hideLeaveSessionButton: true, idleTimeoutPeriodBeforePrompt: 5000, type: 'AUDIO', layout: 'spotlight' });
    expect([settings.hidden.has('chat_button'), settings.hidden.has('leave_session_button')]).toEqual([false, true]);
    expect([settings.idleBeforeS, settings.type, settings.layout]).toEqual([5, 'VOICE', 'SPOTLIGHT']);
  });
});

it('asks whoever is alone, counts down, and takes them out', () => {
  let now = 0;
  const over: number[] = [];
  const idle = new Idle(60, 180, () => over.push(now), () => now);
  const look = (seconds: number, isAlone = true): number | null => {
    now = seconds * 1000;
    idle.look(isAlone);
    return idle.secondsLeft;
  };
  expect([look(0), look(59), look(60), look(100)]).toEqual([null, null, 180, 140]);
  idle.stay();
  expect([look(101), look(161), look(162, false), look(163), look(223), look(403)]).toEqual([null, 180, null, null, 180, null]);
  expect(over).toEqual([403_000]);
  expect(new Idle(0, 180, () => undefined, () => now).secondsLeft).toBeNull();
});

it('makes links of addresses alone', () => {
  const found = pieces('see https://a.example/b?c=d, or javascript:alert(1) <http://x.example>.');
  expect(found.filter(({ isLink }) => isLink).map(({ text }) => text)).toEqual(['https://a.example/b?c=d', 'http://x.example']);
  expect(found.map(({ text }) => text).join('')).toBe('see https://a.example/b?c=d, or javascript:alert(1) <http://x.example>.');
});
