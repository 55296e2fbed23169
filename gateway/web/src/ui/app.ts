// The screen of a logged-in user: list and conversation beside each other, one of them on a phone.

import type { Api } from "../core/api";
import type { Session } from "../core/session";
import type { Status } from "../core/socket";
import { typingShown } from "../core/store";
import { ChatView } from "./chat";
import { showDevices } from "./devices";
import { confirm, sentence } from "./dialog";
import { h, set, setText } from "./dom";
import { badge } from "./format";
import { GroupPage } from "./group";
import { showNewGroup } from "./newgroup";
import { Sidebar } from "./sidebar";
import { welcome } from "./welcome";

const noticeShown = 8000;
const draftPrefix = "gochat.draft.";

export interface AppDeps {
  api: Api;
  session: Session;
  /** What the server knows this client as. */
  device: string;
  /** Drafts live as long as the tab does. */
  drafts: Storage;
  onLogout(): void;
}

export class App {
  private readonly deps: AppDeps;
  private readonly session: Session;
  private readonly sidebar: Sidebar;
  private readonly bannerText = h("span");
  private readonly bannerCount = h("span", { "aria-hidden": "true" });
  private readonly bannerButton = h("button", { type: "button", click: () => this.reconnect() });
  private readonly banner = h("div", { class: "banner", role: "status", hidden: true }, this.bannerText, this.bannerCount, this.bannerButton);
  private readonly notice = h("div", { class: "notice", role: "alert", hidden: true });
  private readonly pane = h("main", { class: "pane" });
  private readonly node: HTMLElement;
  private readonly cleanup: (() => void)[] = [];
  private view: ChatView | undefined;
  private page: GroupPage | undefined;
  private openId: string | undefined;
  private status: Status = { kind: "connecting" };
  private frame = 0;
  private ticker: number | undefined;
  private noticeTimer: number | undefined;

  constructor(root: HTMLElement, deps: AppDeps) {
    this.deps = deps;
    this.session = deps.session;
    this.sidebar = new Sidebar(deps.session, {
      open: (id) => go(id),
      find: (name) => deps.api.findUser(name),
      start: async (user) => go((await deps.session.openSingle(user)).id),
      newGroup: () => showNewGroup(deps.session, (name) => deps.api.findUser(name), (id) => go(id)),
      devices: () => showDevices(deps.api, deps.device),
      found: (id, seqId) => this.found(id, seqId),
      searched: () => set(this.node, "data-view", this.openId === undefined ? "list" : "chat"),
      logout: () => deps.onLogout(),
    });
    this.node = h("div", { class: "app" }, this.banner, this.sidebar.node, this.pane, this.notice);
    root.replaceChildren(this.node);
    this.listen(window, "hashchange", () => this.route(true));
    this.listen(window, "online", () => this.session.socket.wake());
    this.listen(window, "offline", () => this.session.socket.wake());
    this.listen(window, "focus", () => this.changed());
    this.listen(document, "visibilitychange", () => {
      if (document.visibilityState === "visible") this.session.socket.wake();
      this.changed();
    });
    this.listen(document, "keydown", (e) => {
      if (e instanceof KeyboardEvent && e.key === "Escape" && this.openId && !document.querySelector("dialog[open]")) go(undefined);
    });
    this.ticker = window.setInterval(() => this.tick(), 1000);
    this.setStatus(this.status);
    this.route(false);
  }

  /** Something in the store has changed: drawn once before the next picture. */
  changed(): void {
    if (this.frame !== 0) return;
    // A hidden page gets no frames, but its title is to follow.
    if (document.visibilityState === "visible") this.frame = requestAnimationFrame(() => this.render());
    else this.frame = window.setTimeout(() => this.render(), 50);
  }

  setStatus(status: Status): void {
    this.status = status;
    this.sidebar.status(status);
    this.drawBanner();
    this.changed();
  }

  setNotice(text: string): void {
    setText(this.notice, text);
    this.notice.hidden = false;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = window.setTimeout(() => (this.notice.hidden = true), noticeShown);
  }

  /** Ends timers and listeners; the screen may be replaced after. */
  destroy(): void {
    for (const undo of this.cleanup) undo();
    clearInterval(this.ticker);
    clearTimeout(this.noticeTimer);
    cancelAnimationFrame(this.frame);
    clearTimeout(this.frame);
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    this.frame = -1; // a late change draws nothing
    document.title = "GoChat";
  }

  private listen(target: EventTarget, type: string, run: (e: Event) => void): void {
    target.addEventListener(type, run);
    this.cleanup.push(() => target.removeEventListener(type, run));
  }

