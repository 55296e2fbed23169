// Windows in front of everything else; the browser keeps the focus inside and takes it back after.

import { ApiError } from "../core/api";
import { h, icon, icons, setText } from "./dom";

let dialogs = 0;

/** A dialog with a title and a way out. */
export class Dialog {
  readonly node: HTMLDialogElement;
  readonly body = h("div", { class: "dialog-body" });
  private readonly title = h("h2", { id: `dialog-title-${++dialogs}` });
  private readonly problem = h("p", { class: "dialog-problem", role: "alert" });
  private readonly onClose: () => void;

  constructor(title: string, onClose: () => void = () => {}) {
    this.onClose = onClose;
    this.setTitle(title);
    this.node = h(
      "dialog",
      { class: "dialog", "aria-labelledby": this.title.id },
      h(
        "header",
        { class: "dialog-header" },
        this.title,
        h("button", { class: "icon-button", type: "button", "aria-label": "Close", title: "Close", click: () => this.close() }, icon(icons.close)),
      ),
      this.problem,
      this.body,
    );
    this.node.addEventListener("close", () => {
      this.node.remove();
      window.removeEventListener("hashchange", this.leave);
      this.onClose();
    });
    // A click beside it. What is inside covers the dialog itself.
    this.node.addEventListener("mousedown", (e) => {
      if (e.target === this.node) this.close();
    });
  }

  get isOpen(): boolean {
    return this.node.open;
  }

  open(): void {
    document.body.append(this.node);
    this.node.showModal();
    window.addEventListener("hashchange", this.leave);
  }

  close(): void {
    this.node.close();
  }

  setTitle(text: string): void {
    setText(this.title, text);
  }

  setProblem(text: string): void {
    setText(this.problem, text);
  }

  /** Runs a call of a button that stays pressed meanwhile; a refusal's sentence is shown. True when it was done. */
  async attempt(button: HTMLButtonElement | undefined, call: () => Promise<unknown>): Promise<boolean> {
    this.setProblem("");
    if (button) button.disabled = true;
    try {
      await call();
      return true;
    } catch (err) {
      this.setProblem(sentence(err));
      return false;
    } finally {
      if (button) button.disabled = false;
    }
  }

  private readonly leave = () => this.close();
}

/** What the server said when it refused; whatever else goes wrong is a fault of this program. */
export function sentence(err: unknown): string {
  if (!(err instanceof ApiError)) throw err;
  const fields = Object.entries(err.fields).map(([name, must]) => `${name}: ${must}`);
  const wait = err.status === 429 && err.retryAfter > 0 ? ` Please wait ${Math.ceil(err.retryAfter / 1000)} s.` : "";
  return [err.message, ...fields].join(" ") + wait;
}

/** Asks before something that cannot be taken back. */
export function confirm(title: string, text: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = new Dialog(title, () => resolve(answer));
    const yes = () => {
      answer = true;
      dialog.close();
    };
    dialog.body.append(
      h("p", {}, text),
      h(
        "div",
        { class: "dialog-buttons" },
        h("button", { class: "button", type: "button", autofocus: true, click: () => dialog.close() }, "Cancel"),
        h("button", { class: "button danger", type: "button", click: yes }, action),
      ),
    );
    dialog.node.classList.add("dialog-small");
    dialog.open();
  });
}
