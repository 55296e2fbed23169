// The members of a group, a page at a time, with what this user may do to each.

import { powers, type Members, type Powers } from "../core/groups";
import type { Session } from "../core/session";
import type { Group, Member, Role } from "../core/types";
import { avatar } from "./avatar";
import { confirm } from "./dialog";
import { h, reconcile, set, setText } from "./dom";
import { openMenu, type MenuItem } from "./menu";

export interface MemberActions {
  setRole(button: HTMLButtonElement, userId: string, role: Role): Promise<boolean>;
  remove(button: HTMLButtonElement, userId: string): Promise<boolean>;
  more(button: HTMLButtonElement): Promise<boolean>;
}

interface MemberRow extends Member {
  name: string;
  avatarUrl: string;
  me: boolean;
  may: { role: boolean; remove: boolean };
}

export class MemberList {
  readonly node: HTMLElement;
  private readonly session: Session;
  private readonly actions: MemberActions;
  private readonly list = h("ul", { class: "people", "aria-label": "Members" });
  private readonly moreButton: HTMLButtonElement;
  private shown: { members: Members; group: Group; role: Role } | undefined;

  constructor(session: Session, actions: MemberActions) {
    this.session = session;
    this.actions = actions;
    this.moreButton = h("button", { class: "button", type: "button", hidden: true, click: () => void this.more() }, "Show more members");
    this.node = h("div", {}, this.list, this.moreButton);
  }

  render(members: Members, group: Group, role: Role): void {
    this.shown = { members, group, role };
    const may = powers(role, group);
    const rows = members.list.map((m) => ({ key: m.userId, data: this.row(m, group, may) }));
    reconcile(this.list, rows, () => this.make(), (node, row) => this.fill(node, row));
    this.moreButton.hidden = !members.hasMore || !members.isLoaded;
  }

  private row(m: Member, group: Group, may: Powers): MemberRow {
    const me = m.userId === this.session.store.me.userId;
    const role = m.userId === group.ownerId ? "owner" : m.role === "owner" ? "admin" : m.role;
    const user = m.nickname ? undefined : this.session.users.get(m.userId);
    return {
      ...m, role, me,
      name: m.nickname || user?.username || "…",
      avatarUrl: user?.avatarUrl ?? "",
      may: { role: may.setRoles && !me, remove: !me && may.remove(role) },
    };
  }

  private make(): HTMLElement {
    return h("li", { class: "person" });
  }

  private fill(node: HTMLElement, row: MemberRow): void {
    const signature = JSON.stringify(row);
    if (node.dataset["row"] === signature) return;
    node.dataset["row"] = signature;
    set(node, "data-role", row.role);
    const button: HTMLButtonElement = h("button", { class: "more", type: "button", "aria-haspopup": "menu", "aria-label": `What to do with ${row.name}`, click: () => this.menu(button, row) }, "⋯");
    node.replaceChildren(
      avatar(row.userId, row.name, row.avatarUrl),
      h("span", { class: "person-name" }, row.me ? `${row.name} (you)` : row.name),
      ...(row.role === "member" ? [] : [h("span", { class: `role role-${row.role}` }, row.role)]),
      ...(row.may.role || row.may.remove ? [button] : []),
    );
  }

  private menu(button: HTMLButtonElement, row: MemberRow): void {
    const items: MenuItem[] = [];
    const role = (to: Role) => () => void this.actions.setRole(button, row.userId, to);
    if (row.may.role && row.role === "member") items.push({ label: "Make admin", run: role("admin") });
    if (row.may.role && row.role === "admin") items.push({ label: "Make plain member", run: role("member") });
    if (row.may.role) items.push({ label: "Make owner", danger: true, run: () => void this.askTransfer(button, row) });
    if (row.may.remove) items.push({ label: "Remove from the group", danger: true, run: () => void this.askRemove(button, row) });
    openMenu(button, row.name, [], items);
  }

  private async askTransfer(button: HTMLButtonElement, row: MemberRow): Promise<void> {
    if (await confirm(`Make ${row.name} the owner?`, "You will be an admin after that, and only the new owner can change it back.", "Make owner")) {
      await this.actions.setRole(button, row.userId, "owner");
    }
  }

  private async askRemove(button: HTMLButtonElement, row: MemberRow): Promise<void> {
    if (await confirm(`Remove ${row.name}?`, `${row.name} will not see the group any more.`, "Remove")) {
      await this.actions.remove(button, row.userId);
    }
  }

  private async more(): Promise<void> {
    setText(this.moreButton, "Loading…");
    await this.actions.more(this.moreButton);
    setText(this.moreButton, "Show more members");
    if (this.shown) this.render(this.shown.members, this.shown.group, this.shown.role);
  }
}
