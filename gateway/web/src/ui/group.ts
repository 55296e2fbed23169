// A group's page: what it is about, who is in it, and what this user may do there.

import { powers, type Members } from "../core/groups";
import type { Session } from "../core/session";
import type { Group, User } from "../core/types";
import { confirm, Dialog } from "./dialog";
import { h, set, setText } from "./dom";
import { fullTime } from "./format";
import { GroupDetails } from "./groupdetails";
import { MemberList } from "./memberlist";
import { Picker } from "./picker";

export class GroupPage {
  private readonly session: Session;
  private readonly id: string;
  private readonly dialog: Dialog;
  private readonly details: GroupDetails;
  private readonly list: MemberList;
  private readonly picker: Picker;
  private readonly about = h("p", { class: "hint" });
  private readonly heading = h("h3", { class: "section" });
  private readonly adding: HTMLElement;
  private readonly addButton: HTMLButtonElement;
  private readonly added = h("p", { class: "hint", role: "status" });
  private readonly leave: HTMLButtonElement;
  private readonly dissolve: HTMLButtonElement;
  private readonly ownerHint = h("p", { class: "hint" }, "To leave, make somebody else the owner first.");

  constructor(session: Session, conversationId: string, find: (username: string) => Promise<User | undefined>, onClose: () => void) {
    this.session = session;
    this.id = conversationId;
    this.dialog = new Dialog("Group", onClose);
    this.details = new GroupDetails((button, change) => this.run(button, (g) => session.groups.change(g, change)));
    this.list = new MemberList(session, {
      setRole: (button, userId, role) => this.run(button, (g) => session.groups.setRole(g, userId, role)),
      remove: (button, userId) => this.run(button, (g) => session.groups.remove(g, userId)),
      more: (button) => this.dialog.attempt(button, () => this.members?.more() ?? Promise.resolve()),
    });
    this.picker = new Picker(find, (user) => (this.members?.find(user.userId) ? "Is in the group already." : ""));
    this.addButton = h("button", { class: "button primary-button", type: "button", click: () => void this.add() }, "Add to the group");
    this.adding = h("div", { class: "adding" }, this.picker.node, this.addButton, this.added);
    this.leave = h("button", { class: "button danger", type: "button", click: () => void this.askLeave() }, "Leave the group");
    this.dissolve = h("button", { class: "button danger", type: "button", click: () => void this.askDissolve() }, "Dissolve the group");
    this.dialog.body.append(this.details.node, this.about, this.heading, this.adding, this.list.node, h("div", { class: "dialog-end" }, this.ownerHint, this.leave, this.dissolve));
  }

  open(): void {
    const group = this.group;
    if (!group) return;
    this.render();
    this.dialog.open();
    // Of a dissolved group the server tells no more than that it was one.
    if (group.dissolvedAt === undefined) void this.dialog.attempt(undefined, () => this.load(group));
  }

  /** Shows what the store says now. */
  render(): void {
    const group = this.group;
    if (!group) {
      if (this.dialog.isOpen) this.dialog.close(); // left, or removed
      return;
    }
    const role = this.session.groups.role(group);
    const may = powers(role, group);
    this.dialog.setTitle(group.name);
    this.details.render(group, may.edit);
    const state = group.dissolvedAt === undefined ? `You are ${role === "member" ? "a member" : role === "owner" ? "the owner" : "an admin"}.` : `Dissolved on ${fullTime(group.dissolvedAt)}.`;
    setText(this.about, state);
    setText(this.heading, `Members (${group.memberCount})`);
    this.heading.hidden = this.list.node.hidden = group.dissolvedAt !== undefined;
    this.adding.hidden = !may.add;
    this.leave.hidden = !may.leave;
    this.dissolve.hidden = !may.dissolve;
    this.ownerHint.hidden = !may.dissolve;
    if (this.members) this.list.render(this.members, group, role);
    set(this.dialog.node, "data-role", role);
  }

  private get group(): Group | undefined {
    return this.session.store.get(this.id)?.group;
  }

  private get members(): Members | undefined {
    return this.group && this.session.groups.members(this.group.groupId);
  }

  private async load(group: Group): Promise<void> {
    const members = this.session.groups.members(group.groupId);
    await (members.isLoaded ? members.refresh() : members.more());
    this.session.groups.seekRole(group);
    this.render();
  }

  /** Runs a call about the group; a refusal's sentence is shown. */
  private async run(button: HTMLButtonElement | undefined, call: (group: Group) => Promise<unknown>): Promise<boolean> {
    const group = this.group;
    const done = group !== undefined && (await this.dialog.attempt(button, () => call(group)));
    this.render();
    return done;
  }

  private async add(): Promise<void> {
    setText(this.added, "");
    if (!(await this.picker.settle()) || this.picker.userIds.length === 0) return;
    await this.run(this.addButton, async (group) => {
      const { added, already } = await this.session.groups.add(group, this.picker.userIds);
      this.picker.clear();
      setText(this.added, `${added.length} added${already.length > 0 ? `, ${already.length} in the group already` : ""}.`);
    });
  }

  private async askLeave(): Promise<void> {
    const group = this.group;
    if (!group) return;
    const back = group.dissolvedAt === undefined ? ", until somebody adds you again" : "";
    const sure = await confirm("Leave the group?", `You will not see “${group.name}” any more${back}.`, "Leave");
    if (sure) await this.run(this.leave, (group) => this.session.groups.leave(group));
  }

  private async askDissolve(): Promise<void> {
    const sure = await confirm("Dissolve the group?", "Nobody can write here any more. What was said can still be read. This cannot be taken back.", "Dissolve");
    if (sure) await this.run(this.dissolve, (group) => this.session.groups.dissolve(group));
  }
}
