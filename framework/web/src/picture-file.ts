/** A picture of the person's own, to be behind them. */

import { pickFile } from './dom';
import type { Background } from './values';

/** Asks for a picture; `act` carries the choice out, and says what went wrong. The file's address holds no longer than that takes. */
export function pickPicture(background: Background, act: (change: () => Promise<void>) => void): void {
  pickFile('image/*', (file) =>
    act(async () => {
      const address = URL.createObjectURL(file);
      try {
        await background.image(address); // afterwards it is a bitmap
      } finally {
        URL.revokeObjectURL(address);
      }
    }),
  );
}
