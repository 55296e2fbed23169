// Chooses people by their exact names.

import { sentence } from "./dialog";
import { displayName } from "../core/users";
import type { User } from "../core/types";
import { avatar } from "./avatar";
import { h, icon, icons, setText } from "./dom";

let pickers = 0;

export class Picker {
  readonly node: HTMLElement;
  private readonly find: (username: string) => Promise<User | undefined>;
  private readonly refuse: (user: User) => string;
  private readonly chosen = new Map<string, User>();
  private readonly input: HTMLInputElement;
  private readonly answer = h("p", { class: "find-answer", role: "status" });
  private readonly list = h("ul", { class: "chips", "aria-label": "Chosen people" });

  /** refuse says why somebody cannot be chosen; empty when they can. */
  constructor(find: (username: string) => Promise<User | undefined>, refuse: (user: User) => string) {
    this.find = find;
    this.refuse = refuse;
    const id = `picker-${++pickers}`;
    this.input = h("input", {
      class: "input", id, type: "text", placeholder: "Exact user name", autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: 33,
      input: () => setText(this.answer, ""),
      keydown: (e: KeyboardEvent) => this.key(e),
    });
    this.node = h(
      "div",
      { class: "field picker" },
      h("label", { for: id }, "Add people"),
      h("div", { class: "input-row" }, this.input, h("button", { class: "button", type: "button", click: () => void this.add() }, "Add")),
      this.answer,
      this.list,
    );
  }

  get userIds(): string[] {
    return [...this.chosen.keys()];
  }

  clear(): void {
    this.chosen.clear();
    this.list.replaceChildren();
    this.input.value = "";
  }

  /** Takes a name that was typed and not added; false when there is nobody of that name. */
  async settle(): Promise<boolean> {
    return this.input.value.trim() === "" || this.add();
  }

  private key(e: KeyboardEvent): void {
    if (e.key !== "Enter" || e.isComposing) return;
    e.preventDefault(); // adds, and does not send the form around it
    void this.add();
  }

  private async add(): Promise<boolean> {
    const name = this.input.value.trim().replace(/^@/, "");
    if (name === "") return false;
    setText(this.answer, "Looking…");
    try {
      const user = await this.find(name);
      const why = user ? this.refuse(user) : `There is no user called “${name}”.`;
      setText(this.answer, why);
      if (!user || why !== "") return false;
      this.input.value = "";
      if (!this.chosen.has(user.userId)) this.list.append(this.chip(user));
      this.chosen.set(user.userId, user);
      this.input.focus();
      return true;
    } catch (err) {
      setText(this.answer, sentence(err));
      return false;
    }
  }

  private chip(user: User): HTMLElement {
    const name = displayName(user);
    const drop = () => {
      this.chosen.delete(user.userId);
      item.remove();
      this.input.focus();
    };
    const item = h(
      "li",
      { class: "chip" },
      avatar(user.userId, name, user.avatarUrl),
      h("span", {}, name),
      h("button", { class: "icon-button", type: "button", "aria-label": `Do not add ${name}`, click: drop }, icon(icons.close)),
    );
    return item;
  }
}
