// Keeps the store equal to the server: fills gaps, and compares everything after a reconnect and
// after a long silence.

import { ApiError, type Api } from "./api";
import { backoff } from "./backoff";
import { messageKey } from "./log";
import type { Outbox } from "./outbox";
import type { Clock } from "./socket";
import type { Chat, Store } from "./store";
import type { Message } from "./types";

/** A lost last push leaves no gap to see: after this much silence everything is compared. */
const idleSync = 60_000;
const pageSize = 50;
const pullSize = 200;
/** A gap that is wider is not filled: the newest page is shown, the rest comes by scrolling. */
const widestGap = 1000;
const maxSyncRounds = 50;
/** When to look again for what the server has announced but does not show yet. */
const behindRetry = 5000;
const retryBase = 1000;
const retryCap = 20_000;

export interface SyncDeps {
  api: Api;
  store: Store;
  outbox: Outbox;
  clock: Clock;
  random(): number;
  online(): boolean;
  onChange(): void;
  /** What has come of a conversation is in the store. */
  onKept(chat: Chat): void;
  /** Everything was compared. */
  onSynced(): void;
  onUnauthenticated(): void;
}

export class Sync {
  private readonly deps: SyncDeps;
  private readonly pulling = new Map<string, Promise<void>>();
  private readonly loading = new Map<string, Promise<Chat | undefined>>();
  private syncing = false;
  private syncAgain = false;
  private failures = 0;
  private idleTimer: number | undefined;
  private retryTimer: number | undefined;
  private listed = false;
  /** The server's epoch to which the store's numbers belong. */
  private epoch: string | undefined;
  /** The epoch has changed: conversations that the next list does not have are forgotten. */
  private purge = false;
  private stopped = false;

  constructor(deps: SyncDeps) {
    this.deps = deps;
  }

  /** Whether the list of conversations has come at least once. */
  get ready(): boolean {
    return this.listed;
  }

  /** Ends every timer; answers that still come change nothing but the store. */
  stop(): void {
    this.stopped = true;
    this.pause();
  }

  /** There is no connection: the next one begins with a sync. */
  pause(): void {
    this.arm("idleTimer", undefined);
    this.arm("retryTimer", undefined);
  }

  /** Takes a message from wherever, and fetches what is missing before it. */
  message(m: Message): void {
    if (!this.deps.store.putMessage(m)) {
      // The answer may have been on its way before this message was stored.
      void this.load(m.conversationId).then((chat) => chat && this.message(m));
      return;
    }
    this.settle(m.conversationId);
  }

  /** The server has numbers up to lastSeq in that conversation. */
  hint(conversationId: string, lastSeq: number): void {
    const chat = this.deps.store.get(conversationId);
    if (!chat) {
      void this.load(conversationId).then((found) => found && this.hint(conversationId, lastSeq));
      return;
    }
    this.deps.store.hint(chat, lastSeq);
    this.settle(conversationId);
  }

  /** After any change of a conversation: fills its gap, and takes out of the outbox what has arrived. */
  private settle(id: string): void {
    const chat = this.deps.store.get(id);
    if (!chat) return;
    for (const e of this.deps.outbox.of(id)) {
      const arrived = chat.log.has(messageKey({ senderId: this.deps.store.me.userId, tempMessageId: e.tempMessageId }));
      const before = e.state === "stored" && e.seqId !== undefined && e.seqId < chat.log.first;
      if (arrived || before) this.deps.outbox.remove(e.tempMessageId);
    }
    if (this.deps.store.behind(chat)) void this.pull(chat);
    this.deps.onKept(chat);
    this.deps.onChange();
  }

  /** Fetches what comes after the run until nothing is missing. */
  private pull(chat: Chat): Promise<void> {
    const running = this.pulling.get(chat.id);
    if (running) return running;
    const done = this.pullAll(chat)
      .catch((err: unknown) => this.pullFailed(chat, err))
      .finally(() => this.pulling.delete(chat.id));
    this.pulling.set(chat.id, done);
    return done;
  }

