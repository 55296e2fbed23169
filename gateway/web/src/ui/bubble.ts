// What one message looks like.

import { clockTime, fullTime, pieces, typeLabel } from "./format";
import { h, set, setText } from "./dom";
import { spans } from "./mentions";
import type { MessageRow, MessageState, Quote, ReactionChip } from "./messagerow";

export interface NoteRow {
  kind: "day" | "new" | "system";
  text: string;
  seqId?: number;
}

export type ChatRow = MessageRow | NoteRow;

export interface BubbleActions {
  retry(tempMessageId: string): void;
  discard(tempMessageId: string): void;
  /** Shows the quoted message. */
  jump(seqId: number): void;
  toggle(seqId: number, reaction: string, on: boolean): void;
  /** Shows what can be done with the message, beside the button. */
  menu(seqId: number, button: HTMLElement): void;
}

const stateMarks: Record<MessageState, { mark: string; label: string }> = {
  queued: { mark: "○", label: "Waiting for the connection" },
  sending: { mark: "○", label: "Sending" },
  accepted: { mark: "○", label: "Accepted by the server" },
  stored: { mark: "✓", label: "Stored" },
  delivered: { mark: "✓✓", label: "Delivered" },
  read: { mark: "✓✓", label: "Read" },
  failed: { mark: "!", label: "Not sent" },
};

/** Makes the list item of a row; fillRow puts the data in. */
export function makeRow(row: ChatRow): HTMLElement {
  if (row.kind !== "message") return h("li", { class: `note note-${row.kind}` }, h("span"));
  return h("li", { class: "message" });
}

/** Brings the list item to what row says; costs nothing when nothing has changed. */
export function fillRow(node: HTMLElement, row: ChatRow, actions: BubbleActions): void {
  const signature = JSON.stringify(row);
  if (signatures.get(node) === signature) return;
  signatures.set(node, signature);
  if (row.seqId !== undefined) node.dataset["seq"] = String(row.seqId);
  if (row.kind !== "message") {
    setText(node.firstElementChild ?? node, row.text);
    return;
  }
  const flags = { own: row.own, joined: row.joined, failed: row.state === "failed", recalled: row.recalled !== undefined, "to-me": row.toMe };
  node.className = ["message", ...Object.entries(flags).flatMap(([name, on]) => (on ? [name] : []))].join(" ");
  set(node, "data-state", row.state);
  set(node, "data-temp", row.tempMessageId);
  set(node, "data-changing", row.changing);
  const focused = node.querySelector(".more") === document.activeElement;
  // The button stays the same one, so that a message that changes keeps the focus.
  const more = node.querySelector<HTMLElement>(".more") ?? moreButton(node, actions);
  more.hidden = row.seqId === undefined || row.recalled !== undefined;
  node.replaceChildren(
    h("div", { class: "line" }, bubble(row, actions), more),
    ...(row.reactions.length > 0 ? [reactions(row, actions)] : []),
    ...(row.state === "failed" ? [failure(row.reason || "The server did not take this message.", row.tempMessageId, actions)] : []),
    ...(row.refused ? [failure(`Not changed to “${row.refused.text}”: ${row.refused.reason}`, row.refused.tempMessageId, actions)] : []),
  );
  if (focused && !more.hidden) more.focus({ preventScroll: true });
}

const signatures = new WeakMap<HTMLElement, string>();

function bubble(row: MessageRow, actions: BubbleActions): HTMLElement {
  return h(
    "div",
    { class: "bubble" },
    row.name !== undefined && h("span", { class: `sender hue-${row.hue}` }, row.name),
    row.quote && quote(row.quote, actions),
    row.recalled === undefined ? body(row) : h("p", { class: "gone" }, row.recalled),
    h("span", { class: "meta" }, row.edited && h("span", { class: "edited" }, "edited"), time(row), row.state !== undefined && mark(row.state)),
  );
}

/** One tab stop for all of them: the arrow keys go from one message to the next. */
function moreButton(node: HTMLElement, actions: BubbleActions): HTMLElement {
  const open = (e: Event) => actions.menu(Number(node.dataset["seq"]), e.currentTarget as HTMLElement);
  return h("button", { class: "more", type: "button", tabindex: -1, "aria-label": "What to do with this message", "aria-haspopup": "menu", click: open }, "⋯");
}

function quote(q: Quote, actions: BubbleActions): HTMLElement {
  return h(
    "button",
    { class: `quote hue-${q.hue}`, type: "button", tabindex: -1, "aria-label": `Go to the quoted message${q.name ? ` of ${q.name}` : ""}`, click: () => actions.jump(q.seqId) },
    q.name !== "" && h("strong", {}, q.name),
    h("span", {}, q.text),
  );
}

function body(row: MessageRow): HTMLElement {
  const label = typeLabel(row.messageType);
  const text = h("p", { class: label ? "content attachment" : "content" });
  if (label) text.append(h("span", { class: "attachment-label" }, label), " ");
  for (const piece of pieces(row.content)) {
    if (piece.href) text.append(h("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer nofollow" }, piece.text));
    else text.append(...withMentions(piece.text, row.mentions));
  }
  return text;
}

function withMentions(text: string, names: readonly string[]): (string | HTMLElement)[] {
  const out: (string | HTMLElement)[] = [];
  let at = 0;
  for (const { from, to } of names.length > 0 ? spans(text, names) : []) {
    out.push(text.slice(at, from), h("span", { class: "mention" }, text.slice(from, to)));
    at = to;
  }
  out.push(text.slice(at));
  return out;
}

function time(row: MessageRow): HTMLElement {
  return h("time", { datetime: new Date(row.at).toISOString(), title: fullTime(row.at) }, clockTime(row.at));
}

function mark(state: MessageState): HTMLElement {
  const { mark, label } = stateMarks[state];
  return h("span", { class: `state state-${state}`, role: "img", "aria-label": label, title: label }, mark);
}

function reactions(row: MessageRow, actions: BubbleActions): HTMLElement {
  return h("div", { class: "reactions" }, ...row.reactions.map((r) => chip(r, row.seqId ?? 0, actions)));
}

function chip(r: ReactionChip, seqId: number, actions: BubbleActions): HTMLElement {
  return h(
    "button",
    {
      class: "reaction", type: "button", tabindex: -1, title: r.who, "aria-pressed": r.mine ? "true" : "false",
      "aria-label": `${r.reaction}: ${r.who}`, click: () => actions.toggle(seqId, r.reaction, !r.mine),
    },
    h("span", { class: "reaction-text" }, r.reaction),
    h("span", { class: "reaction-count" }, String(r.count)),
  );
}

function failure(reason: string, tempMessageId: string, actions: BubbleActions): HTMLElement {
  return h(
    "div",
    { class: "failure", role: "alert" },
    h("span", {}, reason),
    h("button", { type: "button", class: "linklike", click: () => actions.retry(tempMessageId) }, "Try again"),
    h("button", { type: "button", class: "linklike", click: () => actions.discard(tempMessageId) }, "Discard"),
  );
}
