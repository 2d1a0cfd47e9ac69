/** Everything that can go wrong, in words for the person at the machine: what happened, and what to do. */

import { Problem, type DeviceKind, type LeaveReason } from './values';

const THINGS = { camera: 'camera', microphone: 'microphone', speaker: 'speaker' } as const;

/** What a browser's refusal of a camera, microphone or speaker means. `name` is the DOMException's. */
export function deviceWords(kind: DeviceKind, name: string): string {
  const thing = THINGS[kind];
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return `The browser does not let this page use your ${thing}. Allow it in the site settings beside the address, then turn the ${thing} on.`;
    case 'NotFoundError':
      return `No ${thing} was found. Plug one in, and it appears here.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${thing} does not start: another program may be using it. Close that program, then turn the ${thing} on again.`;
    case 'OverconstrainedError':
      return `The ${thing} that was chosen is gone. Choose another one.`;
    default:
      return `The ${thing} does not start (${name}).`;
  }
}

export type NoMedia = 'insecure' | 'unsupported';

/** Why this browser gives the page no camera and no microphone at all. */
export const NO_MEDIA_WORDS: Readonly<Record<NoMedia, string>> = {
  insecure:
    'This page came over plain http from another machine, and browsers give no camera or microphone to such a page. ' +
    'You can join to watch and listen. To be seen and heard, open an https link: ask whoever runs the server for one.',
  unsupported: 'This browser offers no camera or microphone. You can join to watch and listen.',
};

/** What a refusal of the server's means; `said` is its own sentence, which knows most. */
export function serviceWords(code: string, status: number, said: string): string {
  if (said) return asSentence(said);
  if (code === 'ERROR_NETWORK') return 'The server cannot be reached. Check that it is running and that you are connected, then try again.';
  return `The server gave an answer that this page does not understand${status ? ` (HTTP ${status})` : ''}.`;
}

/** The same words with a capital and a full stop. */
export function asSentence(words: string): string {
  const trimmed = words.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? '' : '.');
}

/** Why an invite opens nothing; `reason` is the server's. */
export function inviteWords(reason: string, said: string): { title: string; text: string } {
  return reason === 'expired'
    ? { title: 'This invite has expired', text: 'Ask whoever invited you for a new link.' }
    : { title: 'This invite does not open the session', text: `${said} Ask whoever invited you for a new link.` };
}

const ENDINGS: Readonly<Record<LeaveReason, { title: string; text: string }>> = {
  left: { title: 'You left the session', text: 'The others may still be there.' },
  removed: { title: 'You were removed', text: 'Somebody with the right to do so took you out of the session.' },
  ended: { title: 'The session is over', text: 'It was ended for everyone.' },
  idle: { title: 'The session timed out', text: 'Nobody else was here for a while, so you were taken out of it.' },
  replaced: { title: 'You joined somewhere else', text: 'The same person joined this session again, in another window or on another machine.' },
  server: { title: 'The server went away', text: 'It was shut down or restarted. Try again in a moment.' },
  network: { title: 'The connection was lost', text: 'Reconnecting did not work. Check your network, then join again.' },
};

/** How an ended call is told. */
export function endingWords(reason: LeaveReason): { title: string; text: string } {
  return ENDINGS[reason];
}

/** The sentence to show for whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof Problem) return error.message;
  return error instanceof Error && error.message ? `Something went wrong: ${error.message}` : 'Something went wrong.';
}
