// A group's name, announcement and rule for newcomers: to be read, and to be changed by who may.

import type { Group, JoinPolicy } from "../core/types";
import { h, setText } from "./dom";

export interface GroupChange {
  name?: string;
  announcement?: string;
  joinPolicy?: JoinPolicy;
}

const policies: Record<JoinPolicy, string> = {
  invite: "Owner and admins add people",
  open: "Every member may add people, and people may join by themselves",
};

export class GroupDetails {
  readonly node: HTMLElement;
  private readonly save: (button: HTMLButtonElement, change: GroupChange) => Promise<boolean>;
  private readonly announcement = h("p", { class: "announced" });
  private readonly policy = h("p", { class: "hint" });
  private readonly reading: HTMLElement;
  private readonly form: HTMLFormElement;
  private readonly name = h("input", { class: "input", id: "details-name", type: "text", required: true, maxlength: 64, autocomplete: "off" });
  private readonly text = h("textarea", { class: "input", id: "details-announcement", rows: 3, maxlength: 2000 });
  private readonly rule = h("select", { class: "input", id: "details-policy" }, ...Object.entries(policies).map(([value, words]) => h("option", { value }, words)));
  private readonly editButton: HTMLButtonElement;
  private readonly saveButton = h("button", { class: "button primary-button", type: "submit" }, "Save");
  private group: Group | undefined;
  private editing = false;
  private mayEdit = false;

  constructor(save: (button: HTMLButtonElement, change: GroupChange) => Promise<boolean>) {
    this.save = save;
    this.editButton = h("button", { class: "button", type: "button", click: () => this.enter(true) }, "Edit");
    this.reading = h("div", { class: "details" }, this.announcement, this.policy, this.editButton);
    this.form = h(
      "form",
      { class: "form", hidden: true, submit: (e: SubmitEvent) => void this.submit(e) },
      h("div", { class: "field" }, h("label", { for: this.name.id }, "Name"), this.name),
      h("div", { class: "field" }, h("label", { for: this.text.id }, "Announcement"), this.text),
      h("div", { class: "field" }, h("label", { for: this.rule.id }, "Who adds people"), this.rule),
      h("div", { class: "dialog-buttons" }, h("button", { class: "button", type: "button", click: () => this.enter(false) }, "Cancel"), this.saveButton),
    );
    this.node = h("section", {}, this.reading, this.form);
  }

  render(group: Group, mayEdit: boolean): void {
    this.group = group;
    this.mayEdit = mayEdit;
    setText(this.announcement, group.announcement || "No announcement.");
    this.announcement.classList.toggle("hint", group.announcement === "");
    setText(this.policy, `${policies[group.joinPolicy] ?? ""}.`);
    this.editButton.hidden = !mayEdit;
    if (this.editing && !mayEdit) this.enter(false);
  }

  private enter(editing: boolean): void {
    this.editing = editing && this.mayEdit;
    this.form.hidden = !this.editing;
    this.reading.hidden = this.editing;
    if (this.editing && this.group) {
      this.name.value = this.group.name;
      this.text.value = this.group.announcement;
      this.rule.value = this.group.joinPolicy;
      this.name.focus();
    } else {
      this.editButton.focus();
    }
  }

  /** Only what was changed is sent, so that two people can change different things at once. */
  private async submit(e: SubmitEvent): Promise<void> {
    e.preventDefault();
    const { group } = this;
    if (!group || this.saveButton.disabled) return;
    const name = this.name.value.trim();
    const announcement = this.text.value.trim();
    const joinPolicy = this.rule.value as JoinPolicy;
    const change: GroupChange = {
      ...(name === group.name ? {} : { name }),
      ...(announcement === group.announcement ? {} : { announcement }),
      ...(joinPolicy === group.joinPolicy ? {} : { joinPolicy }),
    };
    if (Object.keys(change).length === 0 || (await this.save(this.saveButton, change))) this.enter(false);
  }
}
