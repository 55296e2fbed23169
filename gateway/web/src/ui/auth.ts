// The first screen: log in or register.

import { ApiError, type Api } from "../core/api";
import type { Grant } from "../core/types";
import { h, set, setText } from "./dom";

type Mode = "login" | "register";

const words = {
  login: { title: "Log in", submit: "Log in", other: "New here?", switch: "Create an account" },
  register: { title: "Create an account", submit: "Register", other: "Already registered?", switch: "Log in" },
} as const;

/** Shows the form in root until onGrant is called; notice says why the user is here again. */
export function showAuth(root: HTMLElement, api: Api, notice: string, onGrant: (grant: Grant) => void): void {
  const form = new AuthForm(api, onGrant);
  form.setNotice(notice);
  root.replaceChildren(form.node);
  form.focus();
}

class AuthForm {
  readonly node: HTMLElement;
  private readonly api: Api;
  private readonly onGrant: (grant: Grant) => void;
  private mode: Mode = "login";
  private readonly title = h("h1");
  private readonly notice = h("p", { class: "auth-notice", role: "alert", hidden: true });
  private readonly submit = h("button", { class: "primary", type: "submit" });
  private readonly other = h("span");
  private readonly toggle = h("button", { class: "linklike", type: "button", click: () => this.enter(this.mode === "login" ? "register" : "login") });
  private readonly username = field("username", "User name", { autocomplete: "username", maxlength: 32, required: true, autocapitalize: "none", spellcheck: "false" });
  private readonly nickname = field("nickname", "Shown name (optional)", { autocomplete: "nickname", maxlength: 64 });
  private readonly password = field("password", "Password", { type: "password", required: true });

  constructor(api: Api, onGrant: (grant: Grant) => void) {
    this.api = api;
    this.onGrant = onGrant;
    this.node = h(
      "main",
      { class: "auth" },
      h(
        "form",
        { class: "auth-card", novalidate: true, submit: (e: SubmitEvent) => void this.send(e) },
        h("div", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", {}, "GoChat")),
        h("p", { class: "tagline" }, "Every message arrives. Once, and in order."),
        this.title,
        this.notice,
        this.username.node,
        this.nickname.node,
        this.password.node,
        this.submit,
        h("p", { class: "auth-switch" }, this.other, " ", this.toggle),
      ),
    );
    this.enter("login");
  }

  focus(): void {
    this.username.input.focus();
  }

  setNotice(text: string): void {
    setText(this.notice, text);
    this.notice.hidden = text === "";
  }

  private enter(mode: Mode): void {
    this.mode = mode;
    const w = words[mode];
    setText(this.title, w.title);
    setText(this.submit, w.submit);
    setText(this.other, w.other);
    setText(this.toggle, w.switch);
    this.nickname.node.hidden = mode === "login";
    set(this.password.input, "autocomplete", mode === "login" ? "current-password" : "new-password");
    this.showFields({});
    this.setNotice("");
    this.focus();
  }

  private async send(e: SubmitEvent): Promise<void> {
    e.preventDefault();
    if (this.submit.disabled) return;
    const username = this.username.input.value.trim();
    const password = this.password.input.value;
    this.showFields({});
    if (username === "" || password === "") {
      this.showFields({ ...(username ? {} : { username: "Please enter a name." }), ...(password ? {} : { password: "Please enter a password." }) });
      return;
    }
    this.submit.disabled = true;
    try {
      const grant = this.mode === "login"
        ? await this.api.login(username, password)
        : await this.api.register(username, password, this.nickname.input.value.trim());
      this.onGrant(grant);
    } catch (err) {
      this.refused(err);
    } finally {
      this.submit.disabled = false;
    }
  }

  private refused(err: unknown): void {
    if (!(err instanceof ApiError)) throw err;
    this.showFields(err.fields);
    const known = ["username", "nickname", "password"].some((name) => name in err.fields);
    if (err.code === "username_taken") this.showFields({ username: "This name is taken." });
    else if (err.code === "invalid_credentials") this.setNotice("The name or the password is wrong.");
    else if (err.code === "rate_limited") this.setNotice(`Too many tries. Please wait ${Math.max(1, Math.ceil(err.retryAfter / 1000))} s.`);
    else this.setNotice(known ? "" : err.message);
  }

  private showFields(fields: Readonly<Record<string, string>>): void {
    for (const f of [this.username, this.nickname, this.password]) {
      const text = fields[f.input.name] ?? "";
      setText(f.error, text);
      set(f.input, "aria-invalid", text !== "" && "true");
    }
    this.node.querySelector<HTMLInputElement>("[aria-invalid]")?.focus();
  }
}

interface Field {
  node: HTMLElement;
  input: HTMLInputElement;
  error: HTMLElement;
}

function field(name: string, label: string, props: Record<string, string | number | boolean>): Field {
  const input = h("input", { id: `auth-${name}`, name, type: "text", "aria-describedby": `auth-${name}-error`, ...props });
  const error = h("span", { class: "field-error", id: `auth-${name}-error`, "aria-live": "polite" });
  return { node: h("div", { class: "field" }, h("label", { for: input.id }, label), input, error), input, error };
}
