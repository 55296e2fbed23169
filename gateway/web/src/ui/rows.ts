// Turns a conversation and its outbox into the rows of the chat view.

import { messageKey } from "../core/log";
import type { OutboxEntry } from "../core/outbox";
import type { ChatEvent } from "../core/store";
import type { Message } from "../core/types";
import type { ChatRow } from "./bubble";
import type { Row } from "./dom";
import { dayName, daysBetween } from "./format";
import { storedRow, waitingRow, type RowContext } from "./messagerow";
import { eventLine, systemLine } from "./words";

/** Messages of one sender within this time, in milliseconds, stand together. */
const together = 5 * 60_000;

export interface RowsInput extends RowContext {
  messages: readonly Message[];
  /** What has happened that no message tells of. */
  events: readonly ChatEvent[];
  outbox: readonly OutboxEntry[];
  /** The "new messages" line stands before the first message of others after this number. */
  dividerAfter: number | undefined;
  now: number;
}

export function chatRows(input: RowsInput): Row<ChatRow>[] {
  return uniqueKeys(new Builder(input).build());
}

class Builder {
  private readonly input: RowsInput;
  private readonly rows: Row<ChatRow>[] = [];
  private readonly seen = new Set<string>();
  private last: { senderId: string; at: number } | undefined;
  private divided: boolean;

  constructor(input: RowsInput) {
    this.input = input;
    this.divided = input.dividerAfter === undefined;
  }

  build(): Row<ChatRow>[] {
    const first = this.input.messages[0]?.seqId ?? 1;
    const events = this.input.events.filter((e) => e.afterSeq >= first - 1);
    for (const m of this.input.messages) {
      while (events[0] && events[0].afterSeq < m.seqId) this.event(events.shift());
      this.message(m);
    }
    for (const e of events) this.event(e);
    for (const e of this.input.outbox) this.waiting(e);
    return this.rows;
  }

  private message(m: Message): void {
    this.seen.add(messageKey(m));
    const key = `m-${messageKey(m)}`;
    const line = m.messageType === "system" ? systemLine(m, this.input) : undefined;
    if (m.messageType === "system" && line === undefined) return; // the message that it changes shows it
    this.startDay(m.timestamp);
    this.divide(m);
    if (line !== undefined) {
      this.note(key, line, m.timestamp, m.seqId);
      return;
    }
    this.rows.push({ key, data: storedRow(m, this.input, this.isJoined(m.senderId, m.timestamp)) });
    this.last = { senderId: m.senderId, at: m.timestamp };
  }

  private event(e: ChatEvent | undefined): void {
    if (!e) return;
    this.startDay(e.at);
    this.note(`e-${e.id}`, eventLine(e, this.input), e.at, undefined);
  }

  private waiting(e: OutboxEntry): void {
    const key = messageKey({ senderId: this.input.me, tempMessageId: e.tempMessageId });
    if (this.seen.has(key)) return;
    this.startDay(e.createdAt);
    this.rows.push({ key: `m-${key}`, data: waitingRow(e, this.input, this.isJoined(this.input.me, e.createdAt)) });
    this.last = { senderId: this.input.me, at: e.createdAt };
  }

  private note(key: string, text: string, at: number, seqId: number | undefined): void {
    this.rows.push({ key, data: { kind: "system", text, ...(seqId === undefined ? {} : { seqId }) } });
    this.last = { senderId: "", at };
  }

  private startDay(at: number): void {
    if (this.last && daysBetween(this.last.at, at) === 0) return;
    const day = new Date(at);
    this.rows.push({ key: `day-${day.getFullYear()}-${day.getMonth()}-${day.getDate()}`, data: { kind: "day", text: dayName(at, this.input.now) } });
    this.last = undefined;
  }

  private divide(m: Message): void {
    if (this.divided || m.seqId <= (this.input.dividerAfter ?? 0) || m.senderId === this.input.me) return;
    this.divided = true;
    this.rows.push({ key: "new", data: { kind: "new", text: "New messages" } });
    this.last = undefined;
  }

  private isJoined(senderId: string, at: number): boolean {
    return this.last !== undefined && this.last.senderId === senderId && at - this.last.at < together;
  }
}

/** Makes keys unique: where clocks disagree, the separator of a day comes twice. */
function uniqueKeys(rows: Row<ChatRow>[]): Row<ChatRow>[] {
  const count = new Map<string, number>();
  for (const row of rows) {
    const n = count.get(row.key) ?? 0;
    count.set(row.key, n + 1);
    if (n > 0) row.key = `${row.key}~${n}`;
  }
  return rows;
}
