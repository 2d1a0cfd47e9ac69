/** The server's HTTP interface: log-ins, call tokens, invites. */

import { Problem } from './values';
import { serviceWords } from './words';

/** Longer than the server takes to say what came of it: a recorder has twenty seconds to begin. */
const TIMEOUT_MS = 25_000;

export interface LogIn {
  readonly authToken: string;
  readonly uid: string;
  readonly name: string;
}

export interface CallToken {
  readonly token: string;
  readonly sessionId: string;
  readonly uid: string;
  readonly role: string;
}

/** What lets somebody in: an invite from a link, or the log-in of a known user. */
export type Credential = { readonly invite: string } | { readonly authToken: string };

type Answer = Readonly<Record<string, unknown>>;

/** One Jackfield server. Each method raises a `Problem` with the server's code and a sentence for people. */
export class Service {
  constructor(
    readonly origin: string,
    private readonly send: typeof fetch = (...request) => fetch(...request),
  ) {}

  /** Where livekit-client connects: the same place, as a WebSocket. */
  get mediaUrl(): string {
    return this.origin.replace(/^http/, 'ws');
  }

  async logIn(uid: string, key: string): Promise<LogIn> {
    const answer = await this.post('login', { uid, api_key: key });
    return { authToken: text(answer, 'auth_token'), uid: text(answer, 'uid'), name: optional(answer, 'name') || text(answer, 'uid') };
  }

  async callToken(sessionId: string, credential: Credential, name: string): Promise<CallToken> {
    const invited = 'invite' in credential ? { invite: credential.invite } : {};
    const answer = await this.post('token', { session_id: sessionId, name, ...invited }, credential);
    return {
      token: text(answer, 'token'),
      sessionId: optional(answer, 'session_id') || sessionId,
      uid: optional(answer, 'uid'),
      role: optional(answer, 'role'),
    };
  }

  /** A fresh link for somebody else. The token is a log-in's, or a moderator's call token. */
  async inviteLink(sessionId: string, token: string): Promise<string> {
    return text(await this.post('invite', { session_id: sessionId }, { authToken: token }), 'link');
  }

  /** The session of this moderator's call token is recorded, or no more. */
  async record(action: 'start' | 'stop', token: string): Promise<void> {
    await this.post('recording', { action }, { authToken: token });
  }

  private async post(path: string, body: Answer, credential?: Credential): Promise<Answer> {
    const headers: Record<string, string> = { 'Content-Type': 'application/json' };
    if (credential && 'authToken' in credential) headers['Authorization'] = `Bearer ${credential.authToken}`;
    const response = await this.reach(`${this.origin}/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = await parsed(response);
    if (response.ok && answer) return answer;
    throw refusal(response.status, answer ?? {});
  }

  private async reach(url: string, request: RequestInit): Promise<Response> {
    try {
      return await this.send(url, { ...request, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch {
      throw refusal(0, { code: 'ERROR_NETWORK' });
    }
  }
}

function refusal(status: number, answer: Answer): Problem {
  const code = optional(answer, 'code') || (status >= 502 ? 'ERROR_NETWORK' : 'ERROR_RESPONSE');
  const details = answer['details'];
  const reason = typeof details === 'object' && details !== null ? optional(details as Answer, 'reason') : '';
  return new Problem(code, serviceWords(code, status, optional(answer, 'message')), reason);
}

async function parsed(response: Response): Promise<Answer | null> {
  try {
    const answer: unknown = await response.json();
    return typeof answer === 'object' && answer !== null ? (answer as Answer) : null;
  } catch {
    return null;
  }
}

function optional(answer: Answer, key: string): string {
  const value = answer[key];
  return typeof value === 'string' ? value : '';
}

function text(answer: Answer, key: string): string {
  const value = optional(answer, key);
  if (!value) throw refusal(200, {});
  return value;
}
