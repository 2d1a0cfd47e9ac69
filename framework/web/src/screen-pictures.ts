/** Encoded pictures from a local WebSocket, decoded by the browser (WebCodecs) into something that a video element plays. */

import type { Picture } from './values';

const HEAD = 16;
const CODECS: Readonly<Record<number, string>> = { 1: 'vp8', 2: 'avc1.640034', 3: 'vp09.00.50.08', 4: 'av01.0.12M.08', 5: 'hev1.1.6.L153.B0' };
const NAMES: Readonly<Record<number, string>> = { 1: 'VP8', 2: 'H.264', 3: 'VP9', 4: 'AV1', 5: 'H.265' };
/** Pictures that wait to be decoded: beyond this the browser does not keep up, and goes on at the next keyframe. */
const BEHIND = 12;

/** Where decoded pictures go: a stream for video elements. */
interface Sink {
  readonly stream: MediaStream;
  show(frame: VideoFrame): void;
  close(): void;
}

declare const MediaStreamTrackGenerator: undefined | (new (about: { kind: 'video' }) => MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> });

/** The way that costs least where the browser has it, else a canvas. */
function makeSink(): Sink {
  if (typeof MediaStreamTrackGenerator !== 'undefined') {
    const track = new MediaStreamTrackGenerator({ kind: 'video' });
    const writer = track.writable.getWriter();
    const stream = new MediaStream([track]);
    return { stream, show: (frame) => void writer.write(frame).catch(() => frame.close()), close: () => track.stop() };
  }
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d');
  const show = (frame: VideoFrame): void => {
    if (canvas.width !== frame.displayWidth) canvas.width = frame.displayWidth;
    if (canvas.height !== frame.displayHeight) canvas.height = frame.displayHeight;
    pen?.drawImage(frame, 0, 0);
    frame.close();
  };
  const stream = canvas.captureStream();
  return { stream, show, close: () => stream.getTracks().forEach((track) => track.stop()) };
}

/** One picture that the Python session receives or sends. It is asked for while it is attached to an element. */
export class ScreenPicture implements Picture {
  private readonly elements = new Set<HTMLVideoElement>();
  private sink: Sink | null = null;
  private decoder: VideoDecoder | null = null;
  private codec = 0;
  private waits = true;
  /** This browser has no decoder for what comes: nothing is asked for. */
  isUnreadable = false;

  constructor(
    readonly id: string,
    readonly source: Picture['source'],
    readonly name: string,
    readonly isMirrored: boolean,
    private readonly changed: () => void,
    private readonly broken: () => void,
    private readonly unreadable: (codec: string) => void,
  ) {}

  get isWanted(): boolean {
    return this.elements.size > 0 && !this.isUnreadable;
  }

  attach(video: HTMLVideoElement): void {
    this.sink ??= makeSink();
    this.elements.add(video);
    video.srcObject = this.sink.stream;
    void video.play().catch(() => undefined);
    this.changed();
  }

  detach(video: HTMLVideoElement): void {
    this.elements.delete(video);
    video.srcObject = null;
    if (!this.isWanted) this.close();
    this.changed();
  }

  /** A picture as it crossed the socket. */
  take(data: ArrayBuffer): void {
    if (this.isUnreadable) return;
    const head = new DataView(data);
    const isKeyframe = (head.getUint8(1) & 1) === 1;
    const codec = head.getUint8(2);
    if (codec !== this.codec || !this.decoder) {
      this.open(codec);
      this.waits = true;
    }
    if (this.decoder && this.decoder.decodeQueueSize > BEHIND) this.waits = true;
    if (!this.decoder || (this.waits && !isKeyframe)) return this.ask();
    this.waits = false;
    const timestamp = Number(head.getBigUint64(8));
    try {
      this.decoder.decode(new EncodedVideoChunk({ type: isKeyframe ? 'key' : 'delta', timestamp, data: new Uint8Array(data, HEAD) }));
    } catch {
      this.fail();
    }
  }

  close(): void {
    if (this.decoder?.state !== 'closed') this.decoder?.close();
    this.decoder = null;
    this.sink?.close();
    this.sink = null;
  }

  private open(codec: number): void {
    if (this.decoder?.state !== 'closed') this.decoder?.close();
    this.codec = codec;
    const name = CODECS[codec];
    if (!name) return this.refuse(codec);
    const config = { codec: name, optimizeForLatency: true };
    void VideoDecoder.isConfigSupported(config).then(({ supported }) => {
      if (supported === false && this.codec === codec) this.refuse(codec);
    });
    this.decoder = new VideoDecoder({ output: (frame) => (this.sink ? this.sink.show(frame) : frame.close()), error: () => this.fail() });
    this.decoder.configure(config);
  }

  private refuse(codec: number): void {
    this.isUnreadable = true;
    this.close();
    this.unreadable(NAMES[codec] ?? `codec ${codec}`);
  }

  private fail(): void {
    if (this.isUnreadable) return;
    this.decoder = null;
    this.waits = true;
    this.ask();
  }

  private askedAt = -Infinity;

  private ask(): void {
    if (performance.now() - this.askedAt < 500) return;
    this.askedAt = performance.now();
    this.broken();
  }
}
