// Changes of messages. Each is a message of type "system" with a number of its own, higher than that of
// the message it changes; the server's history has it applied already. Whatever order they come in, and
// however often, the change with the highest number decides.

import type { ChangeKind, Message, Reaction } from "./types";

/** What a system message says. */
export type SystemEvent =
  | { event: "message-recalled"; seqId: number }
  | { event: "message-edited"; seqId: number; content?: string }
  | { event: "reaction-added" | "reaction-removed"; seqId: number; reaction?: string }
  | { event: "members-added" | "member-removed"; userIds: string[]; count: number }
  | { event: "unknown" };

type Fields = { event?: unknown; seqId?: unknown; content?: unknown; reaction?: unknown; userIds?: unknown; count?: unknown };

const read = new WeakMap<Message, SystemEvent>();

/** Reads a system message; undefined for every other, and for a text that is not an event. */
export function eventOf(m: Message): SystemEvent | undefined {
  if (m.messageType !== "system") return undefined;
  const known = read.get(m);
  if (known) return known;
  const found = parse(m.content, m.seqId);
  if (found) read.set(m, found);
  return found;
}

function parse(text: string, ownSeq: number): SystemEvent | undefined {
  let fields: Fields | null;
  try {
    fields = JSON.parse(text) as Fields | null;
  } catch {
    return undefined;
  }
  if (fields === null || typeof fields !== "object" || typeof fields.event !== "string") return undefined;
  const { event, content, reaction } = fields;
  if (event === "members-added" || event === "member-removed") {
    const userIds = Array.isArray(fields.userIds) ? fields.userIds.filter((id) => typeof id === "string") : [];
    return { event, userIds, count: typeof fields.count === "number" ? fields.count : userIds.length };
  }
  const seqId = fields.seqId;
  if (typeof seqId !== "number" || seqId < 1 || seqId >= ownSeq) return { event: "unknown" };
  if (event === "message-recalled") return { event, seqId };
  if (event === "message-edited") return { event, seqId, ...(typeof content === "string" ? { content } : {}) };
  if (event === "reaction-added" || event === "reaction-removed") return { event, seqId, ...(typeof reaction === "string" ? { reaction } : {}) };
  return { event: "unknown" };
}

/** The number of the message that m changes; undefined when it changes none. */
export function targetOf(m: Message): number | undefined {
  const e = eventOf(m);
  return e && "seqId" in e ? e.seqId : undefined;
}

/** The content of the system message that a change will be stored as. */
export function changeContent(change: { seqId: number; change: ChangeKind; reaction?: string }, content: string): string {
  const { seqId, reaction } = change;
  switch (change.change) {
    case "recall":
      return JSON.stringify({ event: "message-recalled", seqId });
    case "edit":
      return JSON.stringify({ event: "message-edited", seqId, content });
    case "react":
      return JSON.stringify({ event: "reaction-added", seqId, reaction });
    case "unreact":
      return JSON.stringify({ event: "reaction-removed", seqId, reaction });
  }
}

/** What is known to have been done to one message: for each thing that can change, the latest change. */
interface Mark {
  recall?: { seq: number; at: number; by: string };
  edit?: { seq: number; at: number; content: string };
  readonly reactions: Map<string, { seq: number; reaction: string; userId: string; on: boolean }>;
}

/** The changes that were seen, whether or not the messages they are about were. */
export class Marks {
  private readonly marks = new Map<number, Mark>();

  /** Takes a change down; returns the number of the message it is about, undefined when m is no change. */
  note(m: Message): number | undefined {
    const e = eventOf(m);
    if (!e || !("seqId" in e)) return undefined;
    const mark: Mark = this.marks.get(e.seqId) ?? { reactions: new Map() };
    this.marks.set(e.seqId, mark);
    if (e.event === "message-recalled") {
      if (!mark.recall || m.seqId < mark.recall.seq) mark.recall = { seq: m.seqId, at: m.timestamp, by: m.senderId };
      delete mark.edit;
    } else if (e.event === "message-edited") {
      const newer = !mark.edit || m.seqId > mark.edit.seq;
      if (newer && !mark.recall && e.content !== undefined) mark.edit = { seq: m.seqId, at: m.timestamp, content: e.content };
    } else if (e.reaction !== undefined) {
      const key = `${m.senderId}/${e.reaction}`;
      const known = mark.reactions.get(key);
      if (!known || m.seqId > known.seq) mark.reactions.set(key, { seq: m.seqId, reaction: e.reaction, userId: m.senderId, on: e.event === "reaction-added" });
    }
    return e.seqId;
  }

  isRecalled(seqId: number): boolean {
    return this.marks.get(seqId)?.recall !== undefined;
  }

  /** The message as the changes have made it; the same one when they are not about it, or in it already. */
  apply(m: Message): Message {
    const e = eventOf(m);
    if (e?.event === "message-edited") return e.content !== undefined && this.isRecalled(e.seqId) ? withoutText(m, e.seqId) : m;
    const mark = this.marks.get(m.seqId);
    if (!mark || e || m.expired) return m;
    let out = m;
    if (mark.recall && (m.content !== "" || m.recalledAt === undefined)) out = recalled(out, mark.recall.at, mark.recall.by);
    if (mark.edit && m.recalledAt === undefined && m.content !== mark.edit.content) out = { ...out, content: mark.edit.content, editedAt: mark.edit.at };
    for (const r of mark.reactions.values()) out = withReaction(out, r.reaction, r.userId, r.on);
    return out;
  }

  /** Forgets all changes. */
  clear(): void {
    this.marks.clear();
  }

  /** Forgets the changes with lower numbers: what is loaded from now on has them applied. */
  forgetBefore(first: number): void {
    for (const [target, mark] of this.marks) {
      if (mark.recall && mark.recall.seq < first) delete mark.recall;
      if (mark.edit && mark.edit.seq < first) delete mark.edit;
      for (const [key, r] of mark.reactions) if (r.seq < first) mark.reactions.delete(key);
      if (!mark.recall && !mark.edit && mark.reactions.size === 0) this.marks.delete(target);
    }
  }
}

/** The message without what it said. */
export function recalled(m: Message, at: number, by: string): Message {
  return { ...m, content: "", recalledAt: m.recalledAt ?? at, recalledBy: m.recalledBy ?? by };
}

/** An edit, of a message that was recalled after it. */
function withoutText(m: Message, seqId: number): Message {
  return { ...m, content: JSON.stringify({ event: "message-edited", seqId }) };
}

/** The message with or without one user's reaction. */
export function withReaction(m: Message, reaction: string, userId: string, on: boolean): Message {
  const before = m.reactions ?? [];
  const has = before.some((r) => r.reaction === reaction && r.userIds.includes(userId));
  if (has === on) return m;
  let after: Reaction[];
  if (!on) after = before.map((r) => (r.reaction === reaction ? { reaction, userIds: r.userIds.filter((id) => id !== userId) } : r));
  else if (before.some((r) => r.reaction === reaction)) after = before.map((r) => (r.reaction === reaction ? { reaction, userIds: [...r.userIds, userId] } : r));
  else after = [...before, { reaction, userIds: [userId] }];
  after = after.filter((r) => r.userIds.length > 0);
  const { reactions: _, ...rest } = m;
  return after.length > 0 ? { ...rest, reactions: after } : rest;
}
