// The list of conversations, the search for a user, and who is logged in.

import { ApiError } from "../core/api";
import type { Session } from "../core/session";
import type { Status } from "../core/socket";
import type { Chat } from "../core/store";
import { displayName } from "../core/users";
import type { User } from "../core/types";
import { avatar, avatarKey, chatAvatar, chatName } from "./avatar";
import { typingText } from "./chatheader";
import { h, icon, icons, reconcile, set, setText } from "./dom";
import { badge, shortTime } from "./format";
import { means } from "./mentions";
import { mentionIds } from "./messagerow";
import { SearchPanel } from "./searchpanel";
import { previewLine } from "./words";

export interface SidebarActions {
  open(id: string): void;
  find(username: string): Promise<User | undefined>;
  start(user: User): Promise<void>;
  newGroup(): void;
  devices(): void;
  /** Shows a found message. */
  found(id: string, seqId: number): void;
  /** The search is over. */
  searched(): void;
  logout(): void;
}

const statusWords: Record<Status["kind"], string> = {
  connecting: "Connecting…",
  online: "Online",
  offline: "Offline",
  replaced: "Opened elsewhere",
  ended: "Logged out",
  closed: "Logged out",
};

export class Sidebar {
  readonly node: HTMLElement;
  private readonly session: Session;
  private readonly actions: SidebarActions;
  private readonly list = h("ul", { class: "conversations" });
  private readonly state = h("span", { class: "presence", role: "status" });
  private readonly input = h("input", {
    class: "find-input", type: "search", name: "username", placeholder: "Find a user by exact name",
    "aria-label": "Find a user by exact name", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: 32,
    "aria-describedby": "find-answer",
  });
  private readonly answer = h("p", { class: "find-answer", id: "find-answer", role: "status" });
  private readonly searchPanel: SearchPanel;
  private readonly searchButton: HTMLButtonElement;
  private readonly usual: HTMLElement;

  constructor(session: Session, actions: SidebarActions) {
    this.session = session;
    this.actions = actions;
    const me = session.store.me;
    const name = displayName(me);
    this.searchPanel = new SearchPanel(session, { close: () => this.leaveSearch(), open: (id, seqId) => actions.found(id, seqId) });
    this.searchButton = h("button", { class: "tool", type: "button", click: () => this.search(undefined) }, icon(icons.search), h("span", {}, "Search"));
    this.input.addEventListener("input", () => setText(this.answer, ""));
    this.usual = h(
      "div",
      { class: "usual" },
      h(
        "div",
        { class: "tools" },
        this.searchButton,
        h("button", { class: "tool", type: "button", click: () => actions.newGroup() }, icon(icons.group), h("span", {}, "New group")),
      ),
      h(
        "form",
        { class: "find", role: "search", submit: (e: SubmitEvent) => void this.find(e) },
        this.input,
        h("button", { class: "icon-button find-button", type: "submit", "aria-label": "Start a chat", title: "Start a chat" }, icon(icons.plus)),
        this.answer,
      ),
      this.list,
    );
    this.node = h(
      "nav",
      { class: "sidebar", "aria-label": "Conversations" },
      h(
        "header",
        { class: "sidebar-header" },
        avatar(me.userId, name, me.avatarUrl),
        h("div", { class: "who" }, h("strong", {}, name), h("span", { class: "handle" }, `@${me.username}`)),
        this.state,
        h("button", { class: "icon-button", type: "button", "aria-label": "Your devices", title: "Your devices", click: () => actions.devices() }, icon(icons.devices)),
        h("button", { class: "icon-button", type: "button", "aria-label": "Log out", title: "Log out", click: () => actions.logout() }, icon(icons.leave)),
      ),
      this.searchPanel.node,
      this.usual,
    );
  }

  focusFind(): void {
    this.input.focus();
  }

  /** Looks for messages, in one conversation or in all. */
  search(id: string | undefined): void {
    this.usual.hidden = true;
    this.searchPanel.open(id);
  }

  private leaveSearch(): void {
    this.usual.hidden = false;
    this.searchButton.focus();
    this.actions.searched();
  }

  status(status: Status): void {
    setText(this.state, statusWords[status.kind]);
    set(this.state, "data-kind", status.kind);
  }

