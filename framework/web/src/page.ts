/** The way of one person through the page: log-in or invite, a look at oneself, the call, and afterwards. */

import { CallView } from './callview';
import { LogInView } from './login';
import type { Memory } from './memory';
import { NoticeView } from './notice';
import { PreJoinView } from './prejoin';
import type { CallToken, Credential, Service } from './service';
import { Problem, type Call, type LocalMedia } from './values';
import { endingWords, inviteWords } from './words';

export interface PageOptions {
  readonly container: HTMLElement;
  readonly sessionId: string;
  readonly service: Service;
  readonly memory: Memory;
  readonly join: (token: CallToken, media: LocalMedia) => Promise<Call>;
  /** Called with what the page shows, for the window's title. */
  readonly titled: (title: string) => void;
}

interface View {
  close(): void;
}

export class JoinPage {
  private view: View | null = null;

  constructor(private readonly options: PageOptions) {}

  /** The first view that this person needs. */
  start(): void {
    const { sessionId } = this.options;
    if (!sessionId) return this.notice('Which session?', 'This address names none. A session is at /join/ and its name.', []);
    if (this.credential()) this.prepare();
    else this.logIn('');
  }

  private credential(): Credential | null {
    const { memory, sessionId } = this.options;
    const invite = memory.invite(sessionId);
    if (invite) return { invite };
    const { logIn } = memory;
    return logIn && { authToken: logIn.authToken };
  }

  private logIn(because: string): void {
    const { container, sessionId, service, memory } = this.options;
    const logIn = async (uid: string, key: string): Promise<void> => {
      memory.logIn = await service.logIn(uid, key);
      this.prepare();
    };
    this.show(`Log in · ${sessionId}`, () => new LogInView(container, { sessionId, because, logIn }));
  }

  private prepare(): void {
    const { container, sessionId, memory } = this.options;
    const logIn = memory.invite(sessionId) ? null : memory.logIn;
    this.show(`Join ${sessionId}`, () => new PreJoinView(container, {
      sessionId,
      name: memory.name || logIn?.name || '',
      loggedIn: logIn && { uid: logIn.uid, logOut: () => this.forgetLogIn('') },
      device: (kind) => memory.device(kind),
      keepDevice: (kind, id) => memory.keepDevice(kind, id),
      blur: memory.blur,
      keepBlur: (level) => {
        memory.blur = level;
      },
      join: (name, media) => this.enter(name, media),
    }));
  }

  /** Whether the person is in a call, which then has the tracks. */
  private async enter(name: string, media: LocalMedia): Promise<boolean> {
    this.options.memory.name = name;
    const credential = this.credential();
    const token = credential && (await this.token(credential, name));
    if (!token) return false;
    this.call(await this.options.join(token, media), token);
    return true;
  }

  /** A call token; null where the person was sent elsewhere because what they came with is no good. */
  private async token(credential: Credential, name: string): Promise<CallToken | null> {
    const { service, sessionId } = this.options;
    try {
      return await service.callToken(sessionId, credential, name);
    } catch (error) {
      if (!(error instanceof Problem) || !['ERROR_AUTH_TOKEN', 'ERROR_CALL_TOKEN', 'ERROR_PERMISSION'].includes(error.code)) throw error;
      if ('invite' in credential) this.refuseInvite(error);
      else if (error.code === 'ERROR_AUTH_TOKEN') this.forgetLogIn('Your log-in has expired. Log in again to join.');
      else throw error;
      return null;
    }
  }

  private refuseInvite(error: Problem): void {
    this.options.memory.keepInvite(this.options.sessionId, '');
    const { title, text } = inviteWords(error.reason, error.message);
    this.notice(title, text, [{ label: 'Log in instead', act: () => this.logIn('') }]);
  }

  private forgetLogIn(because: string): void {
    this.options.memory.logIn = null;
    this.logIn(because);
  }

  private call(call: Call, token: CallToken): void {
    const { container, sessionId, service } = this.options;
    const mayInvite = token.role === 'moderator';
    const inviteLink = (): Promise<string> => service.inviteLink(sessionId, token.token);
    call.listen((event) => {
      if (event.kind === 'over') this.after(endingWords(event.reason));
    });
    if (call.state === 'over') return this.after(endingWords('network'));
    this.show(sessionId, () => new CallView(container, call, { title: sessionId, ...(mayInvite ? { inviteLink } : {}) }));
  }

  private after({ title, text }: { title: string; text: string }): void {
    this.notice(title, text, [{ label: 'Join again', act: () => this.start() }]);
  }

  private notice(title: string, text: string, actions: ConstructorParameters<typeof NoticeView>[1]['actions']): void {
    this.show(title, () => new NoticeView(this.options.container, { title, text, actions }));
  }

  private show(title: string, make: () => View): void {
    this.view?.close();
    this.view = make();
    this.options.titled(`${title} · Jackfield`);
  }
}
