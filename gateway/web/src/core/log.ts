// The messages of one conversation that this client holds: always a run of numbers
// without a hole.

import type { Message } from "./types";

/** What came of adding a message. */
export type Added = "added" | "known" | "gap";

/** How many messages are kept waiting behind a gap; the gap's pull brings the others. */
const maxHeld = 500;

/** The server's key for "the same message": a sender's own name for it, or its place when it has no name. */
export function messageKey(m: { senderId: string; tempMessageId: string; seqId?: number }): string {
  return m.tempMessageId === "" ? `#${m.seqId}` : `${m.senderId}/${m.tempMessageId}`;
}

export class MessageLog {
  private run: Message[] = [];
  private readonly held = new Map<number, Message>();
  private readonly seqOf = new Map<string, number>();
  private top: number;
  private oldestReached = false;

  /** head is the number up to which nothing is to be asked for when going forward. */
  constructor(head: number) {
    this.top = head;
  }

  /** The held run, ascending. A repeat of a sender's message under another number is left out. */
  get messages(): Message[] {
    return this.run.filter((m) => this.seqOf.get(messageKey(m)) === m.seqId);
  }

  /** The highest number of the run, or where it will begin. */
  get head(): number {
    return this.top;
  }

  /** The lowest number of the run; head + 1 when it is empty. */
  get first(): number {
    return this.run[0]?.seqId ?? this.top + 1;
  }

  /** Whether there may be messages before first. */
  get hasOlder(): boolean {
    return !this.oldestReached && this.first > 1;
  }

  has(key: string): boolean {
    return this.seqOf.has(key);
  }

  /** Adds a message at its place; "gap" means that it waits until what is before it has come. */
  add(m: Message): Added {
    if (m.seqId <= this.top) return "known";
    if (m.seqId > this.top + 1) {
      if (this.held.size < maxHeld) this.held.set(m.seqId, m);
      return "gap";
    }
    this.append(m);
    for (let next = this.held.get(this.top + 1); next; next = this.held.get(this.top + 1)) {
      this.append(next);
    }
    for (const seq of this.held.keys()) if (seq <= this.top) this.held.delete(seq);
    return "added";
  }

  /** Puts a page of older messages before the run; what does not join it is left out. */
  prepend(page: readonly Message[], hasMore: boolean): void {
    const older: Message[] = [];
    let next = this.first - 1;
    for (const m of page.toReversed()) {
      if (m.seqId > next) continue;
      if (m.seqId < next) break;
      older.push(m);
      next--;
    }
    older.reverse();
    this.run = [...older, ...this.run];
    for (const m of older) this.index(m);
    if (!hasMore) this.oldestReached = true;
  }

  /** Forgets everything and begins anew with the newest page. */
  reset(page: readonly Message[], lastSeq: number): void {
    this.run = [];
    this.seqOf.clear();
    this.oldestReached = false;
    this.top = (page[0]?.seqId ?? lastSeq + 1) - 1;
    for (const m of page) this.add(m);
  }

  /** Forgets the oldest so that at most max stay. */
  trim(max: number): void {
    if (this.run.length <= max) return;
    for (const m of this.run.splice(0, this.run.length - max)) {
      if (this.seqOf.get(messageKey(m)) === m.seqId) this.seqOf.delete(messageKey(m));
    }
    this.oldestReached = false;
  }

  private append(m: Message): void {
    this.held.delete(m.seqId);
    this.run.push(m);
    this.top = m.seqId;
    this.index(m);
  }

  private index(m: Message): void {
    const key = messageKey(m);
    const known = this.seqOf.get(key);
    if (known === undefined || m.seqId < known) this.seqOf.set(key, m.seqId);
  }
}
