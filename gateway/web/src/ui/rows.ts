// Turns a conversation and its outbox into the rows of the chat view.

import { messageKey } from "../core/log";
import type { OutboxEntry } from "../core/outbox";
import type { Chat } from "../core/store";
import type { Message } from "../core/types";
import type { ChatRow, MessageRow } from "./bubble";
import type { Row } from "./dom";
import { dayName, daysBetween, hue } from "./format";

/** Messages of one sender within this time, in milliseconds, stand together. */
const together = 5 * 60_000;

export interface RowsInput {
  chat: Chat;
  messages: readonly Message[];
  outbox: readonly OutboxEntry[];
  me: string;
  /** The "new messages" line stands before the first message of others after this number. */
  dividerAfter: number | undefined;
  now: number;
  name(userId: string): string;
}

export function chatRows(input: RowsInput): Row<ChatRow>[] {
  const rows: Row<ChatRow>[] = [];
  let last: { senderId: string; at: number } | undefined;
  let divided = input.dividerAfter === undefined;
  const startDay = (at: number) => {
    if (last && daysBetween(last.at, at) === 0) return;
    const day = new Date(at);
    rows.push({ key: `day-${day.getFullYear()}-${day.getMonth()}-${day.getDate()}`, data: { kind: "day", text: dayName(at, input.now) } });
    last = undefined;
  };
  const seen = new Set<string>();
  for (const m of input.messages) {
    seen.add(messageKey(m));
    startDay(m.timestamp);
    if (!divided && m.seqId > (input.dividerAfter ?? 0) && m.senderId !== input.me) {
      divided = true;
      rows.push({ key: "new", data: { kind: "new", text: "New messages" } });
      last = undefined;
    }
    if (m.messageType === "system") {
      rows.push({ key: `m-${messageKey(m)}`, data: { kind: "system", text: m.content, seqId: m.seqId } });
      last = { senderId: "", at: m.timestamp };
      continue;
    }
    rows.push({ key: `m-${messageKey(m)}`, data: storedRow(m, input, isJoined(last, m.senderId, m.timestamp)) });
    last = { senderId: m.senderId, at: m.timestamp };
  }
  for (const e of input.outbox) {
    const key = messageKey({ senderId: input.me, tempMessageId: e.tempMessageId });
    if (seen.has(key)) continue;
    startDay(e.createdAt);
    rows.push({ key: `m-${key}`, data: waitingRow(e, isJoined(last, input.me, e.createdAt)) });
    last = { senderId: input.me, at: e.createdAt };
  }
  return uniqueKeys(rows);
}

function isJoined(last: { senderId: string; at: number } | undefined, senderId: string, at: number): boolean {
  return last !== undefined && last.senderId === senderId && at - last.at < together;
}

function storedRow(m: Message, input: RowsInput, joined: boolean): MessageRow {
  const own = m.senderId === input.me;
  const named = !own && !joined && input.chat.type !== "single";
  return {
    kind: "message",
    own,
    name: named ? input.name(m.senderId) : undefined,
    hue: hue(m.senderId),
    joined,
    content: m.content,
    messageType: m.messageType,
    at: m.timestamp,
    state: own ? (m.seqId <= input.chat.peerReadSeq ? "read" : "stored") : undefined,
    reason: undefined,
    tempMessageId: m.tempMessageId,
    seqId: m.seqId,
  };
}

function waitingRow(e: OutboxEntry, joined: boolean): MessageRow {
  return {
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
  };
}

/** Clocks may disagree, so that a day begins twice; a key may not. */
function uniqueKeys(rows: Row<ChatRow>[]): Row<ChatRow>[] {
  const count = new Map<string, number>();
  for (const row of rows) {
    const n = count.get(row.key) ?? 0;
    count.set(row.key, n + 1);
    if (n > 0) row.key = `${row.key}~${n}`;
  }
  return rows;
}
