/** How tiles fill a space. */

export interface Cells {
  readonly columns: number;
  readonly width: number;
  readonly height: number;
}

const WIDEST = 16 / 9;
const TALLEST = { onWide: 4 / 3, onTall: 3 / 4 } as const;
const SMALLEST_PX = 150;

/**
 * The columns and the size in pixels at which `count` tiles cover most of a space of `width` × `height`.
 *
 * A tile's shape stays between 16:9 and 4:3, or 3:4 in a space that is taller than wide. Where tiles would become too small to see, they overflow downwards instead.
 */
export function fit(count: number, width: number, height: number, gap: number): Cells {
  let best: Cells = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const cells = cellsOf(columns, Math.ceil(count / columns), width, height, gap);
    if (cells.width * cells.height > best.width * best.height) best = cells;
  }
  return best.width >= Math.min(SMALLEST_PX, width) ? best : overflowing(width, gap);
}

function cellsOf(columns: number, rows: number, width: number, height: number, gap: number): Cells {
  const cellWidth = (width - gap * (columns - 1)) / columns;
  const cellHeight = (height - gap * (rows - 1)) / rows;
  if (cellWidth <= 0 || cellHeight <= 0) return { columns, width: 0, height: 0 };
  const tallest = width > height ? TALLEST.onWide : TALLEST.onTall;
  const shape = Math.min(WIDEST, Math.max(tallest, cellWidth / cellHeight));
  const fitted = Math.min(cellWidth, cellHeight * shape);
  return { columns, width: Math.floor(fitted), height: Math.floor(fitted / shape) };
}

function overflowing(width: number, gap: number): Cells {
  const columns = Math.max(1, Math.floor((width + gap) / (SMALLEST_PX + gap)));
  const cell = Math.max(0, Math.floor((width - gap * (columns - 1)) / columns));
  return { columns, width: cell, height: Math.floor(cell / WIDEST) };
}
