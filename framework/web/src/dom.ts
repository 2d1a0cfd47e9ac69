/** Elements from code: no markup is parsed and nothing is inline, so the strictest content policy holds. */

type Handler = (event: never) => void;
type Attributes = Readonly<Record<string, string | number | boolean | null | undefined | Handler>>;
export type Child = Node | string | null | undefined | false;

/** A new element. A function is listened with (`onclick`), `true` is an empty attribute, null and false are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value as EventListener);
    else setAttribute(element, name, value);
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** The attribute now has this value; null, undefined and false take it away. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | null | undefined): void {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? '' : value)) element.setAttribute(name, value === true ? '' : String(value));
}

/** The element now shows this text; nothing is touched where it already did, so that screen readers stay quiet. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The element now shows this name, whose direction is its own affair, and what follows it. */
export function setName(element: Element, name: string, after = ''): void {
  if (element.textContent !== name + after) element.replaceChildren(el('bdi', {}, name), after);
}

let count = 0;

/** An id that nothing else on the page has, to tie labels to fields. */
export function freshId(stem: string): string {
  count += 1;
  return `jf-${stem}-${count}`;
}

/** Asks the person for a file of theirs; nothing happens where they choose none. */
export function pickFile(accept: string, chosen: (file: File) => void): void {
  const field = el('input', { type: 'file', accept });
  field.addEventListener('change', () => field.files?.[0] && chosen(field.files[0]));
  field.click();
}
