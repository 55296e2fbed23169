// A run of older messages apart from the newest ones: what is around a message that was jumped to.

import type { Message } from "./types";

export class Excerpt {
  private run: Message[];
  private older: boolean;

  /** page is ascending and without a hole; hasOlder says whether there is something before it. */
  constructor(page: readonly Message[], hasOlder: boolean) {
    this.run = [...page];
    this.older = hasOlder;
  }

  get messages(): readonly Message[] {
    return this.run;
  }

  /** The lowest number held; 0 when there is none. */
  get first(): number {
    return this.run[0]?.seqId ?? 0;
  }

  /** The highest number held; 0 when there is none. */
  get last(): number {
    return this.run.at(-1)?.seqId ?? 0;
  }

  get hasOlder(): boolean {
    return this.older && this.first > 1;
  }

  /** Puts a page before the run; what does not join it is left out. */
  prepend(page: readonly Message[], hasMore: boolean): void {
    for (const m of page.toReversed()) if (m.seqId === this.first - 1) this.run.unshift(m);
    if (!hasMore) this.older = false;
  }

  /** Puts a page behind the run; what does not join it is left out. */
  append(page: readonly Message[]): void {
    for (const m of page) if (m.seqId === this.last + 1) this.run.push(m);
  }

  /** Changes every message to what change makes of it. */
  update(change: (m: Message) => Message): void {
    this.run = this.run.map(change);
  }
}
