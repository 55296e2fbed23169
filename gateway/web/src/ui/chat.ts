// The view of one conversation.

import type { Session } from "../core/session";
import type { Chat } from "../core/store";
import { avatarKey, chatAvatar, chatName } from "./avatar";
import { fillRow, makeRow, type BubbleActions } from "./bubble";
import { Composer } from "./composer";
import { h, icon, icons, reconcile, setText } from "./dom";
import { badge } from "./format";
import { chatRows } from "./rows";
import { Scroller } from "./scroller";

export class ChatView {
  readonly node: HTMLElement;
  private readonly session: Session;
  private readonly id: string;
  private readonly scroller: Scroller;
  private readonly composer: Composer;
  private readonly actions: BubbleActions;
  private readonly face = h("span", { class: "face" });
  private readonly title = h("h2");
  private readonly subtitle = h("p", { class: "subtitle", "aria-live": "polite" });
  private readonly older = h("p", { class: "older", role: "status" });
  private readonly list = h("ol", { class: "messages" });
  private readonly jumpCount = h("span", { class: "badge", hidden: true });
  private readonly jump: HTMLButtonElement;
  private faceKey = "";
  private dividerAfter: number | undefined;
  /** The reader is to be taken to the first unread message once its page is there. */
  private seeking: boolean;
  private seekingFrom: number;
  private lastHead: number;

  constructor(session: Session, chat: Chat, draft: string, back: () => void, onDraft: (text: string) => void) {
    this.session = session;
    this.id = chat.id;
    this.lastHead = chat.log.head;
    this.seeking = session.store.unread(chat) > 0;
    this.dividerAfter = this.seeking ? chat.readSeq : undefined;
    this.seekingFrom = chat.log.first;
    this.actions = { retry: (id) => session.retry(id), discard: (id) => session.discard(id) };
    this.composer = new Composer({ send: (text) => this.send(text), typing: () => session.typing(this.id), draft: onDraft });
    this.composer.setText(draft);
    this.jump = h(
      "button",
      { class: "jump", type: "button", "aria-label": "Jump to the newest message", title: "Newest message", hidden: true, click: () => this.toEnd() },
      this.jumpCount,
      icon(icons.down),
    );
    const view = h("div", { class: "scroll", tabindex: 0, role: "log", "aria-label": "Messages" }, this.older, this.list);
    this.node = h(
      "section",
      { class: "chat", "aria-label": "Conversation" },
      h(
        "header",
        { class: "chat-header" },
        h("button", { class: "icon-button back", type: "button", "aria-label": "Back to the conversations", click: back }, icon(icons.back)),
        this.face,
        h("div", { class: "chat-title" }, this.title, this.subtitle),
      ),
      h("div", { class: "stage" }, view, this.jump),
      this.composer.node,
    );
    this.scroller = new Scroller(view, this.list, () => this.look());
  }

  focus(): void {
    this.composer.focus();
  }

  /** Shows what the store says now. The node must be in the document. */
  render(chat: Chat, now: number): void {
    this.header(chat, now);
    this.divide(chat);
    const rows = chatRows({
      chat,
      messages: chat.log.messages,
      outbox: this.session.outbox.of(chat.id),
      me: this.session.store.me.userId,
      dividerAfter: this.dividerAfter,
      now,
      name: (id) => this.session.users.name(id),
    });
    this.scroller.keep(() => {
      setText(this.older, this.session.isPaging(chat) ? "Loading older messages…" : chat.log.hasOlder ? "" : beginning(chat, rows.length));
      reconcile(this.list, rows, (row) => makeRow(row.data), (node, row) => fillRow(node, row, this.actions));
    });
    this.seek(chat);
    this.look();
  }

  /** What follows from where the reader is: read, jump button, older pages. */
  look(): void {
    const chat = this.session.store.get(this.id);
    if (!chat || !this.node.isConnected) return;
    if (this.scroller.atEnd && !this.seeking && document.visibilityState === "visible") this.session.read(chat);
    this.jump.hidden = this.scroller.atEnd;
    const unread = this.session.store.unread(chat);
    this.jumpCount.hidden = unread === 0;
    setText(this.jumpCount, badge(unread));
    if (this.scroller.nearTop) void this.session.older(chat);
  }

  private send(text: string): void {
    this.dividerAfter = undefined;
    this.seeking = false;
    this.session.send(this.id, text);
    this.scroller.toEnd();
  }

  private toEnd(): void {
    this.scroller.toEnd();
    this.look();
    this.composer.focus();
  }

  private header(chat: Chat, now: number): void {
    const name = chatName(chat, this.session.users);
    const key = avatarKey(chat, name);
    if (this.faceKey !== key) {
      this.faceKey = key;
      this.face.replaceChildren(chatAvatar(chat, name));
    }
    setText(this.title, name);
    setText(this.subtitle, typingText(chat, this.session, now) || describe(chat));
    this.subtitle.classList.toggle("typing", chat.typing.size > 0);
  }

  /** New messages that come while nobody looks at the end get a line before them. */
  private divide(chat: Chat): void {
    const away = document.visibilityState !== "visible" || !this.scroller.atEnd;
    if (chat.log.head > this.lastHead && away && this.dividerAfter === undefined && this.session.store.unread(chat) > 0) {
      this.dividerAfter = chat.readSeq;
    }
    this.lastHead = chat.log.head;
  }

  private seek(chat: Chat): void {
    if (!this.seeking) return;
    const paged = chat.log.first < this.seekingFrom || !chat.log.hasOlder;
    const reached = chat.log.first <= (this.dividerAfter ?? 0) + 1;
    if (!paged && !reached) return;
    this.seeking = false;
    const line = this.list.querySelector<HTMLElement>('[data-key="new"]');
    if (line && reached) this.scroller.to(line);
  }
}

function beginning(chat: Chat, rows: number): string {
  if (rows > 0) return "This is the beginning of the conversation.";
  if (chat.type === "world") return "Nobody has said anything yet. Everyone on this server will read what you write here: say hello!";
  return "No messages yet. Say hello!";
}

function describe(chat: Chat): string {
  if (chat.type === "world") return "Everyone on this server";
  if (chat.type === "group") return chat.group ? `${chat.group.memberCount} members` : "";
  return chat.peer ? `@${chat.peer.username}` : "";
}

/** Who types, in words; empty when nobody does. */
export function typingText(chat: Chat, session: Session, now: number): string {
  const who = session.store.typists(chat, now);
  if (who.length === 0) return "";
  if (chat.type === "single") return "typing…";
  if (who.length === 1) return `${session.users.name(who[0] ?? "")} is typing…`;
  return `${who.length} people are typing…`;
}
