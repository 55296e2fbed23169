// The bar above a conversation: with whom, and what can be done there.

import type { Session } from "../core/session";
import type { Chat } from "../core/store";
import { avatarKey, chatAvatar, chatName } from "./avatar";
import { h, icon, icons, set, setText } from "./dom";
import { presenceText } from "./words";

export interface ChatHeaderActions {
  back(): void;
  /** Looks for messages in this conversation. */
  search(): void;
  /** Opens the group's page. */
  group(): void;
  /** Tells that the server refused something. */
  refused(err: unknown): void;
}

export class ChatHeader {
  readonly node: HTMLElement;
  private readonly session: Session;
  private readonly face = h("span", { class: "face" });
  private readonly title = h("h2");
  private readonly subtitle = h("p", { class: "subtitle", "aria-live": "polite" });
  private readonly group: HTMLButtonElement;
  private readonly news: HTMLButtonElement;
  private faceKey = "";

  constructor(session: Session, actions: ChatHeaderActions) {
    this.session = session;
    this.group = h("button", { class: "icon-button", type: "button", "aria-label": "About this group", title: "About this group", click: () => actions.group() }, icon(icons.info));
    this.news = h("button", { class: "announcement", type: "button", hidden: true, title: "About this group", click: () => actions.group() });
    this.node = h(
      "div",
      { class: "chat-top" },
      h(
        "header",
        { class: "chat-header" },
        h("button", { class: "icon-button back", type: "button", "aria-label": "Back to the conversations", click: () => actions.back() }, icon(icons.back)),
        this.face,
        h("div", { class: "chat-title" }, this.title, this.subtitle),
        h("button", { class: "icon-button", type: "button", "aria-label": "Search in this conversation", title: "Search in this conversation", click: () => actions.search() }, icon(icons.search)),
        this.group,
      ),
      this.news,
    );
  }

  render(chat: Chat, now: number): void {
    const name = chatName(chat, this.session.users);
    const key = avatarKey(chat, name);
    if (this.faceKey !== key) {
      this.faceKey = key;
      this.face.replaceChildren(chatAvatar(chat, name));
    }
    const presence = this.session.peers.get(chat.peer?.userId);
    set(this.face, "data-online", presence?.online === true);
    setText(this.title, name);
    const handle = describe(chat);
    const there = presenceText(presence, now);
    setText(this.subtitle, typingText(chat, this.session, now) || (there ? `${handle} · ${there}` : handle));
    this.subtitle.classList.toggle("typing", chat.typing.size > 0);
    this.group.hidden = chat.type !== "group";
    const announcement = chat.group?.announcement ?? "";
    this.news.hidden = announcement === "";
    setText(this.news, announcement);
  }
}

function describe(chat: Chat): string {
  if (chat.type === "world") return "Everyone on this server";
  if (chat.type === "group") return chat.group ? members(chat.group.memberCount) : "";
  return chat.peer ? `@${chat.peer.username}` : "";
}

export function members(count: number): string {
  return count === 1 ? "1 member" : `${count} members`;
}

/** Who types, in words; empty when nobody does. */
export function typingText(chat: Chat, session: Session, now: number): string {
  const who = session.store.typists(chat, now);
  if (who.length === 0) return "";
  if (chat.type === "single") return "typing…";
  if (who.length === 1) return `${session.users.name(who[0] ?? "")} is typing…`;
  return `${who.length} people are typing…`;
}
