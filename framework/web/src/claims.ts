/** What a token says of itself. */

import { CallError } from './call-error';

/** A claim of a token, which the server alone verifies. */
function claims(token: string): Record<string, unknown> {
  try {
    const part = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (letter) => letter.codePointAt(0) ?? 0))) as Record<string, unknown>;
  } catch {
    throw new CallError('ERROR_CALL_TOKEN', 'This is no call token: generateToken makes one.');
  }
}

export function roleIn(token: string): string {
  const grants = claims(token)['video'] as Record<string, unknown> | undefined;
  return grants?.['roomAdmin'] === true ? 'moderator' : 'participant';
}

export function roomIn(token: string): string {
  const grants = claims(token)['video'] as Record<string, unknown> | undefined;
  return typeof grants?.['room'] === 'string' ? grants['room'] : '';
}
