/** Being rung and ringing others, for a page: the line, and the dialog where the page wants one. */

import { RingDialog } from './ringdialog';
import { Line, type Rang, type Ring } from './ringing';
import { el } from './dom';
import { Problem } from './values';

/** What a phone needs of the page that it is in. */
export interface Desk {
  /** Told of each event first; false: no dialog is wanted for it. */
  told(rang: Rang): boolean;
  /** The server takes us no more, and says why. */
  offline(problem: Problem): void;
  /** Joins the ring that is answered in the dialog, and says what went wrong, if anything. Absent: no dialogs. */
  readonly answer?: (ring: Ring) => Promise<string>;
}

export class Phone {
  private readonly line: Line;
  private readonly dialogs = new Map<string, RingDialog>();
  private readonly place = el('div', { class: 'jackfield' });

  constructor(
    address: string,
    authToken: string,
    private readonly desk: Desk,
  ) {
    const offline = (problem: Problem): void => {
      this.close();
      desk.offline(problem);
    };
    this.line = new Line(address, authToken, (rang) => this.heard(rang), (ids) => this.keep(ids), offline);
  }

  async open(): Promise<void> {
    await this.line.open();
    if (this.desk.answer) document.body.append(this.place);
  }

  /** Rings these uids into a session, by default a fresh one. */
  ring(to: readonly string[], sessionId: string | null, type: string): Promise<Ring> {
    return this.line.ask({ do: 'ring', to, session_id: sessionId, type });
  }

  async accept(ring: Ring): Promise<void> {
    await this.line.ask({ do: 'accept', id: ring.id });
  }

  async reject(ring: Ring, isBusy: boolean): Promise<void> {
    this.hide(ring.id);
    await this.line.ask({ do: 'reject', id: ring.id, busy: isBusy });
  }

  async cancel(ring: Ring): Promise<void> {
    await this.line.ask({ do: 'cancel', id: ring.id });
  }

  close(): void {
    this.line.close();
    for (const id of [...this.dialogs.keys()]) this.hide(id);
    this.place.remove();
  }

  /** What ended while the line was down is asked about no more. */
  private keep(ids: readonly string[]): void {
    for (const id of [...this.dialogs.keys()]) if (!ids.includes(id)) this.hide(id);
  }

  private heard(rang: Rang): void {
    const { event, ring } = rang;
    const isWanted = this.desk.told(rang);
    if (event === 'incoming_ring') {
      if (isWanted) this.show(ring);
    } else if (event !== 'ring_accepted' && event !== 'ring_rejected') this.hide(ring.id);
  }

  private show(ring: Ring): void {
    const { answer } = this.desk;
    if (!answer || this.dialogs.has(ring.id)) return;
    const answered = async (comes: boolean): Promise<string> => {
      if (comes) return answer(ring);
      await this.reject(ring, false).catch(() => undefined); // it rings here no more: that is what was wanted
      return '';
    };
    this.dialogs.set(ring.id, new RingDialog(this.place, ring, answered, () => this.hide(ring.id)));
  }

  /** No dialog of this ring is shown any more. */
  hide(id: string): void {
    this.dialogs.get(id)?.close();
    this.dialogs.delete(id);
  }
}
