// Pages of older messages: by scrolling, by jumping to one of them, and single ones that are quoted.

import type { Api } from "./api";
import { Excerpt } from "./excerpt";
import type { Clock } from "./socket";
import type { Chat, Store } from "./store";
import type { Message } from "./types";

const pageSize = 50;
/** After a page that could not be had, scrolling asks for no other for so long. */
const pagingPause = 3000;
/** How long a quoted message that could not be had is not asked for again. */
const quotePause = 30_000;

export interface HistoryDeps {
  api: Api;
  store: Store;
  clock: Clock;
  onChange(): void;
  onFailed(err: unknown): void;
}

export class History {
  private readonly deps: HistoryDeps;
  private readonly paging = new Set<string>();
  private pausedUntil = 0;
  /** Quoted messages that are asked for, or could not be had, and until when. */
  private readonly quotes = new Map<string, { until: number; gone: boolean }>();

  constructor(deps: HistoryDeps) {
    this.deps = deps;
  }

  isPaging(chat: Chat): boolean {
    return this.paging.has(chat.id);
  }

  /** Whether there is something before what is shown. */
  hasOlder(chat: Chat): boolean {
    return (chat.log.excerpt ?? chat.log).hasOlder;
  }

  /** Loads the page before what is shown, when there is one and none is under way. */
  async older(chat: Chat): Promise<void> {
    if (!this.hasOlder(chat)) return;
    const { excerpt } = chat.log;
    await this.page(chat, async () => {
      const before = (excerpt ?? chat.log).first;
      const page = await this.deps.api.messages(chat.id, { beforeSeq: before, limit: pageSize });
      if (chat.log.excerpt !== excerpt || (excerpt ?? chat.log).first !== before) return;
      if (excerpt) excerpt.prepend(page.messages.map((m) => chat.log.current(m)), page.hasMore);
      else this.deps.store.putOlder(chat, page.messages, page.hasMore);
    });
  }

  /** Loads the page behind an excerpt; does nothing when the newest messages are shown. */
  async newer(chat: Chat): Promise<void> {
    const { excerpt } = chat.log;
    if (!excerpt) return;
    await this.page(chat, async () => {
      const page = await this.deps.api.messages(chat.id, { afterSeq: excerpt.last, limit: pageSize });
      if (chat.log.excerpt !== excerpt) return;
      excerpt.append(page.messages.map((m) => chat.log.current(m)));
      chat.log.show(excerpt);
    });
  }

  /** Sees to it that a message is shown with what is around it. False when it is not to be had; rejects with ApiError. */
  async around(chat: Chat, seqId: number): Promise<boolean> {
    if (seqId >= chat.log.first && seqId <= chat.log.head) {
      chat.log.show(undefined);
      return true;
    }
    const { excerpt } = chat.log;
    if (excerpt && seqId >= excerpt.first && seqId <= excerpt.last) return true;
    const page = await this.deps.api.messages(chat.id, { beforeSeq: seqId + pageSize / 2, limit: pageSize });
    if (!page.messages.some((m) => m.seqId === seqId)) return false;
    chat.log.show(new Excerpt(page.messages, page.hasMore));
    this.deps.onChange();
    return true;
  }

  /** Goes back to the newest messages. */
  leave(chat: Chat): void {
    if (!chat.log.excerpt) return;
    chat.log.show(undefined);
    this.deps.onChange();
  }

  /** A quoted message; undefined while it is not here, null when it is not to be had. */
  quoted(chat: Chat, seqId: number): Message | undefined | null {
    const held = chat.log.at(seqId);
    if (held) return held;
    const key = `${chat.id}/${seqId}`;
    const asked = this.quotes.get(key);
    if (asked && this.deps.clock.now() < asked.until) return asked.gone ? null : undefined;
    this.quotes.set(key, { until: this.deps.clock.now() + quotePause, gone: asked?.gone ?? false });
    void this.fetchQuote(chat, seqId, key);
    return asked?.gone ? null : undefined;
  }

  private async fetchQuote(chat: Chat, seqId: number, key: string): Promise<void> {
    let gone = true;
    try {
      const page = await this.deps.api.messages(chat.id, { afterSeq: seqId - 1, limit: 1 });
      const found = page.messages.find((m) => m.seqId === seqId);
      if (found) {
        chat.log.keep(found);
        this.quotes.delete(key);
        gone = false;
      }
    } catch {
      // It is asked for again after the pause, when it is looked at then.
    }
    if (gone) this.quotes.set(key, { until: this.deps.clock.now() + quotePause, gone });
    this.deps.onChange();
  }

  private async page(chat: Chat, load: () => Promise<void>): Promise<void> {
    if (this.paging.has(chat.id) || this.deps.clock.now() < this.pausedUntil) return;
    this.paging.add(chat.id);
    try {
      await load();
    } catch (err) {
      this.pausedUntil = this.deps.clock.now() + pagingPause;
      this.deps.onFailed(err);
    } finally {
      this.paging.delete(chat.id);
      this.deps.onChange();
    }
  }
}
