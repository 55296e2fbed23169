// The messages of one conversation that this client holds: always a run of numbers
// without a hole. A message is changed by a later one; both may come in any order.

import { Marks, targetOf } from "./changes";
import type { Excerpt } from "./excerpt";
import type { Message } from "./types";

/** What came of adding a message. */
export type Added = "added" | "known" | "gap";

/** How many messages are kept waiting behind a gap; the gap's pull brings the others. */
const maxHeld = 500;
/** How many single messages are kept that others quote. */
const maxAside = 200;

/** The server's key for "the same message": a sender's own name for it, or its place when it has no name. */
export function messageKey(m: { senderId: string; tempMessageId: string; seqId?: number }): string {
  return m.tempMessageId === "" ? `#${m.seqId}` : `${m.senderId}/${m.tempMessageId}`;
}

export class MessageLog {
  private run: Message[] = [];
  private readonly held = new Map<number, Message>();
  private readonly seqOf = new Map<string, number>();
  private readonly aside = new Map<number, Message>();
  private readonly marks = new Marks();
  private top: number;
  private oldestReached = false;
  /** What is looked at in place of the run, when that is far back. */
  private far: Excerpt | undefined;
  /** Told when a message was recalled; without a number when any may have been. */
  onRecall: (seqId: number | undefined) => void = () => {};

  /** head is the number after which the run begins; messages up to head come by older pages only. */
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

  get excerpt(): Excerpt | undefined {
    return this.far;
  }

  /** The message of that number, wherever it is held. */
  at(seqId: number): Message | undefined {
    const far = this.far;
    return this.run[seqId - this.first] ?? this.aside.get(seqId) ?? far?.messages[seqId - far.first] ?? this.held.get(seqId);
  }

  /** What a message that was read elsewhere has become since. */
  current(m: Message): Message {
    return this.marks.apply(m);
  }

  /** Keeps a message that is quoted. */
  keep(m: Message): void {
    this.aside.delete(m.seqId);
    this.aside.set(m.seqId, this.marks.apply(m));
    for (const seqId of this.aside.keys()) {
      if (this.aside.size <= maxAside) break;
      this.aside.delete(seqId);
    }
  }

  /** Shows an excerpt, or the run again. Where both meet, they become one. */
  show(excerpt: Excerpt | undefined): void {
    excerpt?.update((m) => this.marks.apply(m));
    this.far = excerpt;
    if (!excerpt || excerpt.last < this.first - 1) return;
    this.far = undefined;
    this.prepend(excerpt.messages, excerpt.hasOlder);
  }

  /** Adds a message at its place; "gap" means that it waits until what is before it has come. */
  add(m: Message): Added {
    if (m.seqId <= this.top) return "known";
    this.note(m);
    if (m.seqId > this.top + 1) {
      if (this.held.size < maxHeld) this.held.set(m.seqId, this.marks.apply(m));
      return "gap";
    }
    this.append(this.marks.apply(m));
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
    for (const m of older) this.note(m);
    this.run = [...older.map((m) => this.marks.apply(m)), ...this.run];
    for (const m of older) this.index(m);
    if (!hasMore) this.oldestReached = true;
  }

  /** Forgets everything and begins anew with the newest page. */
  reset(page: readonly Message[], lastSeq: number): void {
    this.run = [];
    this.seqOf.clear();
    this.oldestReached = false;
    // What was changed in between is not known.
    this.far = undefined;
    this.aside.clear();
    this.onRecall(undefined);
    this.marks.forgetBefore(page[0]?.seqId ?? lastSeq + 1);
    this.top = (page[0]?.seqId ?? lastSeq + 1) - 1;
    for (const m of page) this.add(m);
  }

  /** As reset, when the numbers are given anew: forgets also what waits behind a gap, and every change. */
  restart(page: readonly Message[], lastSeq: number): void {
    this.held.clear();
    this.marks.clear();
    this.reset(page, lastSeq);
  }

  /** Forgets the oldest so that at most max stay. */
  trim(max: number): void {
    if (this.run.length <= max) return;
    for (const m of this.run.splice(0, this.run.length - max)) {
      if (this.seqOf.get(messageKey(m)) === m.seqId) this.seqOf.delete(messageKey(m));
    }
    this.oldestReached = false;
    this.marks.forgetBefore(this.first);
  }

  /** Takes down what m changes, and changes it. */
  private note(m: Message): void {
    const target = this.marks.note(m);
    if (target === undefined) return;
    const recall = this.marks.isRecalled(target);
    // The text of a recalled message is in its edits, too.
    const touched = (x: Message) => x.seqId === target || (recall && targetOf(x) === target);
    const update = (x: Message) => (touched(x) ? this.marks.apply(x) : x);
    if (recall) this.run = this.run.map(update);
    else this.replace(target, update);
    for (const held of [this.held, this.aside]) {
      for (const x of held.values()) if (touched(x)) held.set(x.seqId, this.marks.apply(x));
    }
    this.far?.update(update);
    if (recall) this.onRecall(target);
  }

  private replace(seqId: number, change: (m: Message) => Message): void {
    const m = this.run[seqId - this.first];
    if (m) this.run[seqId - this.first] = change(m);
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
