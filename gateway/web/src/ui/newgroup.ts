// Makes a group.

import type { Session } from "../core/session";
import type { User } from "../core/types";
import { Dialog } from "./dialog";
import { h } from "./dom";
import { Picker } from "./picker";

/** Opens the form; done gets the new group's conversation. */
export function showNewGroup(session: Session, find: (username: string) => Promise<User | undefined>, done: (conversationId: string) => void): void {
  const dialog = new Dialog("New group");
  const name = h("input", { class: "input", id: "group-name", type: "text", required: true, maxlength: 64, autocomplete: "off" });
  const picker = new Picker(find, (user) => (user.userId === session.store.me.userId ? "You are in it anyway." : ""));
  const create = h("button", { class: "button primary-button", type: "submit" }, "Create");
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    if (create.disabled || !(await picker.settle())) return;
    await dialog.attempt(create, async () => {
      const chat = await session.groups.create(name.value.trim(), picker.userIds);
      dialog.close();
      if (chat) done(chat.id);
    });
  };
  dialog.body.append(
    h(
      "form",
      { class: "form", submit: (e: SubmitEvent) => void submit(e) },
      h("div", { class: "field" }, h("label", { for: "group-name" }, "Name"), name),
      picker.node,
      h("div", { class: "dialog-buttons" }, create),
    ),
  );
  dialog.open();
  name.focus();
}
