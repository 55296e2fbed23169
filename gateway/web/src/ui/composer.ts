// The field in which a message is written, answered or changed.

import { maxContentBytes, utf8Length, type SendExtras } from "../core/types";
import { h, icon, icons, set, setText } from "./dom";
import { mentioned, offered, unfinished, type Person } from "./mentions";
import { NameList } from "./namelist";

/** The counter shows when fewer bytes than this are left. */
const counterFrom = 1000;
const tallest = 180;

export interface ComposerActions {
  send(text: string, extras: SendExtras): void;
  /** Gives a message a new text. */
  edit(seqId: number, text: string): void;
  typing(): void;
  /** Keeps what is not sent yet. */
  draft(text: string): void;
  /** Who can be named with an @. */
  people(): readonly Person[];
}

/** What is written is about another message. */
interface About {
  kind: "reply" | "edit";
  seqId: number;
}

export class Composer {
  readonly node: HTMLFormElement;
  private readonly actions: ComposerActions;
  private readonly input: HTMLTextAreaElement;
  private readonly counter = h("span", { class: "counter", id: "composer-counter", "aria-live": "polite" });
  private readonly button = h("button", { class: "send", type: "submit", "aria-label": "Send", title: "Send" }, icon(icons.send));
  private readonly aboutTitle = h("strong");
  private readonly aboutText = h("span");
  private readonly aboutBar: HTMLElement;
  private readonly names: NameList;
  private chosen: Person[] = [];
  private about: About | undefined;
  /** What was being written before an edit took the field. */
  private putAside = "";

  constructor(actions: ComposerActions) {
    this.actions = actions;
    this.input = h("textarea", {
      class: "composer-input",
      rows: 1,
      placeholder: "Write a message",
      "aria-label": "Message",
      "aria-describedby": "composer-counter",
      enterkeyhint: "send",
      input: () => this.changed(true),
      click: () => this.suggest(),
      blur: () => this.names.show([]),
      keydown: (e: KeyboardEvent) => this.key(e),
    });
    this.names = new NameList(this.input, (p) => this.name(p));
    this.aboutBar = h(
      "div",
      { class: "about", role: "status", hidden: true },
      h("div", { class: "about-text" }, this.aboutTitle, this.aboutText),
      h("button", { class: "icon-button", type: "button", "aria-label": "Cancel", title: "Cancel", click: () => this.cancel() }, icon(icons.close)),
    );
    const submit = (e: SubmitEvent) => {
      e.preventDefault();
      this.send();
    };
    this.node = h("form", { class: "composer", submit }, this.names.node, this.aboutBar, this.input, this.counter, this.button);
    this.changed(false);
  }

  focus(): void {
    this.input.focus({ preventScroll: true });
  }

  setText(text: string): void {
    this.input.value = text;
    this.changed(false);
  }

  /** The number of the message that is changed or answered, if any. */
  get target(): number | undefined {
    return this.about?.seqId;
  }

  get isEditing(): boolean {
    return this.about?.kind === "edit";
  }

  /** What is written is an answer to that message. */
  reply(seqId: number, name: string, text: string): void {
    if (this.isEditing) this.cancel();
    this.enter({ kind: "reply", seqId }, `Reply to ${name}`, text);
  }

  /** That message's text is to be changed. */
  edit(seqId: number, text: string): void {
    if (!this.isEditing) this.putAside = this.input.value;
    this.enter({ kind: "edit", seqId }, "Edit your message", text);
    this.setText(text);
    this.input.setSelectionRange(text.length, text.length);
  }

  /** Back to writing a message of its own. */
  cancel(): void {
    const wasEdit = this.isEditing;
    this.about = undefined;
    this.aboutBar.hidden = true;
    setText(this.aboutText, "");
    if (wasEdit) this.setText(this.putAside);
    this.putAside = "";
    set(this.button, "aria-label", "Send");
  }

  private enter(about: About, title: string, text: string): void {
    this.about = about;
    this.aboutBar.hidden = false;
    setText(this.aboutTitle, title);
    setText(this.aboutText, text);
    set(this.button, "aria-label", about.kind === "edit" ? "Save" : "Send");
    this.focus();
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing) return; // Enter ends the choice of a character
    if (this.names.key(e)) return;
    if (e.key === "Escape" && this.about) {
      e.stopPropagation(); // the conversation stays
      this.cancel();
      return;
    }
    if (e.key !== "Enter" || e.shiftKey) return;
    e.preventDefault();
    this.send();
  }

  private send(): void {
    const text = this.text();
    if (text === "" || utf8Length(text) > maxContentBytes) return;
    const about = this.about;
    if (about?.kind === "edit") {
      const unchanged = text === this.aboutText.textContent;
      this.cancel();
      if (!unchanged) this.actions.edit(about.seqId, text);
    } else {
      this.cancel();
      this.actions.send(text, { ...(about ? { replyToSeq: about.seqId } : {}), ...mentioned(text, this.chosen) });
      this.setText("");
      this.chosen = [];
      this.actions.draft("");
    }
    this.focus();
  }

  /** What would be sent: no space around it, and no half character, which UTF-8 cannot say. */
  private text(): string {
    return this.input.value.trim().replace(/\p{Surrogate}/gu, "\ufffd");
  }

  private changed(typed: boolean): void {
    const text = this.text();
    const left = maxContentBytes - utf8Length(text);
    setText(this.counter, left < 0 ? `${-left} bytes too long` : left < counterFrom ? `${left} bytes left` : "");
    set(this.counter, "data-over", left < 0);
    this.button.disabled = text === "" || left < 0;
    this.fit();
    if (!typed) return;
    this.suggest();
    if (this.isEditing) return; // what is changed is no draft
    this.actions.draft(this.input.value);
    if (text !== "") this.actions.typing();
  }

  /** Makes the field as high as its text; a field that is not shown has no height yet. */
  fit(): void {
    this.input.style.height = "auto";
    const wanted = this.input.scrollHeight;
    if (wanted > 0) this.input.style.height = `${Math.min(wanted, tallest)}px`;
  }

  private suggest(): void {
    const found = unfinished(this.input.value, this.input.selectionStart);
    this.names.show(found ? offered(found.typed, this.actions.people()) : []);
  }

  /** Writes the rest of the name before the cursor. */
  private name(p: Person): void {
    const cursor = this.input.selectionStart;
    const found = unfinished(this.input.value, cursor);
    if (!found) return;
    this.input.setRangeText(`@${p.name} `, found.at, cursor, "end");
    this.chosen.push(p);
    this.changed(true);
  }
}
