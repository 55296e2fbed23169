// One logged-in user: joins the connection, the HTTP calls, the store and the outbox, and keeps what is
// shown equal to what the server has.

import { ApiError, type Api } from "./api";
import { Device } from "./device";
import { Groups } from "./groups";
import { History } from "./history";
import { Outbox, type Store as Items } from "./outbox";
import { Peers } from "./presence";
import { Receipts } from "./receipts";
import { Search } from "./search";
import { Sender } from "./sender";
import { Socket, type Clock, type Status, type Wire } from "./socket";
import { Store, type Chat } from "./store";
import { Sync } from "./sync";
import type { ChangeKind, GroupEvent, SendExtras, ServerFrame, User } from "./types";
import { Users } from "./users";

const typingEvery = 1000;

export interface SessionDeps {
  api: Api;
  me: User;
  items: Items;
  clock: Clock;
  random(): number;
  /** What the server knows this client as, and whether it has seen it before. */
  deviceId: string;
  deviceKnown: boolean;
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
  readonly history: History;
  readonly groups: Groups;
  readonly peers: Peers;
  readonly search: Search;
  readonly deps: SessionDeps;
  private readonly sender: Sender;
  private readonly sync: Sync;
  private readonly receipts: Receipts;
  private readonly device: Device;
  private typedAt = 0;
  private stopped = false;

