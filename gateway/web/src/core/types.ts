// What crosses the wire, as the server's contract names it. Times are Unix milliseconds.

export interface User {
  userId: string;
  username: string;
  nickname: string;
  avatarUrl: string;
  createdAt: number;
}

export interface Group {
  groupId: string;
  conversationId: string;
  name: string;
  announcement: string;
  ownerId: string;
  memberCount: number;
  joinPolicy: JoinPolicy;
  createdAt: number;
  /** Set when it was dissolved: it can be read, and nothing else. */
  dissolvedAt?: number;
}

export type JoinPolicy = "open" | "invite";
export type Role = "owner" | "admin" | "member";

export interface Member {
  userId: string;
  role: Role;
  nickname: string;
  joinedAt: number;
}

export interface Reaction {
  reaction: string;
  userIds: string[];
}

export interface Device {
  deviceId: string;
  online: boolean;
  lastSeenAt: number;
}

export interface Presence {
  userId: string;
  online: boolean;
  lastSeenAt?: number;
}

export interface ReadersAnswer {
  readCount: number;
  deliveredCount: number;
  memberCount: number;
  readers: { userId: string; readSeq: number }[];
  nextCursor?: string;
}

export interface Message {
  messageId: string;
  conversationId: string;
  seqId: number;
  senderId: string;
  content: string;
  messageType: string;
  tempMessageId: string;
  timestamp: number;
  replyToSeq?: number;
  /** Ids of users, or "all". */
  mentions?: string[];
  editedAt?: number;
  recalledAt?: number;
  recalledBy?: string;
  /** The retention has ended, and the content is gone. */
  expired?: boolean;
  reactions?: Reaction[];
}

export type ConversationType = "single" | "group" | "world";

export interface Conversation {
  conversationId: string;
  type: ConversationType;
  peer?: User;
  group?: Group;
  lastSeq: number;
  readSeq: number;
  unread: number;
  lastMessage?: Message;
  lastMessageAt: number;
  /** Of single chats only. */
  peerReadSeq?: number;
  peerDeliveredSeq?: number;
}

export interface Grant {
  token: string;
  expiresAt: number;
  user: User;
}

export interface Page {
  messages: Message[];
  lastSeq: number;
  hasMore: boolean;
}

export interface SyncedConversation {
  conversationId: string;
  lastSeq: number;
  readSeq: number;
  messages: Message[];
  hasMore: boolean;
  /** What this client has of it is to be forgotten: the server has gone back to an older backup. */
  reset?: boolean;
}

export interface SyncAnswer {
  /** Another one than before: the server has gone back to an older backup. */
  epoch?: string;
  conversations: SyncedConversation[];
  more: boolean;
}

export interface Outcome {
  status: "stored" | "unknown";
  messageId?: string;
  conversationId?: string;
  seqId?: number;
}

export interface StoredData {
  tempMessageId: string;
  messageId: string;
  conversationId: string;
  seqId: number;
  timestamp: number;
}

export interface GroupEvent {
  conversationId: string;
  groupId: string;
  event: string;
  actorId: string;
  userIds?: string[];
}

/** What a message is asked to become. */
export type ChangeKind = "recall" | "edit" | "react" | "unreact";

/** What a sender may say besides the text. */
export interface SendExtras {
  replyToSeq?: number;
  mentions?: string[] | "all";
}

/** Every frame that the server sends. */
export type ServerFrame =
  | { type: "hello"; data: { connectionId: string; userId: string; gatewayId: string; pingInterval: number; serverTime: number; epoch?: string } }
  | { type: "message-ack"; data: { tempMessageId: string; messageId: string; status: string } }
  | { type: "message-stored"; data: StoredData }
  | { type: "message-rejected"; data: { tempMessageId: string; code: string; message: string } }
  | { type: "new-message"; data: Message }
  | { type: "read"; data: { conversationId: string; userId: string; readSeq: number } }
  | { type: "delivered"; data: { conversationId: string; userId: string; deliveredSeq: number } }
  | { type: "typing"; data: { conversationId: string; userId: string } }
  | { type: "presence"; data: Presence }
  | { type: "group-event"; data: GroupEvent }
  | { type: "sync-hint"; data: { conversationId: string; lastSeq: number } }
  | { type: "pong"; data: Record<string, never> }
  | { type: "error"; data: { code: string; message: string; ref?: string } };

/** Every frame that this client sends. */
export type ClientFrame =
  | { type: "send-message"; data: { conversationId: string; content: string; messageType: string; tempMessageId: string } & SendExtras }
  | { type: "change-message"; data: { conversationId: string; seqId: number; change: ChangeKind; content?: string; reaction?: string; tempMessageId: string } }
  | { type: "ping"; data: Record<string, never> }
  | { type: "read"; data: { conversationId: string; seqId: number } }
  | { type: "delivered"; data: { conversationId: string; seqId: number } }
  | { type: "typing"; data: { conversationId: string } }
  | { type: "presence-subscribe"; data: { userIds: string[] } };

/** What the server takes as one message's content, in bytes of UTF-8. */
export const maxContentBytes = 8192;

/** How many bytes the text takes in UTF-8. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
