/** What the page remembers: for this tab (invite, log-in), and from one visit to the next (name, devices). */

import type { LogIn } from './service';
import type { DeviceKind } from './values';

/** A drawer of a browser's storage. One that the browser keeps shut remembers nothing and never raises. */
export class Drawer {
  constructor(private readonly storage: () => Storage) {}

  get(key: string): string {
    try {
      return this.storage().getItem(key) ?? '';
    } catch {
      return '';
    }
  }

  set(key: string, value: string): void {
    try {
      if (value) this.storage().setItem(key, value);
      else this.storage().removeItem(key);
    } catch {
      // Storage is off or full: it is forgotten with the page.
    }
  }
}

/** What a page knows of the person between reloads. An empty value forgets. */
export class Memory {
  constructor(
    private readonly tab: Drawer,
    private readonly visits: Drawer,
  ) {}

  invite(sessionId: string): string {
    return this.tab.get(`jackfield.invite.${sessionId}`);
  }

  keepInvite(sessionId: string, invite: string): void {
    this.tab.set(`jackfield.invite.${sessionId}`, invite);
  }

  get logIn(): LogIn | null {
    try {
      const kept = JSON.parse(this.tab.get('jackfield.login') || 'null') as LogIn | null;
      return kept?.authToken ? kept : null;
    } catch {
      return null;
    }
  }

  set logIn(logIn: LogIn | null) {
    this.tab.set('jackfield.login', logIn ? JSON.stringify(logIn) : '');
  }

  get name(): string {
    return this.visits.get('jackfield.name');
  }

  set name(name: string) {
    this.visits.set('jackfield.name', name);
  }

  get blur(): string {
    return this.visits.get('jackfield.blur');
  }

  set blur(level: string) {
    this.visits.set('jackfield.blur', level);
  }

  device(kind: DeviceKind): string {
    return this.visits.get(`jackfield.${kind}`);
  }

  keepDevice(kind: DeviceKind, id: string): void {
    this.visits.set(`jackfield.${kind}`, id);
  }
}
