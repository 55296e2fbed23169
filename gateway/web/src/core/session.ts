// One logged-in user: joins the connection, the HTTP calls, the store and the outbox, and keeps what is
// shown equal to what the server has.

import { ApiError, type Api } from "./api";
import { Outbox, type Store as Items } from "./outbox";
import { Sender } from "./sender";
import { Socket, type Clock, type Status, type Wire } from "./socket";
import { Store, type Chat } from "./store";
import { Sync } from "./sync";
import type { ServerFrame, User } from "./types";
import { Users } from "./users";

const pageSize = 50;
/** After a page that could not be had, scrolling asks for no other for so long. */
const pagingPause = 3000;
const typingEvery = 1000;

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
  private readonly sync: Sync;
  private readonly paging = new Set<string>();
  private pagingPausedUntil = 0;
  private typedAt = 0;
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
    const online = () => this.socket.status.kind === "online";
    const onUnauthenticated = () => this.end("expired");
    this.sync = new Sync({
      api,
      store: this.store,
      outbox: this.outbox,
      clock,
      random: deps.random,
      online,
      onChange,
      onSynced: () => this.tellReads(),
      onUnauthenticated,
    });
    this.sender = new Sender({
      outbox: this.outbox,
      userId: me.userId,
      clock,
      random: deps.random,
      online,
      send: (frame) => this.socket.send(frame),
      outcome: (id) => api.outcome(id),
      onMessage: (m) => this.sync.message(m),
      onStoredAt: (conversationId, seqId) => this.sync.hint(conversationId, seqId),
      onChange,
      onUnauthenticated,
    });
  }

  /** Whether the list of conversations has come at least once. */
  get ready(): boolean {
    return this.sync.ready;
  }

  start(): void {
    this.socket.connect();
  }

  /** Ends the connection and every timer; nothing is called back after. */
  stop(): void {
    this.stopped = true;
    this.sender.stop();
    this.sync.stop();
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
      this.sync.failed(err);
    } finally {
      this.paging.delete(chat.id);
      this.deps.onChange();
    }
  }

  isPaging(chat: Chat): boolean {
    return this.paging.has(chat.id);
  }

  private status(status: Status): void {
    if (status.kind !== "online") this.sync.pause();
    if (status.kind === "ended") this.end(status.reason);
    else if (!this.stopped) this.deps.onStatus(status);
  }

  private frame(frame: ServerFrame): void {
    if (this.stopped) return;
    if (frame.type !== "pong") this.sync.heard();
    switch (frame.type) {
      case "hello":
        void this.sync.run();
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
        this.sync.message(frame.data);
        break;
      case "sync-hint":
        this.sync.hint(frame.data.conversationId, frame.data.lastSeq);
        break;
      case "group-event":
        void this.sync.load(frame.data.conversationId);
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

  private end(reason: string): void {
    if (this.stopped) return;
    this.stop();
    this.deps.onEnded(reason);
  }


}
