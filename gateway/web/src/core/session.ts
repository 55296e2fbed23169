// One logged-in user: joins the connection, the HTTP calls, the store and the outbox, and keeps what is
// shown equal to what the server has.

import { ApiError, type Api } from "./api";
import { backoff } from "./backoff";
import { messageKey } from "./log";
import { Outbox, type Store as Items } from "./outbox";
import { Sender } from "./sender";
import { Socket, type Clock, type Status, type Wire } from "./socket";
import { Store, type Chat } from "./store";
import type { Message, ServerFrame, User } from "./types";
import { Users } from "./users";

/** A lost last push leaves no gap to see: after this much silence everything is compared. */
const idleSync = 60_000;
const pageSize = 50;
const pullSize = 200;
/** A gap that is wider is not filled: the newest page is shown, the rest comes by scrolling. */
const widestGap = 1000;
/** After a page that could not be had, scrolling asks for no other for so long. */
const pagingPause = 3000;
const typingEvery = 1000;
const maxSyncRounds = 50;
const retryBase = 1000;
const retryCap = 20_000;

export interface SessionDeps {
  api: Api;
  me: User;
  items: Items;
  clock: Clock;
  random(): number;
  open(): Wire;
  newId(): string;
  onChange(): void;
  onStatus(status: Status): void;
  /** The token is no longer good. */
  onEnded(reason: string): void;
  /** Something that the user should know. */
  onNotice(text: string): void;
}

export class Session {
  readonly store: Store;
  readonly users: Users;
  readonly outbox: Outbox;
  readonly socket: Socket;
  private readonly deps: SessionDeps;
  private readonly sender: Sender;
  private readonly pulling = new Map<string, Promise<void>>();
  private readonly loading = new Map<string, Promise<Chat | undefined>>();
  private readonly paging = new Set<string>();
  private pagingPausedUntil = 0;
  private syncing = false;
  private syncAgain = false;
  private failures = 0;
  private idleTimer: number | undefined;
  private retryTimer: number | undefined;
  private typedAt = 0;
  private listed = false;
  private stopped = false;

  constructor(deps: SessionDeps) {
    this.deps = deps;
    const { api, me, clock, onChange } = deps;
    this.store = new Store(me, onChange);
    this.users = new Users((id) => api.user(id), onChange, () => clock.now());
    this.users.put(me);
    this.outbox = new Outbox(deps.items, me.userId, () =>
      deps.onNotice("This browser's storage is full: unsent messages will not survive a reload."),
    );
    this.socket = new Socket({
      open: deps.open,
      clock,
      random: deps.random,
      tokenRefused: () => this.tokenRefused(),
      onFrame: (frame) => this.frame(frame),
      onStatus: (status) => this.status(status),
    });
    this.sender = new Sender({
      outbox: this.outbox,
      userId: me.userId,
      clock,
      random: deps.random,
      online: () => this.socket.status.kind === "online",
      send: (frame) => this.socket.send(frame),
      outcome: (id) => api.outcome(id),
      onMessage: (m) => this.message(m),
      onStoredAt: (conversationId, seqId) => this.hint(conversationId, seqId),
      onChange,
      onUnauthenticated: () => this.end("expired"),
    });
  }

  /** Whether the list of conversations has come at least once. */
  get ready(): boolean {
    return this.listed;
  }

  start(): void {
    this.socket.connect();
  }

  /** Ends the connection and every timer; nothing is called back after. */
  stop(): void {
    this.stopped = true;
    this.sender.stop();
    this.arm("idleTimer", undefined);
    this.arm("retryTimer", undefined);
    this.socket.close();
  }

  send(conversationId: string, content: string): void {
    this.outbox.add(
      { tempMessageId: this.deps.newId(), conversationId, content, messageType: "text" },
      this.deps.clock.now(),
    );
    this.typedAt = 0;
    this.deps.onChange();
    this.sender.kick();
  }

  retry(tempMessageId: string): void {
    this.sender.retry(tempMessageId, this.deps.newId());
  }

  discard(tempMessageId: string): void {
    this.outbox.remove(tempMessageId);
    this.deps.onChange();
  }

