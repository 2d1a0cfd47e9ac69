/** Small things about people: how they are called, initials, a colour of their own, time spent. */

/** What turns the direction of all that follows it, beyond the name's own end. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** What nobody sees: spaces, controls, joiners, fillers, selectors. */
const UNSEEN = /[\p{Z}\p{Cc}\p{Cf}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]/gu;

/** A name as it is shown, on one line and in its own direction; the id for one in which there is nothing to see. */
export function shownName(name: string, id: string): string {
  const plain = name.replace(TURNS, '').replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return plain.replace(UNSEEN, '') ? plain : id.replace(TURNS, '');
}

/** One or two letters for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase() || '?';
}

const LONGEST = 60;

/** A name within a sentence: however long it is, the sentence stays one. */
export function clipped(name: string): string {
  const letters = [...name];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join('')}…` : name;
}

/** One of `count` colours, the same for the same name on every machine. */
export function colourOf(name: string, count: number): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return sum % count;
}

/** Seconds as `4:07` or `1:02:09`. */
export function clockFace(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (part: number): string => String(part).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
