// What this client knows about conversations. It changes only by the methods here, and calls nobody
// but its listener.

import { MessageLog } from "./log";
import { Unread } from "./unread";
import type { Conversation, ConversationType, Group, GroupEvent, Message, SyncedConversation, User } from "./types";

/** How long a "typing" is shown, in milliseconds. */
export const typingShown = 3000;

/** How many messages a conversation keeps that is not looked at. */
const keptInBackground = 200;

/** How many events of a group are kept that no message tells of. */
const keptEvents = 20;

/** Something that has happened to a group; it stands behind the message of that number. */
export interface ChatEvent {
  readonly id: number;
  readonly event: string;
  readonly actorId: string;
  readonly userIds: readonly string[];
  readonly afterSeq: number;
  readonly at: number;
}

export interface Chat {
  readonly id: string;
  type: ConversationType;
  peer: User | undefined;
  group: Group | undefined;
  readonly log: MessageLog;
  /** The highest number that the server is known to have given. */
  lastSeq: number;
  /** How far this user has read; may be ahead of what the server was told. */
  readSeq: number;
  /** How far the server knows that this user has read. */
  serverReadSeq: number;
  /** How far the peer of a single chat has read, as far as is known. */
  peerReadSeq: number;
  /** How far messages have come to a device of the peer's. */
  peerDeliveredSeq: number;
  /** What has happened to the group while this client was there. */
  events: ChatEvent[];
  /** The newest message that is no system message. */
  lastMessage: Message | undefined;
  lastMessageAt: number;
  readonly counter: Unread;
  /** The peer has written while this client was there. */
  peerWrote: boolean;
  /** Who types, and until when that is shown. */
  readonly typing: Map<string, number>;
}

export class Store {
  readonly me: User;
  private readonly chats = new Map<string, Chat>();
  private readonly changed: () => void;
  private readonly onRecall: (conversationId: string, seqId: number | undefined) => void;
  private eventIds = 0;
  private writing = 0;

  /** onRecall is told of a message that was recalled; without a number, any of the conversation may have been. */
  constructor(me: User, changed: () => void, onRecall: (conversationId: string, seqId: number | undefined) => void = () => {}) {
    this.me = me;
    this.changed = changed;
    this.onRecall = onRecall;
  }

  get size(): number {
    return this.chats.size;
  }

  /** How many peers have written while this client was there: whoever writes may be seen online from then on. */
  get writers(): number {
    return this.writing;
  }

  get(id: string): Chat | undefined {
    return this.chats.get(id);
  }

  /** All conversations, the newest message first. */
  list(): Chat[] {
    return [...this.chats.values()].sort((a, b) => b.lastMessageAt - a.lastMessageAt || (a.id < b.id ? -1 : 1));
  }

  unread(chat: Chat): number {
    return chat.counter.count(chat.readSeq, chat.lastSeq);
  }

  totalUnread(): number {
    return [...this.chats.values()].reduce((sum, chat) => sum + this.unread(chat), 0);
  }

  /** The last number held of every conversation, as a sync wants them. */
  heads(): Record<string, number> {
    return Object.fromEntries([...this.chats.values()].map((chat) => [chat.id, chat.log.head]));
  }

  /** Takes the server's view of a conversation; its messages are another matter. */
  putConversation(c: Conversation): Chat {
    const read = c.readSeq;
    let chat = this.chats.get(c.conversationId);
    if (!chat) {
      chat = newChat(c, read);
      chat.log.onRecall = (seqId) => this.onRecall(c.conversationId, seqId);
      this.chats.set(chat.id, chat);
    }
    chat.type = c.type;
    chat.peer = c.peer ?? chat.peer;
    chat.group = c.group ?? chat.group;
    chat.lastSeq = Math.max(chat.lastSeq, c.lastSeq);
    chat.counter.counted(read, c.lastSeq, c.unread, c.lastMessage?.seqId ?? 0);
    chat.serverReadSeq = read;
    chat.readSeq = Math.max(chat.readSeq, read);
    chat.lastMessageAt = Math.max(chat.lastMessageAt, c.lastMessageAt || c.group?.createdAt || 0);
    chat.peerReadSeq = Math.max(chat.peerReadSeq, c.peerReadSeq ?? 0);
    chat.peerDeliveredSeq = Math.max(chat.peerDeliveredSeq, c.peerDeliveredSeq ?? 0);
    if (c.lastMessage) this.see(chat, c.lastMessage);
    this.changed();
    return chat;
  }

  /** Takes one conversation of a sync's answer; false when the conversation is not known yet. */
  putSynced(s: SyncedConversation): boolean {
    const chat = this.chats.get(s.conversationId);
    if (!chat) return false;
    if (s.reset) {
      restart(chat, s);
      for (const m of s.messages) this.see(chat, m);
    }
    chat.lastSeq = Math.max(chat.lastSeq, s.lastSeq);
    chat.serverReadSeq = Math.max(chat.serverReadSeq, s.readSeq);
    chat.readSeq = Math.max(chat.readSeq, s.readSeq);
    for (const m of s.messages) this.putMessage(m);
    this.changed();
    return true;
  }

  /** Takes a message from wherever; false when its conversation is not known yet. */
  putMessage(m: Message): boolean {
    const chat = this.chats.get(m.conversationId);
    if (!chat) return false;
    chat.log.add(m);
    this.see(chat, m);
    chat.typing.delete(m.senderId);
    this.changed();
    return true;
  }

