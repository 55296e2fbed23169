// Keeps a list of messages where the reader's eyes are while it grows at both ends.

/** Closer to the end than this, in pixels, counts as at the end. */
const nearEnd = 48;
/** Closer to the top, or to the end of an excerpt, than this, the next messages are asked for. */
const nearTop = 600;

export class Scroller {
  private readonly view: HTMLElement;
  private readonly list: HTMLElement;
  private follow = true;

  constructor(view: HTMLElement, list: HTMLElement, onScroll: () => void) {
    this.view = view;
    this.list = list;
    view.addEventListener("scroll", () => {
      this.follow = this.measure();
      onScroll();
    }, { passive: true });
    // A grown text field or a turned phone moves the end away from a reader who was there.
    new ResizeObserver(() => {
      if (this.follow) this.toEnd();
      onScroll();
    }).observe(view);
  }

  get atEnd(): boolean {
    return this.follow;
  }

  get nearTop(): boolean {
    return this.view.scrollTop < nearTop;
  }

  get nearBottom(): boolean {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < nearTop;
  }

  /**
   * Runs a change of the list. Who was at the end stays there, if the end is to be followed; anybody else
   * keeps the same message at the same place.
   */
  keep(change: () => void, followEnd: boolean): void {
    if (!followEnd) this.follow = false;
    const anchor = this.follow ? undefined : this.firstVisible();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (this.follow) this.toEnd();
    else if (anchor?.isConnected) this.view.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  toEnd(): void {
    this.follow = true;
    this.view.scrollTop = this.view.scrollHeight;
  }

  /** Puts the item a third below the top, unless the end is so near that it is shown anyway. */
  to(item: HTMLElement): void {
    const top = item.getBoundingClientRect().top - this.view.getBoundingClientRect().top;
    this.view.scrollTop += top - this.view.clientHeight / 3;
    this.follow = this.measure();
  }

  private measure(): boolean {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < nearEnd;
  }

  /** The first message in view. Other rows may vanish with a change of the list, and cannot hold the position. */
  private firstVisible(): Element | undefined {
    const top = this.view.getBoundingClientRect().top;
    for (const item of this.list.querySelectorAll(".message")) {
      if (item.getBoundingClientRect().bottom > top) return item;
    }
    return undefined;
  }
}
