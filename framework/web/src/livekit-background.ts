/** What is behind the person, in the camera that livekit-client sends. */

import { RoomEvent, Track, type LocalTrack, type Room, type TrackProcessor, type VideoProcessorOptions } from 'livekit-client';
import { pictureAt, Treated, type BackgroundWish } from './background';
import { Problem, type Background } from './values';

class Processor implements TrackProcessor<Track.Kind.Video, VideoProcessorOptions> {
  readonly name = 'jackfield-background';
  processedTrack?: MediaStreamTrack;
  private treated: Treated | null = null;

  constructor(
    private wish: BackgroundWish,
    private readonly failed: (error: unknown) => void,
  ) {}

  become(wish: BackgroundWish): void {
    this.wish = wish;
    if (this.treated) this.treated.wish = wish;
  }

  async init({ track }: { readonly track: MediaStreamTrack }): Promise<void> {
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
    return Promise.resolve();
  }
}

export class LiveKitBackground implements Background {
  private wish: BackgroundWish | null = null;
  /** One change at a time: a later one may not be undone by an earlier one that took longer. */
  private turn: Promise<void> = Promise.resolve();

  /** `failed`: it cannot be treated any more, and nothing of it is sent. */
  constructor(
    private readonly room: Room,
    wish: BackgroundWish | undefined,
    private readonly changed: () => void,
    private readonly failed: (text: string) => void,
  ) {
    this.wish = wish ?? null;
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
    let image: ImageBitmap;
    try {
      image = await pictureAt(address);
    } catch {
      throw new Problem('VALIDATION_ERROR', 'That is no picture that this page may use.');
    }
    await this.become({ kind: 'image', image });
  }

  async clear(): Promise<void> {
    await this.become(null);
  }

  /** Before it is sent, or as it is sent. */
  async treat(track: LocalTrack): Promise<void> {
    const set = track.getProcessor();
    if (!this.wish) {
      if (set instanceof Processor) await track.stopProcessor();
    } else if (set instanceof Processor) set.become(this.wish);
    else await track.setProcessor(this.processor(this.wish));
  }

  private become(wish: BackgroundWish | null): Promise<void> {
    const change = this.turn.then(async () => {
      const before = this.wish;
      this.wish = wish;
      const track = this.room.localParticipant.getTrackPublication(Track.Source.Camera)?.track;
      try {
        if (track) await this.treat(track as LocalTrack);
      } catch (error) {
        this.wish = before;
        throw new Problem('ERROR_INTERNAL', `The background could not be changed: ${error instanceof Error ? error.message : 'unknown reason'}.`);
      } finally {
        this.changed();
      }
    });
    this.turn = change.catch(() => undefined);
    return change;
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
