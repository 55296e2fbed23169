// Looks for messages; the results stand where the conversations do.

import { highlight, queryRule } from "../core/search";
import type { Session } from "../core/session";
import type { Message } from "../core/types";
import { chatAvatar, chatName } from "./avatar";
import { h, icon, icons, reconcile, setText } from "./dom";
import { shortTime } from "./format";

/** How long after the last key the search begins, in milliseconds. */
const typingPause = 300;

export interface SearchActions {
  close(): void;
  /** Shows a found message in its conversation. */
  open(conversationId: string, seqId: number): void;
}

export class SearchPanel {
  readonly node: HTMLElement;
  private readonly session: Session;
  private readonly actions: SearchActions;
  private readonly input: HTMLInputElement;
  private readonly scope = h("span");
  private readonly scopeChip: HTMLElement;
  private readonly status = h("p", { class: "search-status", role: "status" });
  private readonly list = h("ul", { class: "results", "aria-label": "Found messages" });
  private readonly more: HTMLButtonElement;
  private within: string | undefined;
  private timer: number | undefined;

  constructor(session: Session, actions: SearchActions) {
    this.session = session;
    this.actions = actions;
    this.input = h("input", {
      class: "search-input", type: "search", name: "q", placeholder: "Search messages", "aria-label": "Search messages", autocomplete: "off", maxlength: 100,
      input: () => this.later(),
      keydown: (e: KeyboardEvent) => this.key(e),
    });
    this.scopeChip = h(
      "p",
      { class: "search-scope", hidden: true },
      this.scope,
      h("button", { class: "linklike", type: "button", click: () => this.open(undefined) }, "Search everywhere"),
    );
    this.more = h("button", { class: "button results-more", type: "button", hidden: true, click: () => void session.search.more() }, "Show more");
    const submit = (e: SubmitEvent) => {
      e.preventDefault();
      this.run();
    };
    this.node = h(
      "section",
      { class: "search", "aria-label": "Search", hidden: true },
      h(
        "form",
        { class: "find", role: "search", submit },
        this.input,
        h("button", { class: "icon-button", type: "button", "aria-label": "Close the search", title: "Close the search", click: () => this.close() }, icon(icons.close)),
      ),
      this.scopeChip,
      this.status,
      h("div", { class: "results-scroll" }, this.list, this.more),
    );
  }

  /** Begins a search, in one conversation or in all. */
  open(conversationId: string | undefined): void {
    this.within = conversationId;
    this.node.hidden = false;
    this.input.focus();
    this.input.select();
    this.run();
  }

  close(): void {
    clearTimeout(this.timer);
    this.node.hidden = true;
    this.input.value = "";
    void this.session.search.run("", undefined);
    this.actions.close();
  }

  render(now: number): void {
    if (this.node.hidden) return;
    const { search, store, users } = this.session;
    const chat = this.within === undefined ? undefined : store.get(this.within);
    this.scopeChip.hidden = !chat;
    if (chat) setText(this.scope, `In ${chatName(chat, users)}`);
    // What has been recalled, has expired or was left since is not shown, whatever was found.
    const found = search.messages.flatMap((m) => {
      const in_ = store.get(m.conversationId);
      const current = in_?.log.current(m);
      return in_ && current && current.recalledAt === undefined && !current.expired ? [{ chat: in_, m: current }] : [];
    });
    setText(this.status, this.words(found.length));
    const rows = found.map(({ chat, m }) => ({
      key: `${m.conversationId}/${m.seqId}`,
      data: { m, name: chatName(chat, users), sender: m.senderId === store.me.userId ? "You" : users.name(m.senderId), time: shortTime(m.timestamp, now), query: search.query, face: () => chatAvatar(chat, chatName(chat, users)) },
    }));
    reconcile(this.list, rows, (row) => this.make(row.data), fill);
    this.more.hidden = !search.hasMore;
    this.more.disabled = search.isBusy;
  }

  private words(count: number): string {
    const { search } = this.session;
    if (search.error !== "") return search.error;
    if (search.query === "") return queryRule;
    if (search.isBusy && count === 0) return "Searching…";
    if (count === 0) return "Nothing found.";
    return `${count}${search.hasMore ? "+" : ""} found`;
  }

  private key(e: KeyboardEvent): void {
    if (e.key !== "Escape") return;
    e.preventDefault();
    e.stopPropagation(); // the conversation stays
    this.close();
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.run(), typingPause);
  }

  private run(): void {
    clearTimeout(this.timer);
    void this.session.search.run(this.input.value, this.within);
  }

  private make(row: ResultRow): HTMLElement {
    const open = () => this.actions.open(row.m.conversationId, row.m.seqId);
    return h(
      "li",
      {},
      h(
        "button",
        { class: "conversation result", type: "button", click: open },
        h("span", { class: "face" }, row.face()),
        h("span", { class: "name" }),
        h("time", { class: "when" }),
        h("span", { class: "found" }),
      ),
    );
  }
}

interface ResultRow {
  m: Message;
  name: string;
  sender: string;
  time: string;
  query: string;
  face(): HTMLElement;
}

function fill(node: HTMLElement, row: ResultRow): void {
  const part = (name: string) => node.querySelector<HTMLElement>(`.${name}`) ?? node;
  setText(part("name"), row.name);
  setText(part("when"), row.time);
  const hits = highlight(row.m.content, row.query);
  part("found").replaceChildren(`${row.sender}: `, ...hits.map((p) => (p.hit ? h("mark", {}, p.text) : p.text)));
}
