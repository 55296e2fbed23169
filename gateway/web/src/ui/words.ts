// What has happened in a conversation, in words.

import { eventOf } from "../core/changes";
import type { ChatEvent } from "../core/store";
import type { Message, Presence } from "../core/types";
import { clockTime, daysBetween, shortTime, typeLabel } from "./format";

/** How many people a line names. */
const named = 3;

/** A name for the middle of a sentence, and for its beginning. */
export interface Names {
  me: string;
  name(userId: string): string;
}

function who(names: Names, userId: string): string {
  return userId === names.me ? "You" : names.name(userId);
}

function whom(names: Names, userId: string): string {
  return userId === names.me ? "you" : names.name(userId);
}

/** Names people: "Ann, Bob and 3 others". */
export function people(names: Names, userIds: readonly string[], count = userIds.length): string {
  const all = Math.max(count, userIds.length);
  const shown = userIds.slice(0, all > named ? named - 1 : named).map((id) => whom(names, id));
  const others = all - shown.length;
  if (others > 0) shown.push(`${others} ${others === 1 ? "other" : "others"}`);
  if (shown.length === 0) return "somebody";
  if (shown.length === 1) return shown[0] ?? "";
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** The line of a system message; undefined when it is shown otherwise, by the message that it changes. */
export function systemLine(m: Message, names: Names): string | undefined {
  const e = eventOf(m);
  if (!e) return m.content;
  const actor = who(names, m.senderId);
  const alone = "userIds" in e && e.userIds.length === 1 && e.count <= 1 && e.userIds[0] === m.senderId;
  switch (e.event) {
    case "members-added":
      return alone ? `${actor} joined` : `${actor} added ${people(names, e.userIds, e.count)}`;
    case "member-removed":
      return alone ? `${actor} left` : `${actor} removed ${people(names, e.userIds, e.count)}`;
    case "unknown":
      return `${actor} changed something that this version cannot show`;
    default:
      return undefined;
  }
}

/** The line of what has happened to a group. */
export function eventLine(e: Pick<ChatEvent, "event" | "actorId" | "userIds">, names: Names): string {
  const actor = who(names, e.actorId);
  switch (e.event) {
    case "created":
      return `${actor} created the group`;
    case "updated":
      return `${actor} changed the group's details`;
    case "role-changed":
      return e.userIds.length > 0 ? `${actor} changed the role of ${people(names, e.userIds)}` : `${actor} changed a role`;
    case "dissolved":
      return `${actor} dissolved the group`;
    default:
      return `${actor} changed the group`;
  }
}

/** What is said of a conversation's last message in the list. */
export function previewLine(m: Message, names: Names, single: boolean): string {
  const actor = who(names, m.senderId);
  const e = eventOf(m);
  switch (e?.event) {
    case "message-recalled":
      return `${actor} recalled a message`;
    case "message-edited":
      return `${actor} edited a message`;
    case "reaction-added":
      return `${actor} reacted ${e.reaction ?? ""}`.trim();
    case "reaction-removed":
      return `${actor} took back a reaction`;
  }
  if (m.messageType === "system") return systemLine(m, names) ?? "";
  if (m.expired) return expiredLine;
  if (m.recalledAt !== undefined) return `${who(names, m.recalledBy ?? m.senderId)} recalled a message`;
  const text = typeLabel(m.messageType) ?? m.content;
  return single && m.senderId !== names.me ? text : `${actor}: ${text}`;
}

/** What stands in place of a message that has expired. */
export const expiredLine = "This message has expired";

/** What stands in place of a recalled message. */
export function recalledLine(m: Message, names: Names): string {
  const by = m.recalledBy ?? m.senderId;
  if (by === m.senderId) return by === names.me ? "You recalled this message" : "This message was recalled";
  return `${who(names, by)} recalled this message`;
}

/** Whether somebody is there, in words; empty when that is not known. */
export function presenceText(p: Presence | undefined, now: number): string {
  if (!p) return "";
  if (p.online) return "online";
  if (!p.lastSeenAt) return "offline";
  const days = daysBetween(p.lastSeenAt, now);
  return `last seen ${days <= 0 ? `at ${clockTime(p.lastSeenAt)}` : days === 1 ? "yesterday" : shortTime(p.lastSeenAt, now)}`;
}
