// What can be done with one message.

import { powers } from "../core/groups";
import type { Session } from "../core/session";
import type { Chat } from "../core/store";
import type { Message } from "../core/types";
import type { Composer } from "./composer";
import { openMenu, type MenuItem } from "./menu";
import { snippet } from "./messagerow";
import { showReaders } from "./readers";

const faces = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

/** How long the server takes changes of one's own message, unless it is set otherwise there. */
const editWindow = 15 * 60_000;
const recallWindow = 2 * 60_000;

/** What the server lets this user do with a message. */
export interface Allowed {
  edit: boolean;
  recall: boolean;
  readers: boolean;
}

export function allowed(m: Message, chat: Chat, me: string, leads: boolean, now: number): Allowed {
  const own = m.senderId === me;
  const alive = chat.group?.dissolvedAt === undefined;
  const stands = alive && m.recalledAt === undefined && !m.expired && m.messageType !== "system";
  return {
    edit: stands && own && m.messageType === "text" && now - m.timestamp < editWindow,
    recall: stands && (leads || (own && now - m.timestamp < recallWindow)),
    readers: own && chat.type === "group",
  };
}

export class MessageMenu {
  private readonly session: Session;
  private readonly composer: Composer;
  private readonly jump: (seqId: number) => void;

  constructor(session: Session, composer: Composer, jump: (seqId: number) => void) {
    this.session = session;
    this.composer = composer;
    this.jump = jump;
  }

  /** Opens it beside the button. */
  open(chat: Chat, seqId: number, button: HTMLElement): void {
    const m = chat.log.at(seqId);
    if (!m || m.recalledAt !== undefined || m.expired) return;
    const me = this.session.store.me.userId;
    const alive = chat.group?.dissolvedAt === undefined;
    const leads = chat.group !== undefined && powers(this.session.groups.role(chat.group), chat.group).recallOthers;
    const can = allowed(m, chat, me, leads, Date.now());
    openMenu(button, "Message", alive ? this.faces(chat, m, me) : [], [
      ...(alive ? [{ label: "Reply", run: () => this.reply(m) }] : []),
      ...(m.replyToSeq === undefined ? [] : [{ label: "Go to the quoted message", run: () => this.jump(m.replyToSeq ?? 0) }]),
      { label: "Copy text", run: () => void navigator.clipboard?.writeText(m.content).catch(() => undefined) },
      ...(can.readers ? [{ label: "Read by…", run: () => showReaders(this.session, chat, seqId) }] : []),
      ...(can.edit ? [{ label: "Edit", run: () => this.composer.edit(seqId, m.content) }] : []),
      ...(can.recall ? [{ label: "Recall for everyone", danger: true, run: () => this.session.change(chat.id, seqId, "recall") }] : []),
    ]);
  }

  /** Adds or takes back this user's reaction. */
  toggle(chat: Chat, seqId: number, reaction: string, on: boolean): void {
    const waiting = this.session.outbox.changesOf(chat.id).some((e) => e.state !== "failed" && e.change?.seqId === seqId && e.change.reaction === reaction);
    if (!waiting) this.session.change(chat.id, seqId, on ? "react" : "unreact", reaction);
  }

  private reply(m: Message): void {
    const me = this.session.store.me.userId;
    const name = m.senderId === me ? "yourself" : this.session.users.name(m.senderId);
    this.composer.reply(m.seqId, name, snippet(m, { me, name: (id) => this.session.users.name(id) }));
  }

  private faces(chat: Chat, m: Message, me: string): MenuItem[] {
    const given = (m.reactions ?? []).filter((r) => r.userIds.includes(me)).map((r) => r.reaction);
    return [...faces, ...given.filter((r) => !faces.includes(r))].map((reaction) => {
      const pressed = given.includes(reaction);
      return { label: `${pressed ? "Take back" : "React with"} ${reaction}`, face: reaction, pressed, run: () => this.toggle(chat, m.seqId, reaction, !pressed) };
    });
  }
}
