/** A camera's picture with what is behind the person blurred or replaced: one track in, another one out. */

import type { Segmenter } from './segmenter';

/** `level`: from 0, a little, to 1, nothing is told from anything. */
export type BackgroundWish = { readonly kind: 'blur'; readonly level: number } | { readonly kind: 'image'; readonly image: ImageBitmap };

interface Reader {
  new (options: { track: MediaStreamTrack }): { readonly readable: ReadableStream<VideoFrame> };
}
interface Writer {
  new (options: { kind: 'video' }): MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
}

/** As people are offered them. */
export const BLURS = [
  { label: 'A little blurred', level: 0.2 },
  { label: 'Blurred', level: 0.7 },
] as const;

/** The level that is offered and is nearest to this one, which a program may have chosen. */
export function nearest(level: number): number {
  return BLURS.map((blur) => blur.level).reduce((best, each) => (Math.abs(each - level) < Math.abs(best - level) ? each : best));
}

/** The widest the blurred background is drawn: it is to be seen badly. */
const BLURRED_WIDTH = 256;
/** Ten megabytes may take that long. */
const LOADING_S = 20;
const HAS_FILTERS = 'filter' in CanvasRenderingContext2D.prototype;
/** Where no frames can be had as they come: so often a second the picture is looked at. */
const LOOKS = 25;

/** Whether this browser can do it. */
export function treatsPictures(): boolean {
  return typeof WebAssembly === 'object' && typeof HTMLCanvasElement.prototype.captureStream === 'function';
}

/** A picture from this address, to stand behind people. Raises where there is none, or another site keeps it for itself. */
export async function pictureAt(address: string): Promise<ImageBitmap> {
  const picture = new Image();
  picture.crossOrigin = 'anonymous';
  picture.src = address;
  await picture.decode();
  return createImageBitmap(picture);
}

/** The camera's track stays the caller's; `track` ends with `close`. */
export class Treated {
  readonly track: MediaStreamTrack;
  private readonly out = document.createElement('canvas');
  private readonly behind = document.createElement('canvas');
  private readonly end = new AbortController();

  private constructor(
    source: MediaStreamTrack,
    /** May be another one at any time. */
    public wish: BackgroundWish,
    private segmenter: Segmenter,
    private readonly failed: (error: unknown) => void,
  ) {
    const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as unknown as { MediaStreamTrackProcessor?: Reader; MediaStreamTrackGenerator?: Writer };
    if (MediaStreamTrackProcessor && MediaStreamTrackGenerator) {
      const made = new MediaStreamTrackGenerator({ kind: 'video' });
      this.track = made;
      this.asTheyCome(new MediaStreamTrackProcessor({ track: source }).readable, made.writable);
    } else {
      const { width = 640, height = 360 } = source.getSettings();
      Object.assign(this.out, { width, height });
      pencil(this.out);
      this.track = this.out.captureStream().getVideoTracks()[0]!;
      void this.nowAndThen(source);
    }
  }

  /** Returns once pictures can be treated; not one leaves untreated. Raises where what does it does not come in time. */
  static async of(source: MediaStreamTrack, wish: BackgroundWish, failed: (error: unknown) => void): Promise<Treated> {
    const { width = 640, height = 360 } = source.getSettings();
    return new Treated(source, wish, await inTime(segmenter(width, height)), failed);
  }

  close(): void {
    this.end.abort();
    this.track.stop();
  }

  private asTheyCome(frames: ReadableStream<VideoFrame>, made: WritableStream<VideoFrame>): void {
    const treating = new TransformStream<VideoFrame, VideoFrame>({
      transform: async (frame, next) => {
        try {
          await this.draw(frame, frame.displayWidth, frame.displayHeight);
          next.enqueue(new VideoFrame(this.out, { timestamp: frame.timestamp }));
        } finally {
          frame.close();
        }
      },
    });
    const { signal } = this.end;
    frames
      .pipeThrough(treating, { signal })
      .pipeTo(made, { signal })
      .catch((error: unknown) => this.broke(error));
  }

  private async nowAndThen(source: MediaStreamTrack): Promise<void> {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, playsInline: true, srcObject: new MediaStream([source]) });
    try {
      await video.play();
      while (!this.end.signal.aborted && source.readyState === 'live') {
        if (video.videoWidth) await this.draw(video, video.videoWidth, video.videoHeight);
        await new Promise((done) => window.setTimeout(done, 1000 / LOOKS));
      }
    } catch (error) {
      this.broke(error);
    } finally {
      video.srcObject = null;
    }
  }

  private broke(error: unknown): void {
    if (!this.end.signal.aborted) this.failed(error);
  }

  private async draw(picture: CanvasImageSource, width: number, height: number): Promise<void> {
    if (!this.segmenter.fits(width, height)) {
      this.segmenter = await inTime(segmenter(width, height));
    }
    await this.segmenter.look(picture);
    const { out, wish } = this;
    if (out.width !== width || out.height !== height) Object.assign(out, { width, height });
    const pen = pencil(out);
    pen.imageSmoothingQuality = 'high';
    pen.globalCompositeOperation = 'copy';
    pen.drawImage(this.segmenter.mask, 0, 0, width, height);
    pen.globalCompositeOperation = 'source-in';
    pen.drawImage(picture, 0, 0, width, height);
    pen.globalCompositeOperation = 'destination-over';
    if (wish.kind === 'blur') pen.drawImage(this.blurred(picture, width, height, wish.level), 0, 0, width, height);
    else cover(pen, wish.image, width, height);
  }

  private blurred(picture: CanvasImageSource, width: number, height: number, level: number): HTMLCanvasElement {
    const { behind } = this;
    const [across, down] = [BLURRED_WIDTH, Math.round((BLURRED_WIDTH * height) / width)];
    if (behind.width !== across || behind.height !== down) Object.assign(behind, { width: across, height: down });
    const pen = pencil(behind);
    const radius = 2 + 12 * level;
    if (HAS_FILTERS) {
      pen.filter = `blur(${radius}px)`; // its edges are the transparent ones of the canvas, and lie outside
      pen.drawImage(picture, -2 * radius, -2 * radius, across + 4 * radius, down + 4 * radius);
      pen.filter = 'none';
      return behind;
    }
    const [few, fewer] = [Math.max(2, Math.round(across / (2 * radius))), Math.max(2, Math.round(down / (2 * radius)))];
    pen.drawImage(picture, 0, 0, few, fewer);
    pen.drawImage(behind, 0, 0, few, fewer, 0, 0, across, down);
    return behind;
  }
}

async function segmenter(width: number, height: number): Promise<Segmenter> {
  const { Segmenter } = await import('./segmenter');
  return Segmenter.of(width, height);
}

async function inTime<T>(job: Promise<T>): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new Error(`what tells people from what is behind them did not come within ${LOADING_S} s`)), 1000 * LOADING_S);
  });
  try {
    return await Promise.race([job, late]);
  } finally {
    window.clearTimeout(timer);
  }
}

/** As much of the picture as fills the whole, from its middle. */
function cover(pen: CanvasRenderingContext2D, picture: ImageBitmap, width: number, height: number): void {
  const scale = Math.max(width / picture.width, height / picture.height);
  const [across, down] = [picture.width * scale, picture.height * scale];
  pen.drawImage(picture, (width - across) / 2, (height - down) / 2, across, down);
}

function pencil(of: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = of.getContext('2d');
  if (!found) throw new Error('this browser draws on no canvas');
  return found;
}
