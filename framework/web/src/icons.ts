/** The icons, as line drawings on a 24 × 24 grid; they take the colour of the text around them. */

const SHAPES = {
  mic: ['M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z', 'M5.5 11a6.5 6.5 0 0 0 13 0', 'M12 17.5V21'],
  micOff: [
    'M9 9.5V11a3 3 0 0 0 4.5 2.6',
    'M15 11V6a3 3 0 0 0-5.7-1.3',
    'M5.5 11a6.5 6.5 0 0 0 10.3 5.3M18.5 11c0 1-.2 1.9-.6 2.7',
    'M12 17.5V21',
    'M4 3.5l16 17',
  ],
  camera: ['M5 6.5h8a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2Z', 'M15 10.7l6-3.2v9l-6-3.2'],
  cameraOff: [
    'M10 6.5h3a2 2 0 0 1 2 2v3M15 13.3l6 3.2v-9l-6 3.2',
    'M14.8 16.3a2 2 0 0 1-1.8 1.2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 1.7-2',
    'M4 3.5l16 17',
  ],
  speaker: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Z', 'M15.5 9a4 4 0 0 1 0 6', 'M18 6.5a8 8 0 0 1 0 11'],
  leave: ['M3.2 14.2c-.6-4.9 4.3-6.7 8.8-6.7s9.4 1.8 8.8 6.7c-.1.7-.7 1.1-1.4 1l-3-.6a1.3 1.3 0 0 1-1-1.3v-1.6a11 11 0 0 0-6.8 0v1.6c0 .6-.4 1.2-1 1.3l-3 .6c-.7.1-1.3-.3-1.4-1Z'],
  link: ['M10 13.5a4 4 0 0 0 5.7.3l3-3a4 4 0 0 0-5.7-5.7l-1.2 1.2', 'M14 10.5a4 4 0 0 0-5.7-.3l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2'],
  expand: ['M4 9V4h5', 'M20 9V4h-5', 'M4 15v5h5', 'M20 15v5h-5'],
  shrink: ['M9 4v5H4', 'M15 4v5h5', 'M9 20v-5H4', 'M15 20v-5h5'],
  chevron: ['M7 14.5l5-5 5 5'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  people: ['M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z', 'M2.5 19.5a6.5 6.5 0 0 1 13 0', 'M15.5 5a3.5 3.5 0 0 1 0 6.3', 'M18 14.2a6.5 6.5 0 0 1 3.5 5.3'],
  warning: ['M12 4 2.8 19.5h18.4L12 4Z', 'M12 10v4.5', 'M12 17v.1'],
  network: ['M5 19v-3', 'M10 19v-6', 'M15 19V9', 'M20 19V5'],
  close: ['M6 6l12 12', 'M18 6 6 18'],
  hand: ['M8 12.5V6a1.5 1.5 0 0 1 3 0v5', 'M11 11V4.5a1.5 1.5 0 0 1 3 0V11', 'M14 11V6a1.5 1.5 0 0 1 3 0v7.5', 'M8 12.5l-1.6-2a1.5 1.5 0 0 0-2.4 1.8l3.4 5.2A7 7 0 0 0 13.2 21 5.8 5.8 0 0 0 20 15.2V9.5a1.5 1.5 0 0 0-3 0'],
  chat: ['M4 5.5h16a1 1 0 0 1 1 1V16a1 1 0 0 1-1 1H10l-4.5 3.5V17H4a1 1 0 0 1-1-1V6.5a1 1 0 0 1 1-1Z', 'M7.5 9.5h9', 'M7.5 13h6'],
  screen: ['M3.5 5h17a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-17a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z', 'M8.5 20.5h7', 'M12 14V8.5', 'M9.5 11 12 8.5l2.5 2.5'],
  screenOff: ['M3.5 5h17a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-17a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z', 'M8.5 20.5h7', 'M9.5 8.5l5 5', 'M14.5 8.5l-5 5'],
  record: ['M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16Z', 'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z'],
  captions: ['M4 5.5h16a1.5 1.5 0 0 1 1.5 1.5v10a1.5 1.5 0 0 1-1.5 1.5H4A1.5 1.5 0 0 1 2.5 17V7A1.5 1.5 0 0 1 4 5.5Z', 'M10.5 10.4a2.3 2.3 0 1 0 0 3.2', 'M17.5 10.4a2.3 2.3 0 1 0 0 3.2'],
  layout: ['M4 4.5h7v7H4Z', 'M13.5 4.5H20v7h-6.5Z', 'M4 14h7v5.5H4Z', 'M13.5 14H20v5.5h-6.5Z'],
  pin: ['M9 4h6l-1 5.5 3 3.5H7l3-3.5L9 4Z', 'M12 13v7'],
  more: ['M5.5 12v.1', 'M12 12v.1', 'M18.5 12v.1'],
  shield: ['M12 3.5l7 2.5v5.5c0 4.6-3 7.6-7 9-4-1.4-7-4.4-7-9V6l7-2.5Z', 'M9 12l2.2 2.2L15.2 10'],
  settings: ['M4 7h9', 'M17 7h3', 'M15 5v4', 'M4 12h3', 'M11 12h9', 'M9 10v4', 'M4 17h9', 'M17 17h3', 'M15 15v4'],
  send: ['M4 12 20 4.5 15.5 20l-4-6.5L4 12Z', 'M11.5 13.5 20 4.5'],
  left: ['M14.5 5.5 8 12l6.5 6.5'],
  right: ['M9.5 5.5 16 12l-6.5 6.5'],
  flip: ['M4 9.5a8 8 0 0 1 14-2.5', 'M18.5 3v4.5H14', 'M20 14.5a8 8 0 0 1-14 2.5', 'M5.5 21v-4.5H10'],
} as const;

export type IconName = keyof typeof SHAPES;

const SVG = 'http://www.w3.org/2000/svg';

/** A drawing for eyes only: what it means is said by the label of what holds it. */
export function icon(name: IconName): SVGSVGElement {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('viewBox', '0 0 24 24');
  drawing.setAttribute('class', 'jf-icon');
  drawing.setAttribute('aria-hidden', 'true');
  for (const shape of SHAPES[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', shape);
    drawing.append(path);
  }
  return drawing;
}

/** The mark: a field of sockets, two of them patched. */
export function mark(): SVGSVGElement {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('viewBox', '0 0 32 32');
  drawing.setAttribute('class', 'jf-mark');
  drawing.setAttribute('aria-hidden', 'true');
  const shapes: readonly (readonly [string, string])[] = [
    ['jf-mark-plate', 'M8 0h16a8 8 0 0 1 8 8v16a8 8 0 0 1-8 8H8a8 8 0 0 1-8-8V8a8 8 0 0 1 8-8Z'],
    ...['M5 9.5a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z', 'M19 9.5a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z', 'M5 22.5a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z', 'M19 22.5a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z'].map(
      (socket) => ['jf-mark-socket', socket] as const,
    ),
    ['jf-mark-cord', 'M9 9.5c9 0 5 13 14 13'],
  ];
  for (const [kind, shape] of shapes) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', kind);
    path.setAttribute('d', shape);
    drawing.append(path);
  }
  return drawing;
}