  private render(): void {
    this.frame = 0;
    const now = Date.now();
    if (!this.view && this.openId) this.route(false);
    this.sidebar.render(this.openId, now);
    const chat = this.openId === undefined ? undefined : this.session.store.get(this.openId);
    if (chat) this.view?.render(chat, now);
    else if (this.view) go(undefined); // left, or no longer a member
    this.page?.render();
    const unread = this.session.store.totalUnread();
    document.title = unread > 0 ? `(${badge(unread)}) GoChat` : "GoChat";
  }

  /** Shows the conversation that the address names. */
  private route(focus: boolean): void {
    const group = /^#\/join\/(\d{1,20})$/.exec(location.hash)?.[1];
    if (group) void this.join(group);
    const wanted = named();
    if (wanted !== this.openId || !this.view) this.show(wanted, focus);
  }

  private show(id: string | undefined, focus: boolean): void {
    const chat = id === undefined ? undefined : this.session.store.get(id);
    const unknown = chat === undefined && id !== undefined && this.session.ready;
    this.openId = unknown ? undefined : id;
    set(this.node, "data-view", this.openId === undefined ? "list" : "chat");
    this.session.store.trim(this.openId);
    if (!chat) {
      this.view = undefined;
      this.pane.replaceChildren(this.openId === undefined ? welcome(() => go("world"), () => this.sidebar.focusFind()) : h("p", { class: "loading", role: "status" }, "Loading…"));
    } else {
      const key = draftPrefix + chat.id;
      const view = new ChatView(this.session, chat, this.deps.drafts.getItem(key) ?? "", {
        back: () => go(undefined),
        search: () => this.search(chat.id),
        group: () => this.openGroup(chat.id),
        refused: (err) => this.setNotice(sentence(err)),
        notice: (text) => this.setNotice(text),
        onDraft: (text) => this.keepDraft(key, text),
      });
      this.view = view;
      this.pane.replaceChildren(view.node);
      view.render(chat, Date.now());
      if (focus && !coarse()) view.focus();
    }
    this.changed();
  }

  /** On a phone the search stands where the list does. */
  private search(id: string): void {
    set(this.node, "data-view", "list");
    this.sidebar.search(id);
  }

  private found(id: string, seqId: number): void {
    if (this.openId !== id || !this.view) {
      history.pushState(null, "", `#/c/${id}`);
      this.show(id, false);
    }
    set(this.node, "data-view", "chat");
    void this.view?.goTo(seqId);
  }

  private openGroup(id: string): void {
    this.page = new GroupPage(this.session, id, (name) => this.deps.api.findUser(name), () => (this.page = undefined));
    this.page.open();
  }

  /** The address is an invitation to an open group. */
  private async join(groupId: string): Promise<void> {
    history.replaceState(null, "", "#/");
    if (!(await confirm("Join this group?", "Its members will see that you came.", "Join"))) return;
    try {
      const chat = await this.session.groups.join(groupId);
      if (chat) go(chat.id);
    } catch (err) {
      this.setNotice(sentence(err));
    }
  }

  private keepDraft(key: string, text: string): void {
    if (text === "") {
      this.deps.drafts.removeItem(key);
      return;
    }
    try {
      this.deps.drafts.setItem(key, text);
    } catch (err) {
      if (!(err instanceof DOMException)) throw err;
      this.setNotice("This browser's storage is full: the draft will not survive a reload.");
    }
  }

  /** Once a second: the countdown, and a "typing" that has run out. */
  private tick(): void {
    if (this.status.kind === "offline") this.drawBanner();
    const now = Date.now();
    const typed = this.session.store.list().some((chat) => [...chat.typing.values()].some((until) => until <= now + typingShown));
    if (typed) this.changed();
  }

  private drawBanner(): void {
    const s = this.status;
    this.banner.hidden = s.kind !== "offline" && s.kind !== "replaced";
    if (s.kind === "replaced") {
      setText(this.bannerText, "GoChat was opened elsewhere with this tab's identity.");
      setText(this.bannerCount, "");
      setText(this.bannerButton, "Use it here");
    } else if (s.kind === "offline") {
      const seconds = Math.max(0, Math.ceil((s.retryAt - Date.now()) / 1000));
      setText(this.bannerText, "You are offline. Messages you write are kept and sent later.");
      setText(this.bannerCount, `Trying again in ${seconds} s`);
      setText(this.bannerButton, "Try now");
    }
  }

  private reconnect(): void {
    if (this.status.kind === "replaced") this.session.socket.connect();
    else this.session.socket.wake();
  }
}

/** The conversation that the address names, if any. */
function named(): string | undefined {
  const found = /^#\/c\/([A-Za-z0-9_]+)$/.exec(location.hash);
  return found?.[1];
}

/** Goes to a conversation, or back to the list; the browser's own back button undoes it. */
export function go(id: string | undefined): void {
  location.hash = id === undefined ? "#/" : `#/c/${id}`;
}

/** A phone's keyboard is not to jump up by itself. */
function coarse(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
