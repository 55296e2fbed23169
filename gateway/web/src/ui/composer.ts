// The field in which a message is written.

import { maxContentBytes, utf8Length } from "../core/types";
import { h, icon, icons, set, setText } from "./dom";

/** The counter shows when fewer bytes than this are left. */
const counterFrom = 1000;
const tallest = 180;

export interface ComposerActions {
  send(text: string): void;
  typing(): void;
  /** Keeps what is not sent yet. */
  draft(text: string): void;
}

export class Composer {
  readonly node: HTMLFormElement;
  private readonly actions: ComposerActions;
  private readonly input: HTMLTextAreaElement;
  private readonly counter = h("span", { class: "counter", id: "composer-counter", "aria-live": "polite" });
  private readonly button = h("button", { class: "send", type: "submit", "aria-label": "Send", title: "Send" }, icon(icons.send));

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
      keydown: (e: KeyboardEvent) => this.key(e),
    });
    this.node = h(
      "form",
      {
        class: "composer",
        submit: (e: SubmitEvent) => {
          e.preventDefault();
          this.send();
        },
      },
      this.input,
      this.counter,
      this.button,
    );
    this.changed(false);
  }

  focus(): void {
    this.input.focus({ preventScroll: true });
  }

  setText(text: string): void {
    this.input.value = text;
    this.changed(false);
  }

  private key(e: KeyboardEvent): void {
    // Enter ends the choice of a character while one is being composed.
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    this.send();
  }

  private send(): void {
    const text = this.text();
    if (text === "" || utf8Length(text) > maxContentBytes) return;
    this.actions.send(text);
    this.setText("");
    this.actions.draft("");
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
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, tallest)}px`;
    if (!typed) return;
    this.actions.draft(this.input.value);
    if (text !== "") this.actions.typing();
  }
}
