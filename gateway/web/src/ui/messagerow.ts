// Turns one message, stored or waiting, into the row that is shown.

import { recalled, withReaction } from "../core/changes";
import type { OutboxEntry, OutboxState } from "../core/outbox";
import type { Chat } from "../core/store";
import type { Message } from "../core/types";
import { hue, typeLabel } from "./format";
import { everybody, means } from "./mentions";
import { expiredLine, recalledLine, type Names } from "./words";

export type MessageState = OutboxState | "delivered" | "read";

export interface ReactionChip {
  reaction: string;
  count: number;
  mine: boolean;
  /** Who, for people. */
  who: string;
}

export interface Quote {
  seqId: number;
  name: string;
  hue: number;
  text: string;
}

/** Everything that a message's looks depend on. */
export interface MessageRow {
  kind: "message";
  own: boolean;
  /** The sender's name where it is to be shown. */
  name: string | undefined;
  hue: number;
  /** Whether it follows closely on the same sender's message. */
  joined: boolean;
  content: string;
  messageType: string;
  at: number;
  /** For own messages only. */
  state: MessageState | undefined;
  reason: string | undefined;
  tempMessageId: string;
  seqId: number | undefined;
  /** What stands in place of a message that was recalled or has expired. */
  recalled: string | undefined;
  edited: boolean;
  /** A change of it is under way. */
  changing: boolean;
  reactions: ReactionChip[];
  quote: Quote | undefined;
  /** The names that are highlighted after an @. */
  mentions: string[];
  /** Whether it names this user. */
  toMe: boolean;
  /** An edit that the server refused. */
  refused: { tempMessageId: string; reason: string; text: string } | undefined;
}

export interface RowContext extends Names {
  chat: Chat;
  /** Changes under way, of any message. */
  changes: readonly OutboxEntry[];
  /** The names that somebody may be called by. */
  aliases(userId: string): string[];
  /** A quoted message: undefined while it is loaded, null when it is not to be had. */
  quoted(seqId: number): Message | undefined | null;
}

const plain = { recalled: undefined, edited: false, changing: false, reactions: [], quote: undefined, mentions: [], toMe: false, refused: undefined };

export function storedRow(stored: Message, context: RowContext, joined: boolean): MessageRow {
  const changes = context.changes.filter((e) => e.change?.seqId === stored.seqId);
  const m = asWished(stored, changes, context.me);
  const own = m.senderId === context.me;
  const named = !own && !joined && context.chat.type !== "single";
  const failed = changes.find((e) => e.state === "failed");
  const row: MessageRow = {
    ...plain,
    kind: "message",
    own,
    name: named ? context.name(m.senderId) : undefined,
    hue: hue(m.senderId),
    joined,
    content: m.content,
    messageType: m.messageType,
    at: m.timestamp,
    state: own ? receipt(m, context.chat) : undefined,
    reason: undefined,
    tempMessageId: m.tempMessageId,
    seqId: m.seqId,
    changing: changes.some((e) => e.state !== "failed"),
    refused: failed && { tempMessageId: failed.tempMessageId, reason: failed.reason ?? "", text: failed.content },
  };
  const gone = goneLine(m, context);
  if (gone !== undefined) return { ...row, content: "", recalled: gone, messageType: "text" };
  const ids = mentionIds(m);
  row.edited = m.editedAt !== undefined;
  row.reactions = chips(m, context);
  row.quote = quote(m.replyToSeq, context);
  row.mentions = ids.flatMap((id) => (id === everybody.userId ? [everybody.name] : context.aliases(id)));
  row.toMe = !own && means(ids, context.me);
  return row;
}

export function waitingRow(e: OutboxEntry, context: RowContext, joined: boolean): MessageRow {
  const ids = e.mentions === "all" ? [everybody.userId] : (e.mentions ?? []);
  return {
    ...plain,
    kind: "message",
    own: true,
    name: undefined,
    hue: 0,
    joined,
    content: e.content,
    messageType: e.messageType,
    at: e.createdAt,
    state: e.state,
    reason: e.reason,
    tempMessageId: e.tempMessageId,
    seqId: undefined,
    quote: quote(e.replyToSeq, context),
    mentions: ids.flatMap((id) => (id === everybody.userId ? [everybody.name] : context.aliases(id))),
  };
}

/** Whom a message names, in whatever form the server says it. */
export function mentionIds(m: Message): string[] {
  const given: unknown = m.mentions;
  return Array.isArray(given) ? given.filter((id) => typeof id === "string") : given === everybody.userId ? [everybody.userId] : [];
}

/** The message as it will be once this user's changes have arrived. */
function asWished(m: Message, changes: readonly OutboxEntry[], me: string): Message {
  for (const e of changes) {
    if (e.state === "failed" || !e.change) continue;
    const { change, reaction } = e.change;
    if (change === "recall") m = recalled(m, e.createdAt, me);
    else if (change === "edit" && m.recalledAt === undefined && !m.expired) m = { ...m, content: e.content, editedAt: e.createdAt };
    else if (reaction !== undefined) m = withReaction(m, reaction, me, change === "react");
  }
  return m;
}

function receipt(m: Message, chat: Chat): MessageState {
  if (m.seqId <= chat.peerReadSeq) return "read";
  return m.seqId <= chat.peerDeliveredSeq ? "delivered" : "stored";
}

function chips(m: Message, context: RowContext): ReactionChip[] {
  return (m.reactions ?? []).map((r) => ({
    reaction: r.reaction,
    count: r.userIds.length,
    mine: r.userIds.includes(context.me),
    who: r.userIds.slice(0, 20).map((id) => (id === context.me ? "You" : context.name(id))).join(", "),
  }));
}

function quote(seqId: number | undefined, context: RowContext): Quote | undefined {
  if (seqId === undefined) return undefined;
  const m = context.quoted(seqId);
  if (!m) return { seqId, name: "", hue: 0, text: m === null ? "This message cannot be shown" : "…" };
  const name = m.senderId === context.me ? "You" : context.name(m.senderId);
  return { seqId, name, hue: hue(m.senderId), text: snippet(m, context) };
}

/** What stands in place of what a message said; undefined while it says it. */
function goneLine(m: Message, names: Names): string | undefined {
  if (m.recalledAt !== undefined) return recalledLine(m, names);
  return m.expired ? expiredLine : undefined;
}

const longestSnippet = 140;

/** The beginning of what a message says, in one line. */
export function snippet(m: Message, names: Names): string {
  const gone = goneLine(m, names);
  if (gone !== undefined) return gone;
  const text = [typeLabel(m.messageType), m.content].filter(Boolean).join(" ").replace(/\s+/g, " ");
  return text.length > longestSnippet ? `${text.slice(0, longestSnippet).replace(/\p{Surrogate}$/u, "")}…` : text;
}
