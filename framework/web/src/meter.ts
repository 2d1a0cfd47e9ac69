/** How loud a microphone is, drawn. */

import { el, setAttribute } from './dom';

const QUIETEST_DB = -60;
const PERIOD_MS = 50;
const FALL = 0.85;

/** A bar that follows one microphone at a time. `close` it when done: it holds an audio context while it listens. */
export class Meter {
  readonly element: HTMLElement;
  private readonly bar = el('span', { class: 'jf-meter-bar' });
  private context: AudioContext | null = null;
  private timer = 0;

  constructor() {
    const about = { role: 'meter', 'aria-label': 'Microphone level', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0 };
    this.element = el('div', { class: 'jf-meter', ...about }, this.bar);
  }

  /** Follow this track from now on, or nothing. The track stays the caller's. */
  listen(track: MediaStreamTrack | null): void {
    this.close();
    if (!track) return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 4096; // at 48 kHz longer than a period: no sound falls between two looks
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.context = context;
    let level = 0;
    this.timer = window.setInterval(() => {
      if (context.state === 'suspended') void context.resume();
      analyser.getFloatTimeDomainData(samples);
      level = Math.max(loudness(samples), level * FALL);
      this.show(level);
    }, PERIOD_MS);
  }

  close(): void {
    window.clearInterval(this.timer);
    void this.context?.close();
    this.context = null;
    this.show(0);
  }

  private show(level: number): void {
    this.bar.style.transform = `scaleX(${level.toFixed(3)})`;
    setAttribute(this.element, 'aria-valuenow', Math.round(level * 10) * 10);
  }
}

/** The loudness of a block of samples between 0 (silence) and 1 (full scale), in decibels underneath. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, 1 - db / QUIETEST_DB));
}
