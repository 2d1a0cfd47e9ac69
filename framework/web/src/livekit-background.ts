/** What is behind the person, in the camera that livekit-client sends. */

import { RoomEvent, Track, type LocalTrack, type Room, type TrackProcessor, type VideoProcessorOptions } from 'livekit-client';
import { pictureAt, Treated, type BackgroundWish } from './background';
import { Problem, type Background } from './values';

class Processor implements TrackProcessor<Track.Kind.Video, VideoProcessorOptions> {
  readonly name = 'another-background';
  processedTrack?: MediaStreamTrack;
  private treated: Treated | null = null;

  /** Without a wish the camera is sent as it is. */
  constructor(
    private wish: BackgroundWish | null,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Whether that is enough: what is sent now has another background already, or nothing is sent. */
  become(wish: BackgroundWish | null, isOff: boolean): boolean {
    if (!isOff && (!wish || !this.treated)) return false;
    this.wish = wish;
    if (this.treated && wish) this.treated.wish = wish;
    return true;
  }

  async init({ track }: { readonly track: MediaStreamTrack }): Promise<void> {
    if (!this.wish || track.readyState === 'ended') return; // a camera that is off is treated once it is opened again
    this.treated = await Treated.of(track, this.wish, this.failed);
    this.processedTrack = this.treated.track;
  }

  async restart(options: { readonly track: MediaStreamTrack }): Promise<void> {
    await this.destroy();
    await this.init(options);
  }

  destroy(): Promise<void> {
    this.treated?.close();
    this.treated = null;
    delete this.processedTrack;
    return Promise.resolve();
  }
}

export class LiveKitBackground implements Background {
  private wish: BackgroundWish | null = null;
  /** The one that a choice is at, and does not hold yet. */
  private next: BackgroundWish | null = null;
  /** One change at a time: a later one may not be undone by an earlier one that took longer. */
  private turn: Promise<void> = Promise.resolve();

  /** `failed`: it cannot be treated any more, and nothing of it is sent. */
  constructor(
    private readonly room: Room,
    wish: BackgroundWish | undefined,
    private readonly changed: () => void,
    private readonly failed: (text: string) => void,
  ) {
    this.wish = this.next = wish ?? null;
    room.on(RoomEvent.LocalTrackPublished, ({ source, track }) => source === Track.Source.Camera && track && void this.treat(track).catch(() => this.broke()));
  }

  get current(): BackgroundWish | { readonly kind: 'none' } {
    return this.wish ?? { kind: 'none' };
  }

  /** For a camera that is about to be opened: not one picture of it is sent as it is. */
  get options(): { readonly processor?: Processor } {
    return this.wish ? { processor: this.processor(this.wish) } : {};
  }

  async blur(level: number): Promise<void> {
    if (!(level >= 0 && level <= 1)) throw new Problem('VALIDATION_ERROR', `The background is blurred from 0 to 1; this is ${level}.`);
    await this.become({ kind: 'blur', level });
  }

  async image(address: string): Promise<void> {
    await this.become(async () => {
      try {
        return { kind: 'image', image: await pictureAt(address) };
      } catch {
        throw new Problem('VALIDATION_ERROR', 'That is no picture that this page may use.');
      }
    });
  }

  async clear(): Promise<void> {
    await this.become(null);
  }

  /** Before it is sent, or as it is sent. */
  async treat(track: LocalTrack): Promise<void> {
    const { next } = this;
    const set = track.getProcessor();
    const isOff = track.isMuted || track.mediaStreamTrack.readyState === 'ended';
    if (set instanceof Processor && set.become(next, isOff)) return;
    if (next) await track.setProcessor(this.processor(next));
    else if (set instanceof Processor) await track.stopProcessor();
  }

  /** A camera that is turned on or off, or another one, waits for a choice that is under way, and the choice for it. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.turn.then(act);
    this.turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  private become(wish: BackgroundWish | null | (() => Promise<BackgroundWish>)): Promise<void> {
    return this.inTurn(async () => {
      this.next = typeof wish === 'function' ? await wish() : wish;
      const track = this.room.localParticipant.getTrackPublication(Track.Source.Camera)?.track;
      try {
        if (track) await this.treat(track as LocalTrack);
        this.wish = this.next;
      } catch (error) {
        this.next = this.wish;
        throw new Problem('ERROR_INTERNAL', `The background could not be changed: ${why(error)}.`);
      } finally {
        this.changed();
      }
    });
  }

  private processor(wish: BackgroundWish): Processor {
    return new Processor(wish, () => this.broke());
  }

  /** Whoever wanted to hide what is behind them is not shown with it. */
  private broke(): void {
    void this.room.localParticipant.setCameraEnabled(false);
    this.failed('Your background cannot be changed any more, so your camera was turned off.');
  }
}

function why(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.+$/, '') : 'unknown reason';
}
