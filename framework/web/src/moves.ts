/** Elements that change their places glide there; not for who asked their system for less motion. */

const LASTS_MS = 220;
const MOST = 30;

export class Moves {
  private readonly isStill = window.matchMedia('(prefers-reduced-motion: reduce)');

  /** Runs `change`, and moves each element that is in the page before and after it from where it was. */
  during(elements: readonly HTMLElement[], change: () => void): void {
    const there = elements.filter((element) => element.isConnected && element.clientWidth > 0);
    if (this.isStill.matches || there.length > MOST) return change();
    const before = there.map((element) => element.getBoundingClientRect());
    change();
    there.forEach((element, index) => {
      const [from, to] = [before[index], element.getBoundingClientRect()];
      if (!from || !element.isConnected || to.width === 0) return;
      const [x, y] = [from.left - to.left, from.top - to.top];
      const [wide, high] = [from.width / to.width, from.height / to.height];
      if (Math.abs(x) + Math.abs(y) < 2 && Math.abs(wide - 1) + Math.abs(high - 1) < 0.02) return;
      const start = { transformOrigin: 'top left', transform: `translate(${x}px, ${y}px) scale(${wide}, ${high})` };
      element.animate([start, { transformOrigin: 'top left', transform: 'none' }], { duration: LASTS_MS, easing: 'cubic-bezier(0.2, 0, 0, 1)' });
    });
  }
}