  render(openId: string | undefined, now: number): void {
    const rows = this.session.store.list().map((chat) => ({ key: chat.id, data: this.row(chat, openId, now) }));
    reconcile(this.list, rows, (row) => this.make(row.data), fill);
    this.searchPanel.render(now);
  }

  private row(chat: Chat, openId: string | undefined, now: number): ConversationRow {
    const name = chatName(chat, this.session.users);
    const waiting = this.session.outbox.messagesOf(chat.id).at(-1);
    const typing = typingText(chat, this.session, now);
    return {
      chat,
      name,
      unread: this.session.store.unread(chat),
      time: chat.lastMessage ? shortTime(chat.lastMessageAt, now) : "",
      preview: typing || (waiting ? `You: ${waiting.content}` : this.preview(chat)),
      typing: typing !== "",
      open: chat.id === openId,
      online: this.session.peers.get(chat.peer?.userId)?.online === true,
      mentioned: this.mentioned(chat),
    };
  }

  /** Whether an unread message names this user. */
  private mentioned(chat: Chat): boolean {
    const { me } = this.session.store;
    const { messages } = chat.log;
    for (let i = messages.length - 1; i >= 0; i--) {
      const m = messages[i];
      if (!m || m.seqId <= chat.readSeq) return false;
      if (m.senderId !== me.userId && m.recalledAt === undefined && !m.expired && means(mentionIds(m), me.userId)) return true;
    }
    return false;
  }

  private preview(chat: Chat): string {
    const m = chat.lastMessage;
    if (!m) return chat.type === "world" ? "Say hello to everyone" : "No messages yet";
    return previewLine(m, { me: this.session.store.me.userId, name: (id) => this.session.users.name(id) }, chat.type === "single");
  }

  private make(row: ConversationRow): HTMLElement {
    return h(
      "li",
      {},
      h(
        "button",
        { class: "conversation", type: "button", click: () => this.actions.open(row.chat.id) },
        h("span", { class: "face" }),
        h("span", { class: "name" }),
        h("time", { class: "when" }),
        h("span", { class: "preview" }),
        h("span", { class: "marks" }, h("span", { class: "at", "aria-label": "You were mentioned", role: "img" }, "@"), h("span", { class: "badge" })),
      ),
    );
  }

  private async find(e: SubmitEvent): Promise<void> {
    e.preventDefault();
    const name = this.input.value.trim().replace(/^@/, "");
    if (name === "") return;
    setText(this.answer, "Looking…");
    try {
      const user = await this.actions.find(name);
      if (!user) {
        setText(this.answer, `There is no user called “${name}”.`);
      } else if (user.userId === this.session.store.me.userId) {
        setText(this.answer, "That is you.");
      } else {
        await this.actions.start(user);
        this.input.value = "";
        setText(this.answer, "");
      }
    } catch (err) {
      if (!(err instanceof ApiError)) throw err;
      setText(this.answer, err.message);
    }
  }
}

interface ConversationRow {
  chat: Chat;
  name: string;
  unread: number;
  time: string;
  preview: string;
  typing: boolean;
  open: boolean;
  /** Whether the peer of a single chat is there. */
  online: boolean;
  mentioned: boolean;
}

function fill(node: HTMLElement, row: ConversationRow): void {
  const part = (name: string) => node.querySelector<HTMLElement>(`.${name}`) ?? node;
  const button = part("conversation");
  set(button, "aria-current", row.open && "true");
  set(button, "data-unread", row.unread > 0);
  const face = part("face");
  const key = avatarKey(row.chat, row.name);
  if (face.dataset["face"] !== key) {
    face.dataset["face"] = key;
    face.replaceChildren(chatAvatar(row.chat, row.name));
  }
  set(face, "data-online", row.online);
  if (row.online) set(face, "title", "online");
  else face.removeAttribute("title");
  part("at").hidden = !row.mentioned;
  setText(part("name"), row.name);
  setText(part("when"), row.time);
  setText(part("preview"), row.preview);
  part("preview").classList.toggle("typing", row.typing);
  const count = part("badge");
  count.hidden = row.unread === 0;
  setText(count, badge(row.unread));
  set(count, "aria-label", row.unread > 0 && `${row.unread} unread`);
}
