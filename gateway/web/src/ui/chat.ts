// The view of one conversation.

import type { Session } from "../core/session";
import type { Chat } from "../core/store";
import type { SendExtras } from "../core/types";
import { displayName } from "../core/users";
import { fillRow, makeRow, type BubbleActions } from "./bubble";
import { ChatHeader, type ChatHeaderActions } from "./chatheader";
import { Composer } from "./composer";
import { h, icon, icons, reconcile, set, setText } from "./dom";
import { badge } from "./format";
import { MessageMenu } from "./messagemenu";
import { candidates } from "./people";
import { chatRows } from "./rows";
import { roam } from "./roam";
import { Scroller } from "./scroller";

/** How long a message that was jumped to is marked. */
const flashed = 2000;

export interface ChatViewActions extends ChatHeaderActions {
  onDraft(text: string): void;
  notice(text: string): void;
}

export class ChatView {
  readonly node: HTMLElement;
  private readonly session: Session;
  private readonly id: string;
  private readonly view: ChatViewActions;
  private readonly scroller: Scroller;
  private readonly composer: Composer;
  private readonly header: ChatHeader;
  private readonly menu: MessageMenu;
  private readonly actions: BubbleActions;
  private readonly closed = h("p", { class: "closed", hidden: true }, "This group was dissolved. What was said can still be read.");
  private readonly older = h("p", { class: "older", role: "status" });
  private readonly list = h("ol", { class: "messages" });
  private readonly jumpCount = h("span", { class: "badge", hidden: true });
  private readonly jump: HTMLButtonElement;
  private dividerAfter: number | undefined;
  /** The reader is to be taken to the first unread message once its page is there. */
  private seeking: boolean;
  private seekingFrom: number;
  private lastHead: number;
  /** The message that the reader is to be taken to with the next picture. */
  private wanted: number | undefined;
  private jumps = 0;
  private isFitted = false;

  constructor(session: Session, chat: Chat, draft: string, view: ChatViewActions) {
    this.session = session;
    this.id = chat.id;
    this.view = view;
    this.lastHead = chat.log.head;
    this.seeking = session.store.unread(chat) > 0;
    this.dividerAfter = this.seeking ? chat.readSeq : undefined;
    this.seekingFrom = chat.log.first;
    this.composer = new Composer({
      send: (text, extras) => this.send(text, extras),
      edit: (seqId, text) => session.change(this.id, seqId, "edit", text),
      typing: () => session.typing(this.id),
      draft: (text) => view.onDraft(text),
      people: () => candidates(session, chat),
    });
    this.composer.setText(draft);
    this.menu = new MessageMenu(session, this.composer, (seqId) => void this.goTo(seqId));
    this.actions = {
      retry: (id) => session.retry(id),
      discard: (id) => session.discard(id),
      jump: (seqId) => void this.goTo(seqId),
      toggle: (seqId, reaction, on) => this.menu.toggle(chat, seqId, reaction, on),
      menu: (seqId, button) => this.menu.open(chat, seqId, button),
    };
    this.header = new ChatHeader(session, view);
    this.jump = h(
      "button",
      { class: "jump", type: "button", "aria-label": "Jump to the newest message", title: "Newest message", hidden: true, click: () => this.toEnd() },
      this.jumpCount,
      icon(icons.down),
    );
    const log = h("div", { class: "scroll", tabindex: 0, role: "log", "aria-label": "Messages" }, this.older, this.list);
    this.node = h("section", { class: "chat", "aria-label": "Conversation" }, this.header.node, h("div", { class: "stage" }, log, this.jump), this.closed, this.composer.node);
    this.scroller = new Scroller(log, this.list, () => this.look());
    roam(this.list);
    if (chat.group) session.groups.seekRole(chat.group);
  }

  focus(): void {
    this.composer.focus();
  }

