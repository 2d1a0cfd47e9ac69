/** A picture on its way to the program whose page this is. */

import { pictureAt } from './background';
import { Problem } from './values';

/** No camera's picture has a longer side, as a rule; and what one message takes, in octets. */
const LONGEST = 1920;
const MOST = 700_000;

/** The picture at this address as a JPEG that fits one message, in base64. */
export async function octetsOf(address: string): Promise<string> {
  const picture = await pictureAt(address).catch(() => {
    throw new Problem('VALIDATION_ERROR', 'That is no picture that this page may use.');
  });
  try {
    for (const [longest, quality] of [[LONGEST, 0.9], [LONGEST, 0.6], [LONGEST / 2, 0.6]] as const) {
      const file = await drawn(picture, longest, quality);
      if (file.size <= MOST) return inBase64(file);
    }
  } finally {
    picture.close();
  }
  throw new Problem('VALIDATION_ERROR', 'That picture is too large to be sent to the program: choose a smaller one.');
}

function drawn(picture: ImageBitmap, longest: number, quality: number): Promise<Blob> {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number];
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')?.drawImage(picture, 0, 0, width, height);
  return canvas.convertToBlob({ type: 'image/jpeg', quality });
}

async function inBase64(file: Blob): Promise<string> {
  const octets = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let at = 0; at < octets.length; at += 8192) text += String.fromCharCode(...octets.subarray(at, at + 8192));
  return btoa(text);
}