  constructor(deps: SessionDeps) {
    this.deps = deps;
    const { api, me, clock, random } = deps;
    const onChange = () => this.changed();
    this.store = new Store(me, onChange, (id, seqId) => this.recalled(id, seqId));
    this.users = new Users((id) => api.user(id), onChange, () => clock.now());
    this.users.put(me);
    this.outbox = new Outbox(deps.items, me.userId, () =>
      deps.onNotice("This browser's storage is full: unsent messages will not survive a reload."),
    );
    this.socket = new Socket({
      open: deps.open,
      clock,
      random,
      tokenRefused: () => this.tokenRefused(),
      onFrame: (frame) => this.frame(frame),
      onStatus: (status) => this.status(status),
    });
    const { store, outbox, socket } = this;
    const online = () => socket.status.kind === "online";
    const onUnauthenticated = () => this.end("expired");
    this.device = new Device(api, deps.deviceId, deps.deviceKnown);
    this.search = new Search({ api, onChange });
    this.receipts = new Receipts({ store, clock, send: (conversationId, seqId) => socket.send({ type: "delivered", data: { conversationId, seqId } }) });
    this.peers = new Peers({ store, clock, onChange, subscribe: (userIds) => socket.send({ type: "presence-subscribe", data: { userIds } }) });
    this.sync = new Sync({
      api, store, outbox, clock, random, online, onChange, onUnauthenticated,
      onKept: (chat) => this.receipts.kept(chat),
      onSynced: () => this.tellReads(),
    });
    this.history = new History({ api, store, clock, onChange, onFailed: (err) => this.sync.failed(err) });
    this.groups = new Groups({ api, me: me.userId, load: (id) => this.sync.load(id), forget: (id) => store.remove(id), onChange });
    this.sender = new Sender({
      outbox, clock, random, online, onChange, onUnauthenticated,
      userId: me.userId,
      send: (frame) => socket.send(frame),
      outcome: (id) => api.outcome(id),
      onMessage: (m) => this.sync.message(m),
      onStoredAt: (conversationId, seqId) => this.sync.hint(conversationId, seqId),
      onRefused: (reason) => deps.onNotice(reason),
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
    this.receipts.stop();
    this.peers.stop();
    this.socket.close();
  }

  send(conversationId: string, content: string, extras: SendExtras = {}): void {
    this.outbox.add(
      { tempMessageId: this.deps.newId(), conversationId, content, messageType: "text", ...extras },
      this.deps.clock.now(),
    );
    this.typedAt = 0;
    this.deps.onChange();
    this.sender.kick();
  }

  /** Changes a message; what is the new text of an edit, or the reaction. */
  change(conversationId: string, seqId: number, change: ChangeKind, what = ""): void {
    const [content, reaction] = change === "edit" ? [what, {}] : ["", what === "" ? {} : { reaction: what }];
    this.outbox.add(
      { tempMessageId: this.deps.newId(), conversationId, content, messageType: "system", change: { seqId, change, ...reaction } },
      this.deps.clock.now(),
    );
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

  private status(status: Status): void {
    if (status.kind !== "online") {
      this.sync.pause();
      this.receipts.stop();
      this.peers.disconnected();
    }
    if (status.kind === "ended") this.end(this.device.isSignedOut ? "revoked" : status.reason);
    else if (!this.stopped) this.deps.onStatus(status);
  }

  private frame(frame: ServerFrame): void {
    if (this.stopped) return;
    if (frame.type !== "pong") this.sync.heard();
    switch (frame.type) {
      case "hello":
        this.device.connected();
        void this.sync.run();
        this.sender.connected();
        this.receipts.connected();
        this.peers.connected();
        break;
      case "message-ack":
        this.sender.accepted(frame.data.tempMessageId);
        break;
      case "message-stored":
        this.sender.stored(frame.data);
        break;
      case "message-rejected":
        this.sender.rejected(frame.data.tempMessageId, frame.data.code, frame.data.message);
        break;
      case "new-message":
        this.sync.message(frame.data);
        break;
      case "sync-hint":
        this.sync.hint(frame.data.conversationId, frame.data.lastSeq);
        break;
      case "group-event":
        void this.groupEvent(frame.data);
        break;
      case "error":
        if (frame.data.ref) this.refused(frame.data.ref, frame.data.code, frame.data.message);
        break;
      case "presence":
        this.peers.put(frame.data);
        break;
      default:
        this.presence(frame);
    }
  }

  /** The server refused a frame; ref names it by its message, or by its type. */
  private refused(ref: string, code: string, message: string): void {
    const unknown = code === "invalid_argument";
    if (ref === "change-message") this.sender.refusedChanges(code, message);
    else if (ref === "delivered" && unknown) this.receipts.unsupported();
    else if (ref === "presence-subscribe" && unknown) this.peers.unsupported();
    else this.sender.refused(ref, code, message);
  }

  private async groupEvent(e: GroupEvent): Promise<void> {
    const { me } = this.store;
    const before = this.store.get(e.conversationId);
    // Who came and went is told by system messages; the other events are told by nothing else.
    if (before && !e.event.startsWith("member")) this.store.happened(before, e, this.deps.clock.now());
    const out = e.event === "member-removed" && e.userIds?.includes(me.userId) === true;
    if (out && e.actorId === me.userId) {
      this.store.remove(e.conversationId); // left, here or on another device
      return;
    }
    const after = await this.sync.load(e.conversationId);
    if (out && !after) {
      this.deps.onNotice(`${this.users.name(e.actorId)} removed you from ${before?.group?.name ?? "a group"}.`);
    }
    if (after?.group && after.group.dissolvedAt === undefined) await this.groups.stale(e.groupId);
  }

  /** What a recalled message said is kept nowhere. */
  private recalled(conversationId: string, seqId: number | undefined): void {
    this.search.forget(conversationId, seqId);
    if (seqId !== undefined) this.outbox.forgetText(conversationId, seqId);
  }

  private changed(): void {
    if (!this.stopped) this.peers.changed();
    this.deps.onChange();
  }

  private presence(frame: ServerFrame): void {
    if (frame.type !== "read" && frame.type !== "typing" && frame.type !== "delivered") return;
    const chat = this.store.get(frame.data.conversationId);
    if (!chat) return;
    if (frame.type === "delivered") this.store.deliveredTo(chat, frame.data.userId, frame.data.deliveredSeq);
    else if (frame.type === "read") this.store.readBy(chat, frame.data.userId, frame.data.readSeq);
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
      return await this.device.refusedHandshake();
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