  /** Shows what the store says now. The node must be in the document. */
  render(chat: Chat, now: number): void {
    if (!this.isFitted) this.composer.fit();
    this.isFitted = true;
    this.header.render(chat, now);
    this.write(chat);
    this.divide(chat);
    const { session } = this;
    const { excerpt } = chat.log;
    const rows = chatRows({
      chat,
      messages: excerpt?.messages ?? chat.log.messages,
      events: excerpt ? [] : chat.events,
      outbox: excerpt ? [] : session.outbox.messagesOf(chat.id),
      changes: session.outbox.changesOf(chat.id),
      me: session.store.me.userId,
      dividerAfter: excerpt ? undefined : this.dividerAfter,
      now,
      name: (id) => session.users.name(id),
      aliases: (id) => this.aliases(id),
      quoted: (seqId) => session.history.quoted(chat, seqId),
    });
    this.scroller.keep(() => {
      setText(this.older, session.history.isPaging(chat) ? "Loading messages…" : session.history.hasOlder(chat) ? "" : beginning(chat, rows.length));
      reconcile(this.list, rows, (row) => makeRow(row.data), (node, row) => fillRow(node, row, this.actions));
    }, excerpt === undefined);
    this.show();
    this.seek(chat);
    this.look();
  }

  /** What follows from where the reader is: read, jump button, pages before and behind. */
  look(): void {
    const chat = this.session.store.get(this.id);
    if (!chat || !this.node.isConnected) return;
    const { excerpt } = chat.log;
    const atEnd = this.scroller.atEnd && !excerpt;
    if (atEnd && !this.seeking && document.visibilityState === "visible") this.session.read(chat);
    this.jump.hidden = atEnd;
    const unread = this.session.store.unread(chat);
    this.jumpCount.hidden = unread === 0;
    setText(this.jumpCount, badge(unread));
    if (this.wanted !== undefined) return; // on the way to a message
    if (this.scroller.nearTop) void this.session.history.older(chat);
    if (excerpt && this.scroller.nearBottom) void this.session.history.newer(chat);
  }

  /** Takes the reader to a message, with what is around it. */
  async goTo(seqId: number): Promise<void> {
    const chat = this.session.store.get(this.id);
    if (!chat) return;
    const jump = ++this.jumps;
    this.seeking = false;
    try {
      const found = await this.session.history.around(chat, seqId);
      if (jump !== this.jumps || !this.node.isConnected) return; // the reader has gone elsewhere
      if (!found) {
        this.view.notice("This message cannot be shown.");
        return;
      }
      this.wanted = seqId;
      this.render(chat, Date.now());
    } catch (err) {
      this.view.refused(err);
    }
  }

  private send(text: string, extras: SendExtras): void {
    this.dividerAfter = undefined;
    this.session.send(this.id, text, extras);
    this.newest();
  }

  private toEnd(): void {
    this.newest();
    this.look();
    this.composer.focus();
  }

  private newest(): void {
    this.jumps++;
    this.seeking = false;
    const chat = this.session.store.get(this.id);
    if (chat?.log.excerpt) {
      this.session.history.leave(chat);
      this.render(chat, Date.now());
    }
    this.scroller.toEnd();
  }

  /** The field goes with a dissolved group, and a text that is recalled while it is edited goes, too. */
  private write(chat: Chat): void {
    const dissolved = chat.group?.dissolvedAt !== undefined;
    this.closed.hidden = !dissolved;
    this.composer.node.hidden = dissolved;
    const { target } = this.composer;
    if (target !== undefined && chat.log.at(target)?.recalledAt !== undefined) this.composer.cancel();
  }

  private aliases(userId: string): string[] {
    const user = this.session.users.get(userId);
    return user ? [displayName(user), user.username] : [];
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

  /** Brings the wanted message before the eyes, and marks it for a moment. */
  private show(): void {
    const item = this.wanted === undefined ? null : this.list.querySelector<HTMLElement>(`[data-seq="${this.wanted}"]`);
    this.wanted = undefined;
    if (!item) return;
    this.scroller.to(item);
    set(item, "data-found", true);
    item.querySelector<HTMLElement>(".more:not([hidden])")?.focus({ preventScroll: true });
    window.setTimeout(() => set(item, "data-found", false), flashed);
  }
}

function beginning(chat: Chat, rows: number): string {
  if (rows > 0) return "This is the beginning of the conversation.";
  if (chat.type === "world") return "Nobody has said anything yet. Everyone on this server will read what you write here: say hello!";
  return "No messages yet. Say hello!";
}
