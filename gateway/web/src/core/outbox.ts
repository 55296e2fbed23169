// What this user has sent and the server has not stored yet: messages, and changes of messages, which
// are messages too. It outlives a reload: each entry is
// an item of its own in localStorage, so that two tabs do not overwrite each other's.

import type { ChangeKind, SendExtras } from "./types";

export type OutboxState = "queued" | "sending" | "accepted" | "stored" | "failed";

/** Which message an entry changes, and how; the new text is the entry's content. */
export interface OutboxChange {
  seqId: number;
  change: ChangeKind;
  reaction?: string;
}

export interface OutboxDraft extends SendExtras {
  tempMessageId: string;
  conversationId: string;
  content: string;
  messageType: string;
  change?: OutboxChange;
}

export interface OutboxEntry extends OutboxDraft {
  createdAt: number;
  state: OutboxState;
  /** Whether it may have reached the server, so that its outcome is to be asked for first. */
  sent: boolean;
  /** How often it was given to a socket. */
  attempts: number;
  /** When it was last given to a socket, or queued. */
  since: number;
  /** Where it was stored, once that is known. */
  seqId?: number;
  /** Why it failed, for people. */
  reason?: string;
}

export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const states: readonly string[] = ["queued", "sending", "accepted", "stored", "failed"];

const kinds: readonly string[] = ["recall", "edit", "react", "unreact"];

function valid(e: Partial<OutboxEntry>): e is OutboxEntry {
  const texts = [e.tempMessageId, e.conversationId, e.content, e.messageType];
  const change = e.change === undefined || (typeof e.change?.seqId === "number" && kinds.includes(e.change.change));
  return change && texts.every((t) => typeof t === "string") && typeof e.createdAt === "number" && states.includes(e.state ?? "");
}

export class Outbox {
  private readonly entries = new Map<string, OutboxEntry>();
  private readonly storage: Store;
  private readonly prefix: string;
  private readonly onLost: () => void;

  /** onLost is told when the browser's storage refuses an entry, which then lives in memory only. */
  constructor(storage: Store, userId: string, onLost: () => void) {
    this.storage = storage;
    this.prefix = `gochat.outbox.${userId}.`;
    this.onLost = onLost;
    this.load();
  }

  /** All entries, in the order in which they were written. */
  all(): OutboxEntry[] {
    return [...this.entries.values()].sort(
      (a, b) => a.createdAt - b.createdAt || (a.tempMessageId < b.tempMessageId ? -1 : 1),
    );
  }

  of(conversationId: string): OutboxEntry[] {
    return this.all().filter((e) => e.conversationId === conversationId);
  }

  /** The messages of a conversation that are under way. */
  messagesOf(conversationId: string): OutboxEntry[] {
    return this.of(conversationId).filter((e) => !e.change);
  }

  /** The changes of a conversation's messages that are under way. */
  changesOf(conversationId: string): OutboxEntry[] {
    return this.of(conversationId).filter((e) => e.change);
  }

  get(tempMessageId: string): OutboxEntry | undefined {
    return this.entries.get(tempMessageId);
  }

  add(e: OutboxDraft, now: number): OutboxEntry {
    const newest = this.all().at(-1)?.createdAt ?? 0;
    const createdAt = Math.max(now, newest + 1); // strictly later, whatever the clock does
    const entry: OutboxEntry = { ...e, createdAt, state: "queued", sent: false, attempts: 0, since: now };
    this.entries.set(entry.tempMessageId, entry);
    this.save(entry);
    return entry;
  }

  update(tempMessageId: string, change: Partial<OutboxEntry>): void {
    const entry = this.entries.get(tempMessageId);
    if (!entry) return;
    Object.assign(entry, change);
    this.save(entry);
  }

  remove(tempMessageId: string): OutboxEntry | undefined {
    const entry = this.entries.get(tempMessageId);
    this.entries.delete(tempMessageId);
    this.storage.removeItem(this.prefix + tempMessageId);
    return entry;
  }

  /** That message was recalled: what it said, or was to say, is not kept. */
  forgetText(conversationId: string, seqId: number): void {
    for (const e of this.of(conversationId)) {
      const edit = e.change?.change === "edit" && e.change.seqId === seqId;
      if (edit || e.seqId === seqId) this.remove(e.tempMessageId);
    }
  }

  /** Follows another tab that removed the item of that key; true when an entry went. */
  removedElsewhere(key: string): boolean {
    return key.startsWith(this.prefix) && this.entries.delete(key.slice(this.prefix.length));
  }

  /** A new connection has begun: what was under way on the old one is to be asked about again. */
  requeue(now: number): void {
    for (const e of this.entries.values()) {
      if (e.state === "sending" || e.state === "accepted") this.update(e.tempMessageId, { state: "queued", since: now });
    }
  }

  private save(entry: OutboxEntry): void {
    try {
      this.storage.setItem(this.prefix + entry.tempMessageId, JSON.stringify(entry));
    } catch {
      this.onLost();
    }
  }

  private load(): void {
    const keys: string[] = [];
    for (let i = 0; i < this.storage.length; i++) {
      const key = this.storage.key(i);
      if (key?.startsWith(this.prefix)) keys.push(key);
    }
    for (const key of keys) {
      const entry = parse(this.storage.getItem(key));
      if (entry) this.entries.set(entry.tempMessageId, entry);
      else this.storage.removeItem(key);
    }
  }
}

function parse(text: string | null): OutboxEntry | undefined {
  try {
    const e = JSON.parse(text ?? "") as Partial<OutboxEntry>;
    if (!valid(e)) return undefined;
    return { ...e, sent: e.sent !== false, attempts: e.attempts || 0, since: e.since || 0 };
  } catch {
    return undefined;
  }
}