  /** This user types; told at most once a second. */
  typing(conversationId: string): void {
    const now = this.deps.clock.now();
    if (now - this.typedAt < typingEvery) return;
    if (this.socket.send({ type: "typing", data: { conversationId } })) this.typedAt = now;
  }

  /** This user has the end of the conversation before the eyes. */
  read(chat: Chat): void {
    if (this.store.read(chat, chat.log.head)) this.tellRead(chat);
  }

  /** Opens the single chat with a user; rejects with ApiError. */
  async openSingle(user: User): Promise<Chat> {
    this.users.put(user);
    const conversation = await this.deps.api.openSingle(user.userId);
    if (!conversation.lastMessageAt) conversation.lastMessageAt = this.deps.clock.now();
    return this.store.putConversation(conversation);
  }

  /** Loads a page of older messages, when there is one and none is under way. */
  async older(chat: Chat): Promise<void> {
    if (this.paging.has(chat.id) || !chat.log.hasOlder || this.deps.clock.now() < this.pagingPausedUntil) return;
    this.paging.add(chat.id);
    try {
      const before = chat.log.first;
      const page = await this.deps.api.messages(chat.id, { beforeSeq: before, limit: pageSize });
      if (chat.log.first === before) this.store.putOlder(chat, page.messages, page.hasMore);
    } catch (err) {
      this.pagingPausedUntil = this.deps.clock.now() + pagingPause;
      this.failed(err);
    } finally {
      this.paging.delete(chat.id);
      this.deps.onChange();
    }
  }

  isPaging(chat: Chat): boolean {
    return this.paging.has(chat.id);
  }

  private status(status: Status): void {
    if (status.kind !== "online") this.arm("idleTimer", undefined);
    if (status.kind === "ended") this.end(status.reason);
    else if (!this.stopped) this.deps.onStatus(status);
  }

  private frame(frame: ServerFrame): void {
    if (this.stopped) return;
    if (frame.type !== "pong") this.armIdle();
    switch (frame.type) {
      case "hello":
        this.failures = 0;
        void this.sync();
        this.sender.connected();
        break;
      case "message-ack":
        this.sender.accepted(frame.data.tempMessageId);
        break;
      case "message-stored":
        this.sender.stored(frame.data);
        break;
      case "message-rejected":
        this.sender.rejected(frame.data.tempMessageId, frame.data.message);
        break;
      case "new-message":
        this.message(frame.data);
        break;
      case "sync-hint":
        this.hint(frame.data.conversationId, frame.data.lastSeq);
        break;
      case "group-event":
        void this.load(frame.data.conversationId);
        break;
      case "error":
        if (frame.data.ref) this.sender.refused(frame.data.ref, frame.data.code, frame.data.message);
        break;
      default:
        this.presence(frame);
    }
  }

  private presence(frame: ServerFrame): void {
    if (frame.type !== "read" && frame.type !== "typing") return;
    const chat = this.store.get(frame.data.conversationId);
    if (!chat) return;
    if (frame.type === "read") this.store.readBy(chat, frame.data.userId, frame.data.readSeq);
    else this.store.typing(chat, frame.data.userId, this.deps.clock.now());
  }

  private message(m: Message): void {
    if (!this.store.putMessage(m)) {
      void this.load(m.conversationId).then(() => this.settle(m.conversationId));
      return;
    }
    this.settle(m.conversationId);
  }

  private hint(conversationId: string, lastSeq: number): void {
    const chat = this.store.get(conversationId);
    if (!chat) {
      void this.load(conversationId).then(() => this.settle(conversationId));
      return;
    }
    this.store.hint(chat, lastSeq);
    this.settle(conversationId);
  }

