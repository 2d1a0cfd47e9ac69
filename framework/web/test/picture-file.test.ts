import { afterEach, expect, test, vi } from 'vitest';
import { pickPicture } from '../src/picture-file';
import type { Background } from '../src/values';

vi.mock('../src/dom', () => ({ pickFile: (_accept: string, chosen: (file: File) => void) => chosen(new File(['x'], 'beach.png')) }));
afterEach(() => vi.restoreAllMocks());

test.each([true, false])('a picture has an address until it is taken, or refused (%s)', async (isTaken) => {
  const revoked = vi.spyOn(URL, 'revokeObjectURL');
  const seen: string[] = [];
  const image = async (address: string): Promise<void> => {
    await Promise.resolve();
    seen.push(address);
    expect(revoked).not.toHaveBeenCalled();
    if (!isTaken) throw new Error('no picture');
  };
  let change = (): Promise<void> => Promise.resolve();
  pickPicture({ image } as unknown as Background, (given) => (change = given));
  await (isTaken ? change() : expect(change()).rejects.toThrow('no picture'));
  expect(seen).toHaveLength(1);
  expect(revoked.mock.calls).toEqual([seen]);
});
