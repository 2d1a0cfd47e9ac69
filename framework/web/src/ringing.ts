/** Ringing: the line on which somebody who is logged in is online, opened anew whenever it breaks (docs/ringing.md). */

import { Problem } from './values';
import { asSentence } from './words';

const ANSWER_MS = 10_000;
/** The server is asked whether it is there this often: a browser does not notice by itself that a network is gone. */
const HERE_MS = 20_000;
const PAUSES_MS = [200, 1_000, 2_000, 5_000];

/** One ring; each answer is ringing, accepted, rejected, busy, cancelled or unanswered. `beganAt` is Unix time in seconds. */
export interface Ring {
  readonly id: string;
  readonly sessionId: string;
  readonly type: 'VIDEO' | 'VOICE';
  readonly uid: string;
  readonly name: string;
  readonly beganAt: number;
  readonly answers: Readonly<Record<string, string>>;
}

/** What is told of a ring: `event` is `incoming_ring`, `ring_accepted`, … as in Python. */
export interface Rang {
  readonly event: string;
  readonly ring: Ring;
  readonly uid: string;
  readonly busy: boolean;
}

type Words = Readonly<Record<string, unknown>>;

export class Line {
  private socket: WebSocket | null = null;
  private readonly asked = new Map<number, { done(answer: Words): void; failed(problem: Problem): void }>();
  private number = 0;
  private timer = 0;
  private isClosed = false;
  private isConnecting = false;

  constructor(
    private readonly address: string,
    private readonly authToken: string,
    private readonly heard: (rang: Rang) => void,
    /** Told, whenever the line is there, of the ids that ring for us now: no others do any more. */
    private readonly rings: (ids: readonly string[]) => void,
    private readonly offline: (problem: Problem) => void,
  ) {}

  /** Online from now on; rejects with a `Problem` where the server does not take us. */
  async open(): Promise<void> {
    await this.connect();
    window.addEventListener('online', this.look);
  }

  /** The ring, as the server answers. */
  async ask(what: Words): Promise<Ring> {
    return ringOf((await this.sent(what))['ring']);
  }

  /** Offline. */
  close(): void {
    this.isClosed = true;
    window.removeEventListener('online', this.look);
    this.drop();
  }

  private sent(what: Words): Promise<Words> {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Problem('ERROR_NETWORK', 'The line to the server is being restored. Try again in a moment.'));
    this.number += 1;
    const number = this.number;
    return new Promise<Words>((done, failed) => {
      this.asked.set(number, { done, failed });
      window.setTimeout(() => failed(new Problem('ERROR_NETWORK', 'The server did not answer. Try again.')), ANSWER_MS);
      socket.send(JSON.stringify({ ...what, n: number }));
    }).finally(() => this.asked.delete(number));
  }

  private connect(): Promise<void> {
    this.isConnecting = true;
    return new Promise<void>((done, failed) => {
      const socket = new WebSocket(this.address);
      const refused = (problem: Problem): void => {
        window.clearTimeout(limit);
        silence(socket);
        failed(problem);
      };
      const unreachable = (): void => refused(new Problem('ERROR_NETWORK', 'The server cannot be reached, or has no ringing.'));
      const limit = window.setTimeout(unreachable, ANSWER_MS);
      socket.onclose = unreachable;
      socket.onopen = () => socket.send(JSON.stringify({ auth_token: this.authToken }));
      socket.onmessage = ({ data }) => {
        const words = wordsOf(data);
        if (!('online' in words)) return refused(problemOf(words['error']));
        window.clearTimeout(limit);
        if (this.isClosed) silence(socket);
        else {
          this.rings((words['ringing'] as readonly string[] | undefined) ?? []);
          this.take(socket);
        }
        done();
      };
    }).finally(() => (this.isConnecting = false));
  }

  private take(socket: WebSocket): void {
    this.socket = socket;
    socket.onclose = () => this.broken();
    socket.onmessage = ({ data }) => {
      const words = wordsOf(data);
      const asked = this.asked.get(Number(words['done']));
      if (asked && words['error']) asked.failed(problemOf(words['error']));
      else asked?.done(words);
      if (typeof words['event'] === 'string') this.heard({ event: words['event'], ring: ringOf(words['ring']), uid: text(words['uid']), busy: words['busy'] === true });
    };
    this.timer = window.setTimeout(this.look, HERE_MS);
  }

  /** Whether the server still hears us; where the line is down, this is the moment to try again. */
  private readonly look = (): void => {
    window.clearTimeout(this.timer);
    const { socket } = this;
    if (!socket) return this.again(0);
    void this.sent({ do: 'here' }).then(
      () => {
        if (this.socket === socket) this.timer = window.setTimeout(this.look, HERE_MS);
      },
      () => {
        if (this.socket === socket) this.broken();
      },
    );
  };

  private broken(attempt = 0): void {
    this.drop();
    if (this.isClosed) return;
    this.timer = window.setTimeout(() => this.again(attempt), PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]);
  }

  private again(attempt: number): void {
    if (this.isConnecting) return;
    this.connect().catch((problem: unknown) => {
      if (this.isClosed) return;
      if (problem instanceof Problem && problem.code !== 'ERROR_NETWORK') {
        this.close();
        this.offline(problem);
      } else this.broken(attempt + 1);
    });
  }

  private drop(): void {
    window.clearTimeout(this.timer);
    if (this.socket) silence(this.socket);
    this.socket = null;
    for (const { failed } of this.asked.values()) failed(new Problem('ERROR_NETWORK', 'The line to the server broke. Try again in a moment.'));
  }
}

function silence(socket: WebSocket): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}

function wordsOf(data: unknown): Words {
  try {
    const found: unknown = JSON.parse(String(data));
    return typeof found === 'object' && found !== null ? (found as Words) : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function problemOf(said: unknown): Problem {
  const words = (said ?? {}) as Words;
  return new Problem(text(words['code']) || 'ERROR_RESPONSE', asSentence(text(words['message']) || 'the server gave an answer that is no word of ringing'));
}

function ringOf(said: unknown): Ring {
  const words = (said ?? {}) as Words;
  const caller = (words['caller'] ?? {}) as Words;
  return {
    id: text(words['id']),
    sessionId: text(words['session_id']),
    type: words['type'] === 'VOICE' ? 'VOICE' : 'VIDEO',
    uid: text(caller['uid']),
    name: text(caller['name']),
    beganAt: Number(words['began_at']),
    answers: { ...(words['answers'] as Record<string, string>) },
  };
}