  /** Whether there is something to pull. */
  behind(chat: Chat): boolean {
    return chat.log.head < chat.lastSeq;
  }

  putOlder(chat: Chat, page: readonly Message[], hasMore: boolean): void {
    chat.log.prepend(page, hasMore);
    this.changed();
  }

  /** Begins anew with the newest page, where the gap is too wide to be filled. */
  reset(chat: Chat, page: readonly Message[], lastSeq: number): void {
    chat.log.reset(page, lastSeq);
    chat.lastSeq = Math.max(chat.lastSeq, lastSeq);
    for (const m of page) this.see(chat, m);
    this.changed();
  }

  /** The server has numbers up to lastSeq. */
  hint(chat: Chat, lastSeq: number): void {
    chat.lastSeq = Math.max(chat.lastSeq, lastSeq);
    this.changed();
  }

  /** This user has read up to seq here; true when the server is to be told. */
  read(chat: Chat, seq: number): boolean {
    if (seq <= chat.readSeq) return false;
    chat.readSeq = seq;
    this.changed();
    return true;
  }

  /** Somebody has read, this user elsewhere or the peer. */
  readBy(chat: Chat, userId: string, seq: number): void {
    if (userId === this.me.userId) {
      chat.serverReadSeq = Math.max(chat.serverReadSeq, seq);
      chat.readSeq = Math.max(chat.readSeq, seq);
    } else if (chat.type === "single") {
      chat.peerReadSeq = Math.max(chat.peerReadSeq, seq);
    }
    this.changed();
  }

  /** Messages have come to a device of that user. */
  deliveredTo(chat: Chat, userId: string, seq: number): void {
    if (userId === this.me.userId || chat.type !== "single") return;
    chat.peerDeliveredSeq = Math.max(chat.peerDeliveredSeq, seq);
    this.changed();
  }

  /** Something has happened to a group that no message tells of. */
  happened(chat: Chat, e: GroupEvent, at: number): void {
    const event = { id: ++this.eventIds, event: e.event, actorId: e.actorId, userIds: e.userIds ?? [], afterSeq: chat.log.head, at };
    chat.events = [...chat.events, event].slice(-keptEvents);
    this.changed();
  }

  typing(chat: Chat, userId: string, now: number): void {
    if (userId === this.me.userId) return;
    chat.typing.set(userId, now + typingShown);
    this.changed();
  }

  /** Who types now; forgets those who did. */
  typists(chat: Chat, now: number): string[] {
    for (const [userId, until] of chat.typing) if (until <= now) chat.typing.delete(userId);
    return [...chat.typing.keys()];
  }

  /** The user has left it, or may not know of it any more. */
  remove(id: string): void {
    if (this.chats.delete(id)) this.changed();
  }

  /** Bounds memory: only the conversation being looked at keeps a long history. */
  trim(except: string | undefined): void {
    for (const chat of this.chats.values()) {
      if (chat.id === except) continue;
      chat.log.show(undefined);
      chat.log.trim(keptInBackground);
    }
  }

  private see(chat: Chat, m: Message): void {
    chat.lastSeq = Math.max(chat.lastSeq, m.seqId);
    if (m.messageType === "system") {
      chat.counter.skip(m.seqId);
      // It may have changed the last message; it reads nothing and moves no conversation.
      if (chat.lastMessage) chat.lastMessage = chat.log.current(chat.lastMessage);
      return;
    }
    chat.lastMessageAt = Math.max(chat.lastMessageAt, m.timestamp);
    if (!chat.lastMessage || m.seqId >= chat.lastMessage.seqId) chat.lastMessage = chat.log.current(m);
    // Who sends has read: the server moves the sender's read position too.
    if (m.senderId === this.me.userId) {
      chat.readSeq = Math.max(chat.readSeq, m.seqId);
      chat.serverReadSeq = Math.max(chat.serverReadSeq, m.seqId);
    } else if (chat.type === "single") {
      chat.peerReadSeq = Math.max(chat.peerReadSeq, m.seqId);
      if (!chat.peerWrote) this.writing++;
      chat.peerWrote = true;
    }
  }
}

/** Forgets what is known by number: the server has gone back to an older backup, and numbers are given anew. */
function restart(chat: Chat, s: SyncedConversation): void {
  chat.log.restart(s.messages, s.lastSeq);
  chat.lastSeq = s.lastSeq;
  chat.readSeq = chat.serverReadSeq = s.readSeq;
  chat.peerReadSeq = chat.peerDeliveredSeq = 0;
  chat.events = [];
  chat.lastMessage = undefined;
  chat.lastMessageAt = 0; // the list is read again
  chat.counter.restart();
}

/** A new conversation holds its last message alone, or nothing where system messages came after it; the history before is paged in when looked at. */
function newChat(c: Conversation, read: number): Chat {
  const log = new MessageLog(c.lastSeq);
  if (c.lastMessage?.seqId === c.lastSeq) log.reset([c.lastMessage], c.lastSeq);
  return {
    id: c.conversationId,
    type: c.type,
    peer: c.peer,
    group: c.group,
    log,
    lastSeq: c.lastSeq,
    readSeq: read,
    serverReadSeq: read,
    peerReadSeq: 0,
    peerDeliveredSeq: 0,
    events: [],
    lastMessage: c.lastMessage,
    lastMessageAt: c.lastMessageAt || 0,
    counter: new Unread(),
    peerWrote: false,
    typing: new Map(),
  };
}