  private async pullAll(chat: Chat): Promise<void> {
    while (!this.stopped && this.deps.store.behind(chat)) {
      const head = chat.log.head;
      if (chat.lastSeq - head > widestGap) {
        const page = await this.deps.api.messages(chat.id, { limit: pageSize });
        this.deps.store.reset(chat, page.messages, page.lastSeq);
      } else {
        const page = await this.deps.api.messages(chat.id, { afterSeq: head, limit: pullSize });
        this.deps.store.putSynced({ ...page, conversationId: chat.id, readSeq: 0 });
      }
      if (chat.log.head === head) {
        this.arm("retryTimer", behindRetry); // it was read where it is not visible yet
        return;
      }
      this.settle(chat.id);
    }
  }

  private pullFailed(chat: Chat, err: unknown): void {
    if (err instanceof ApiError && err.status === 404) this.deps.store.remove(chat.id);
    else this.failed(err);
  }

  /** Reads a conversation anew; one that the server does not know is forgotten. */
  load(id: string): Promise<Chat | undefined> {
    const running = this.loading.get(id);
    if (running) return running;
    const done = this.deps.api
      .conversation(id)
      .then((c) => this.deps.store.putConversation(c))
      .catch((err: unknown) => {
        if (err instanceof ApiError && err.status === 404) this.deps.store.remove(id);
        else this.failed(err);
        return undefined;
      })
      .finally(() => this.loading.delete(id));
    this.loading.set(id, done);
    return done;
  }

  /** Compares everything with the server. One at a time; a wish during one makes one more. */
  async run(): Promise<void> {
    if (this.syncing) {
      this.syncAgain = true;
      return;
    }
    this.syncing = true;
    try {
      do {
        this.syncAgain = false;
        await this.list();
        await this.catchUp();
        this.deps.onSynced();
      } while (this.syncAgain && !this.stopped);
      this.failures = 0;
    } catch (err) {
      this.failed(err);
    } finally {
      this.syncing = false;
      this.heard();
    }
  }

  /** Reads the list: all of it the first time, later the page with the newest. */
  private async list(): Promise<void> {
    let cursor: string | undefined;
    const gone = new Set(this.deps.store.list().map((chat) => chat.id));
    do {
      const page = await this.deps.api.conversations(cursor);
      for (const c of page.conversations) {
        this.deps.store.putConversation(c);
        gone.delete(c.conversationId);
      }
      cursor = page.nextCursor;
    } while (cursor && (!this.listed || this.purge) && !this.stopped);
    this.listed = true;
    if (this.purge && !cursor) {
      for (const id of gone) this.deps.store.remove(id);
      this.purge = false;
    }
    this.deps.onChange();
  }

  private async catchUp(): Promise<void> {
    for (let round = 0, more = true; more && round < maxSyncRounds && !this.stopped; round++) {
      const answer = await this.deps.api.sync(this.deps.store.heads(), this.epoch);
      this.follow(answer.epoch);
      for (const s of answer.conversations) {
        if (s.reset) this.syncAgain = true; // for what the list says of it
        if (!this.deps.store.putSynced(s) && (await this.load(s.conversationId))) this.deps.store.putSynced(s);
      }
      more = answer.more;
    }
    const chats = this.deps.store.list();
    for (const chat of chats) this.settle(chat.id);
    await Promise.all(chats.map((chat) => this.pulling.get(chat.id)));
  }

  /** The server's epoch as an answer has it: with another one, conversations may be gone, too. */
  private follow(epoch: string | undefined): void {
    if (epoch && this.epoch && epoch !== this.epoch) this.purge = this.syncAgain = true;
    this.epoch = epoch ?? this.epoch;
  }

  /** A call failed: an ended session ends, anything else is tried again by a sync. */
  failed(err: unknown): void {
    if (!(err instanceof ApiError)) throw err;
    if (err.status === 401) {
      this.deps.onUnauthenticated();
      return;
    }
    if (!this.deps.online()) return; // the next hello syncs
    const wait = Math.max(err.retryAfter, 200 + backoff(this.failures++, retryBase, retryCap, this.deps.random));
    this.arm("retryTimer", wait);
  }

  /** Something was heard: the next comparison is due after as much silence. */
  heard(): void {
    if (this.deps.online()) this.arm("idleTimer", idleSync);
  }

  private arm(timer: "idleTimer" | "retryTimer", ms: number | undefined): void {
    const old = this[timer];
    if (old !== undefined) this.deps.clock.clear(old);
    this[timer] = ms === undefined || this.stopped ? undefined : this.deps.clock.set(() => void this.run(), ms);
  }
}
