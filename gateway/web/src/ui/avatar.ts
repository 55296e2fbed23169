// The round picture beside a name.

import type { Chat } from "../core/store";
import { displayName, type Users } from "../core/users";
import { h, icon, icons } from "./dom";
import { hue, initials } from "./format";

/** What a conversation is called. */
export function chatName(chat: Chat, users: Users): string {
  if (chat.type === "world") return "World";
  if (chat.type === "group") return chat.group?.name || "Group";
  return chat.peer ? displayName(chat.peer) : users.name("");
}

/** Everything that an avatar's looks depend on, in one string. */
export function avatarKey(chat: Chat, name: string): string {
  return [chat.type, chat.id, name, chat.peer?.avatarUrl ?? ""].join("\n");
}

/** The picture of a conversation: the peer's own when it has one, else initials on one of eight hues. */
export function chatAvatar(chat: Chat, name: string): HTMLElement {
  if (chat.type === "world") return h("span", { class: "avatar avatar-world", "aria-hidden": "true" }, icon(icons.world));
  const seed = chat.peer?.userId ?? chat.id;
  return avatar(seed, name, chat.peer?.avatarUrl ?? "");
}

export function avatar(seed: string, name: string, url: string): HTMLElement {
  const node = h("span", { class: `avatar hue-${hue(seed)}`, "aria-hidden": "true" }, initials(name));
  if (!url.startsWith("https://")) return node;
  const image = h("img", { src: url, alt: "", referrerpolicy: "no-referrer", loading: "lazy" });
  image.addEventListener("error", () => image.remove());
  node.append(image);
  return node;
}
