// What one message looks like.

import type { OutboxState } from "../core/outbox";
import { clockTime, fullTime, pieces, typeLabel } from "./format";
import { h, set, setText } from "./dom";

/** Everything that a message's looks depend on. */
export interface MessageRow {
  kind: "message";
  own: boolean;
  /** The sender's name where it is to be shown. */
  name: string | undefined;
  hue: number;
  /** Whether it follows closely on the same sender's message. */
  joined: boolean;
  content: string;
  messageType: string;
  at: number;
  /** For own messages only. */
  state: OutboxState | "read" | undefined;
  reason: string | undefined;
  tempMessageId: string;
  seqId: number | undefined;
}

export interface NoteRow {
  kind: "day" | "new" | "system";
  text: string;
  seqId?: number;
}

export type ChatRow = MessageRow | NoteRow;

export interface BubbleActions {
  retry(tempMessageId: string): void;
  discard(tempMessageId: string): void;
}

const stateMarks: Record<OutboxState | "read", { mark: string; label: string }> = {
  queued: { mark: "○", label: "Waiting for the connection" },
  sending: { mark: "○", label: "Sending" },
  accepted: { mark: "✓", label: "Accepted by the server" },
  stored: { mark: "✓✓", label: "Stored" },
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
  node.className = ["message", row.own ? "own" : "", row.joined ? "joined" : "", row.state === "failed" ? "failed" : ""].filter(Boolean).join(" ");
  set(node, "data-state", row.state);
  set(node, "data-temp", row.tempMessageId);
  node.replaceChildren(
    h(
      "div",
      { class: "bubble" },
      row.name !== undefined && h("span", { class: `sender hue-${row.hue}` }, row.name),
      body(row),
      h("span", { class: "meta" }, time(row), row.state !== undefined && mark(row.state)),
    ),
    ...(row.state === "failed" ? [failure(row, actions)] : []),
  );
}

const signatures = new WeakMap<HTMLElement, string>();

function body(row: MessageRow): HTMLElement {
  const label = typeLabel(row.messageType);
  const text = h("p", { class: label ? "content attachment" : "content" });
  if (label) text.append(h("span", { class: "attachment-label" }, label), " ");
  for (const piece of pieces(row.content)) {
    text.append(piece.href ? h("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer nofollow" }, piece.text) : piece.text);
  }
  return text;
}

function time(row: MessageRow): HTMLElement {
  return h("time", { datetime: new Date(row.at).toISOString(), title: fullTime(row.at) }, clockTime(row.at));
}

function mark(state: OutboxState | "read"): HTMLElement {
  const { mark, label } = stateMarks[state];
  return h("span", { class: `state state-${state}`, role: "img", "aria-label": label, title: label }, mark);
}

function failure(row: MessageRow, actions: BubbleActions): HTMLElement {
  return h(
    "div",
    { class: "failure", role: "alert" },
    h("span", {}, row.reason || "The server did not take this message."),
    h("button", { type: "button", class: "linklike", click: () => actions.retry(row.tempMessageId) }, "Try again"),
    h("button", { type: "button", class: "linklike", click: () => actions.discard(row.tempMessageId) }, "Discard"),
  );
}
