/** Tells a person from what is behind them. Loaded when it is first wanted: it brings ten megabytes of WebAssembly. */

import { loadAndCompile, loadLiteRt, Tensor, type CompiledModel } from '@litertjs/core';

declare const BACKGROUND_FILES: string;

/** Where its files are: on the server that this module came from, whoever's page it is in. */
const files = new URL(BACKGROUND_FILES, import.meta.url).href;

let runtime: Promise<unknown> | null = null;
const models = new Map<string, Promise<CompiledModel>>();

/** One of two models, by the shape of the picture that it looks at. */
const SHAPES = {
  landscape: { width: 256, height: 144 },
  square: { width: 256, height: 256 },
} as const;
type Shape = keyof typeof SHAPES;

/** How sure the model is to be where the mask begins and where it is whole. */
const [LEAST, WHOLE] = [0.35, 0.75];
/** The share of a mask that the one before it has: what trembles less is watched more easily. */
const KEPT = 0.3;

export class Segmenter {
  /** White where the person is, and transparent elsewhere. */
  readonly mask: HTMLCanvasElement;
  private readonly small: CanvasRenderingContext2D;
  private readonly painted: CanvasRenderingContext2D;
  private readonly input: Float32Array;
  private readonly sure: Float32Array;
  private readonly pixels: ImageData;

  private constructor(
    private readonly model: CompiledModel,
    private readonly shape: Shape,
  ) {
    const { width, height } = SHAPES[shape];
    this.mask = canvas(width, height);
    this.small = context(canvas(width, height));
    this.painted = context(this.mask);
    this.input = new Float32Array(width * height * 3);
    this.sure = new Float32Array(width * height);
    this.pixels = new ImageData(width, height);
    this.pixels.data.fill(255);
  }

  /** Fit for pictures of this size. Raises what stopped it from being loaded; a later call tries again. */
  static async of(width: number, height: number): Promise<Segmenter> {
    const shape = Segmenter.shape(width, height);
    return new Segmenter(await model(shape), shape);
  }

  fits(width: number, height: number): boolean {
    return Segmenter.shape(width, height) === this.shape;
  }

  private static shape(width: number, height: number): Shape {
    return height > width ? 'square' : 'landscape';
  }

  /** The mask of this picture. One at a time. */
  async look(picture: CanvasImageSource): Promise<void> {
    const { width, height } = SHAPES[this.shape];
    this.small.drawImage(picture, 0, 0, width, height);
    const { data } = this.small.getImageData(0, 0, width, height);
    for (let from = 0, to = 0; from < data.length; from += 4) {
      this.input[to++] = data[from]! / 255;
      this.input[to++] = data[from + 1]! / 255;
      this.input[to++] = data[from + 2]! / 255;
    }
    this.paint(await this.run(width, height));
  }

  private async run(width: number, height: number): Promise<ArrayLike<number>> {
    const given = new Tensor(this.input, [1, height, width, 3]);
    try {
      const answers = await this.model.run(given);
      try {
        return (answers[0]!.toTypedArray() as Float32Array).slice();
      } finally {
        for (const answer of answers) answer.delete();
      }
    } finally {
      given.delete();
    }
  }

  private paint(found: ArrayLike<number>): void {
    const { data } = this.pixels;
    for (let at = 0; at < this.sure.length; at += 1) {
      const sure = (this.sure[at] = KEPT * this.sure[at]! + (1 - KEPT) * found[at]!);
      data[4 * at + 3] = 255 * Math.min(1, Math.max(0, (sure - LEAST) / (WHOLE - LEAST)));
    }
    this.painted.putImageData(this.pixels, 0, 0);
  }
}

function model(shape: Shape): Promise<CompiledModel> {
  const known = models.get(shape);
  if (known) return known;
  const loading = load(shape);
  models.set(shape, loading);
  loading.catch(() => models.delete(shape));
  return loading;
}

async function load(shape: Shape): Promise<CompiledModel> {
  // Emscripten takes these from here; the runtime writes all that it does to the console's errors.
  if (!runtime) Object.assign(globalThis, { Module: { print: console.debug, printErr: console.debug } });
  runtime ??= loadLiteRt(`${files}litert_wasm_internal.js`);
  try {
    await runtime;
  } catch (error) {
    runtime = null;
    throw error;
  }
  return loadAndCompile(`${files}${shape}.tflite`, { accelerator: 'wasm' });
}

function canvas(width: number, height: number): HTMLCanvasElement {
  return Object.assign(document.createElement('canvas'), { width, height });
}

function context(of: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = of.getContext('2d', { willReadFrequently: true });
  if (!found) throw new Error('this browser draws on no canvas');
  return found;
}