  /** After any change of a conversation: fills its gap, and takes out of the outbox what has arrived. */
  private settle(id: string): void {
    const chat = this.store.get(id);
    if (!chat) return;
    for (const e of this.outbox.of(id)) {
      const arrived = chat.log.has(messageKey({ senderId: this.deps.me.userId, tempMessageId: e.tempMessageId }));
      const before = e.state === "stored" && e.seqId !== undefined && e.seqId < chat.log.first;
      if (arrived || before) this.outbox.remove(e.tempMessageId);
    }
    if (this.store.behind(chat)) void this.pull(chat);
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
    while (!this.stopped && this.store.behind(chat)) {
      const head = chat.log.head;
      if (chat.lastSeq - head > widestGap) {
        const page = await this.deps.api.messages(chat.id, { limit: pageSize });
        this.store.reset(chat, page.messages, page.lastSeq);
      } else {
        const page = await this.deps.api.messages(chat.id, { afterSeq: head, limit: pullSize });
        this.store.putSynced({ ...page, conversationId: chat.id, readSeq: 0 });
      }
      if (chat.log.head === head) return; // the server does not have it yet; its push or the idle sync brings it
      this.settle(chat.id);
    }
  }

  private pullFailed(chat: Chat, err: unknown): void {
    if (err instanceof ApiError && err.status === 404) this.store.remove(chat.id);
    else this.failed(err);
  }

  /** Reads a conversation anew; one that the server does not know is forgotten. */
  private load(id: string): Promise<Chat | undefined> {
    const running = this.loading.get(id);
    if (running) return running;
    const done = this.deps.api
      .conversation(id)
      .then((c) => this.store.putConversation(c))
      .catch((err: unknown) => {
        if (err instanceof ApiError && err.status === 404) this.store.remove(id);
        else this.failed(err);
        return undefined;
      })
      .finally(() => this.loading.delete(id));
    this.loading.set(id, done);
    return done;
  }

  /** Compares everything with the server. One at a time; a wish during one makes one more. */
  async sync(): Promise<void> {
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
        this.tellReads();
      } while (this.syncAgain && !this.stopped);
      this.failures = 0;
    } catch (err) {
      this.failed(err);
    } finally {
      this.syncing = false;
      this.armIdle();
    }
  }

  /** Reads the list: all of it the first time, later the page with the newest. */
  private async list(): Promise<void> {
    let cursor: string | undefined;
    do {
      const page = await this.deps.api.conversations(cursor);
      for (const c of page.conversations) this.store.putConversation(c);
      cursor = page.nextCursor;
    } while (cursor && !this.listed && !this.stopped);
    this.listed = true;
    this.deps.onChange();
  }

  private async catchUp(): Promise<void> {
    for (let round = 0, more = true; more && round < maxSyncRounds && !this.stopped; round++) {
      const answer = await this.deps.api.sync(this.store.heads());
      for (const s of answer.conversations) {
        if (!this.store.putSynced(s)) await this.load(s.conversationId);
      }
      more = answer.more;
    }
    const chats = this.store.list();
    for (const chat of chats) this.settle(chat.id);
    await Promise.all(chats.map((chat) => this.pulling.get(chat.id)));
  }

  /** What was read while there was no connection is told now. */
  private tellReads(): void {
    for (const chat of this.store.list()) if (chat.readSeq > chat.serverReadSeq) this.tellRead(chat);
  }

  private tellRead(chat: Chat): void {
    this.socket.send({ type: "read", data: { conversationId: chat.id, seqId: chat.readSeq } });
  }

  private async tokenRefused(): Promise<boolean> {
    try {
      await this.deps.api.me();
      return false;
    } catch (err) {
      return err instanceof ApiError && err.status === 401;
    }
  }

  /** A call failed: an ended session ends, anything else is tried again by a sync. */
  private failed(err: unknown): void {
    if (!(err instanceof ApiError)) throw err;
    if (err.status === 401) {
      this.end("expired");
      return;
    }
    if (this.socket.status.kind !== "online") return; // the next hello syncs
    const wait = Math.max(err.retryAfter, 200 + backoff(this.failures++, retryBase, retryCap, this.deps.random));
    this.arm("retryTimer", wait);
  }

  private end(reason: string): void {
    if (this.stopped) return;
    this.stop();
    this.deps.onEnded(reason);
  }

  private armIdle(): void {
    if (this.socket.status.kind === "online") this.arm("idleTimer", idleSync);
  }

  private arm(timer: "idleTimer" | "retryTimer", ms: number | undefined): void {
    const old = this[timer];
    if (old !== undefined) this.deps.clock.clear(old);
    this[timer] = ms === undefined || this.stopped ? undefined : this.deps.clock.set(() => void this.sync(), ms);
  }
}
