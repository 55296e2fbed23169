// Tells the server how far messages have come to this device.

import type { Clock } from "./socket";
import type { Chat, Store } from "./store";

/** Messages that come within this time, in milliseconds, are told of together. */
const together = 1000;
/** How many conversations are told of at once: a long list after a night is no flood. */
const atOnce = 20;

export interface ReceiptsDeps {
  store: Store;
  clock: Clock;
  /** Tells the server; false when there is no connection. */
  send(conversationId: string, seqId: number): boolean;
}

export class Receipts {
  private readonly deps: ReceiptsDeps;
  private readonly told = new Map<string, number>();
  private readonly waiting = new Set<string>();
  private timer: number | undefined;
  /** There is no connection, or the server does not take receipts. */
  private off = true;

  constructor(deps: ReceiptsDeps) {
    this.deps = deps;
  }

  /** A new connection: what was told on the last one may have been lost with it. */
  connected(): void {
    this.told.clear();
    this.off = false;
  }

  /** The server does not take receipts. */
  unsupported(): void {
    this.off = true;
  }

  /** Messages of that conversation were kept. */
  kept(chat: Chat): void {
    if (this.off || !this.due(chat)) return;
    this.waiting.add(chat.id);
    this.timer ??= this.deps.clock.set(() => this.flush(), together);
  }

  /** There is no connection any more. */
  stop(): void {
    this.off = true;
    if (this.timer !== undefined) this.deps.clock.clear(this.timer);
    this.timer = undefined;
    this.waiting.clear();
  }

  /** Whether the server is to be told: a read position says it as well, and in the world nobody asks for it. */
  private due(chat: Chat): boolean {
    return chat.type !== "world" && chat.log.head > Math.max(chat.readSeq, this.told.get(chat.id) ?? 0);
  }

  private flush(): void {
    this.timer = undefined;
    for (const id of [...this.waiting].slice(0, atOnce)) {
      this.waiting.delete(id);
      const chat = this.deps.store.get(id);
      if (chat && !this.off && this.due(chat) && this.deps.send(id, chat.log.head)) this.told.set(id, chat.log.head);
    }
    if (this.waiting.size > 0) this.timer = this.deps.clock.set(() => this.flush(), together);
  }
}
