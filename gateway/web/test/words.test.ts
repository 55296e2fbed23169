// Words, mentions, and the rows of messages that were changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutboxEntry } from "../src/core/outbox";
import { Store, type ChatEvent } from "../src/core/store";
import type { Message, User } from "../src/core/types";
import { mentioned, offered, spans, unfinished } from "../src/ui/mentions";
import { allowed } from "../src/ui/messagemenu";
import type { MessageRow } from "../src/ui/messagerow";
import { chatRows } from "../src/ui/rows";
import { eventLine, people, presenceText, previewLine, systemLine } from "../src/ui/words";
import { message, user } from "./fakes";

const known: Record<string, string> = { "2": "Ann", "3": "Bob", "4": "Cy", "5": "Di" };
const names = { me: "1", name: (id: string) => known[id] ?? "…" };

const system = (event: object, senderId = "2") => message(9, { senderId, messageType: "system", content: JSON.stringify(event) });

for (const [event, senderId, want] of [
  [{ event: "members-added", userIds: ["3"], count: 1 }, "2", "Ann added Bob"],
  [{ event: "members-added", userIds: ["3", "1"] }, "2", "Ann added Bob and you"],
  [{ event: "members-added", userIds: ["3", "4", "5"], count: 3 }, "1", "You added Bob, Cy and Di"],
  [{ event: "members-added", userIds: ["3", "4", "5"], count: 250 }, "1", "You added Bob, Cy and 248 others"],
  [{ event: "members-added", userIds: ["2"], count: 1 }, "2", "Ann joined"],
  [{ event: "member-removed", userIds: ["3"] }, "2", "Ann removed Bob"],
  [{ event: "member-removed", userIds: ["2"] }, "2", "Ann left"],
  [{ event: "member-removed", userIds: ["1"] }, "1", "You left"],
  [{ event: "message-recalled", seqId: 5 }, "2", undefined],
  [{ event: "reaction-added", seqId: 5, reaction: "👍" }, "2", undefined],
  [{ event: "something-new" }, "2", "Ann changed something that this version cannot show"],
] as const) {
  test(`words: ${JSON.stringify(event)} by ${senderId}`, () => assert.equal(systemLine(system(event, senderId), names), want));
}

test("words: a system message that is no event is shown as it is", () => {
  assert.equal(systemLine(message(1, { messageType: "system", content: "<b>maintenance</b>" }), names), "<b>maintenance</b>");
});

test("words: nobody", () => assert.equal(people(names, []), "somebody"));

for (const [event, userIds, want] of [
  ["created", [], "Ann created the group"],
  ["updated", [], "Ann changed the group's details"],
  ["role-changed", ["3"], "Ann changed the role of Bob"],
  ["dissolved", [], "Ann dissolved the group"],
  ["from-the-future", [], "Ann changed the group"],
] as const) {
  test(`words: group event ${event}`, () => assert.equal(eventLine({ event, actorId: "2", userIds }, names), want));
}

for (const [m, single, want] of [
  [message(1), true, "text 1"],
  [message(1), false, "Ann: text 1"],
  [message(1, { senderId: "1" }), true, "You: text 1"],
  [message(1, { content: "", recalledAt: 5, recalledBy: "3" }), false, "Bob recalled a message"],
  [system({ event: "message-recalled", seqId: 5 }), true, "Ann recalled a message"],
  [system({ event: "message-edited", seqId: 5, content: "x" }), false, "Ann edited a message"],
  [system({ event: "reaction-added", seqId: 5, reaction: "👍" }, "1"), true, "You reacted 👍"],
  [system({ event: "members-added", userIds: ["3"] }), false, "Ann added Bob"],
] as const) {
  test(`words: preview ${want}`, () => assert.equal(previewLine(m, names, single), want));
}

test("words: presence", () => {
  const noon = new Date(2026, 4, 5, 12).getTime();
  assert.equal(presenceText(undefined, noon), "");
  assert.equal(presenceText({ userId: "2", online: true }, noon), "online");
  assert.equal(presenceText({ userId: "2", online: false }, noon), "offline");
  assert.match(presenceText({ userId: "2", online: false, lastSeenAt: noon - 60_000 }, noon), /^last seen at /);
  assert.equal(presenceText({ userId: "2", online: false, lastSeenAt: noon - 86_400_000 }, noon), "last seen yesterday");
});

for (const [text, want] of [
  ["@", { at: 0, typed: "" }],
  ["hey @Ad", { at: 4, typed: "Ad" }],
  ["(@a", { at: 1, typed: "a" }],
  ["mail@example", undefined],
  ["@Ada ", undefined],
  ["no", undefined],
] as const) {
  test(`mentions: unfinished in ${JSON.stringify(text)}`, () => assert.deepEqual(unfinished(text, text.length), want));
}

const all = [{ userId: "2", name: "Ada Lovelace" }, { userId: "3", name: "Ada" }, { userId: "all", name: "all" }];

test("mentions: offered by any word's beginning", () => {
  assert.deepEqual(offered("lov", all).map((p) => p.userId), ["2"]);
  assert.deepEqual(offered("A", all).map((p) => p.userId), ["2", "3", "all"]);
});

for (const [text, want] of [
  ["hi @Ada Lovelace", { mentions: ["2"] }],
  ["hi @Ada, and @Ada Lovelace", { mentions: ["2", "3"] }],
  ["hi Ada", {}],
  ["hi @Adam", {}],
  ["@all @Ada", { mentions: "all" }],
] as const) {
  test(`mentions: those still named in ${text}`, () => assert.deepEqual(mentioned(text, all), want));
}

test("mentions: the longest name wins, and nothing overlaps", () => {
  const text = "@Ada Lovelace and @Ada.";
  assert.deepEqual(spans(text, ["Ada", "Ada Lovelace"]).map(({ from, to }) => text.slice(from, to)), ["@Ada Lovelace", "@Ada"]);
});

const noon = new Date(2026, 4, 5, 12).getTime();

interface Options {
  changes?: Partial<OutboxEntry>[];
  events?: ChatEvent[];
  quoted?: Message | null;
  delivered?: number;
}

function rows(messages: Message[], options: Options = {}) {
  const store = new Store(user("1", "ada") as User, () => {});
  const chat = store.putConversation({ conversationId: "world", type: "single", lastSeq: 0, readSeq: 0, unread: 0, lastMessageAt: 0 });
  chat.peerDeliveredSeq = options.delivered ?? 0;
  const changes = (options.changes ?? []).map((e) => ({ state: "sending", createdAt: noon, content: "", ...e }) as OutboxEntry);
  return chatRows({
    ...names, chat, messages, outbox: [], changes, events: options.events ?? [], dividerAfter: undefined, now: noon,
    aliases: (id) => [known[id] ?? ""], quoted: () => options.quoted,
  }).map((r) => r.data);
}

function only(messages: Message[], options: Options = {}): MessageRow {
  const found = rows(messages, options).filter((r): r is MessageRow => r.kind === "message");
  assert.equal(found.length, 1);
  return found[0] as MessageRow;
}

const sent = (change: Partial<Message> = {}) => message(1, { timestamp: noon, ...change });

test("rows: changes are no lines of their own", () => {
  const edit = message(2, { messageType: "system", content: '{"event":"message-edited","seqId":1,"content":"x"}', timestamp: noon });
  assert.deepEqual(rows([sent(), edit]).map((r) => r.kind), ["day", "message"]);
});

test("rows: a recalled message shows neither text nor what was made of it", () => {
  const row = only([sent({ content: "", recalledAt: 5, recalledBy: "2", replyToSeq: 1, reactions: [{ reaction: "👍", userIds: ["3"] }], mentions: ["1"] })], { quoted: message(7) });
  assert.deepEqual([row.recalled, row.content, row.reactions, row.quote, row.toMe], ["This message was recalled", "", [], undefined, false]);
});

test("rows: what has expired says so, in its place and where it is quoted", () => {
  const row = only([sent({ content: "", expired: true, replyToSeq: 1 })], { quoted: message(7) });
  assert.deepEqual([row.recalled, row.content, row.quote], ["This message has expired", "", undefined]);
  assert.equal(only([sent({ replyToSeq: 5 })], { quoted: message(5, { content: "", expired: true }) }).quote?.text, "This message has expired");
  const late = only([sent({ senderId: "1", content: "", expired: true })], { changes: [{ content: "new", change: { seqId: 1, change: "edit" } }] });
  assert.equal(late.content, "");
});

test("rows: who recalled", () => {
  const gone = (senderId: string, recalledBy: string) => only([sent({ senderId, content: "", recalledAt: 5, recalledBy })]).recalled;
  assert.deepEqual([gone("1", "1"), gone("1", "3"), gone("3", "1")], ["You recalled this message", "Bob recalled this message", "You recalled this message"]);
});

test("rows: what is wished for is shown before the server has it", () => {
  const react = only([sent()], { changes: [{ change: { seqId: 1, change: "react", reaction: "👍" } }] });
  assert.deepEqual([react.reactions, react.changing], [[{ reaction: "👍", count: 1, mine: true, who: "You" }], true]);
  const edit = only([sent({ senderId: "1" })], { changes: [{ content: "new", change: { seqId: 1, change: "edit" } }] });
  assert.deepEqual([edit.content, edit.edited], ["new", true]);
  const recall = only([sent({ senderId: "1" })], { changes: [{ change: { seqId: 1, change: "recall" } }] });
  assert.deepEqual([recall.content, recall.recalled], ["", "You recalled this message"]);
  const other = only([sent()], { changes: [{ change: { seqId: 2, change: "react", reaction: "👍" } }] });
  assert.deepEqual([other.reactions, other.changing], [[], false]);
});

test("rows: a refused edit leaves the message as it was, with the reason", () => {
  const row = only([sent({ senderId: "1" })], { changes: [{ tempMessageId: "e", content: "new", state: "failed", reason: "Too late.", change: { seqId: 1, change: "edit" } }] });
  assert.deepEqual([row.content, row.changing, row.refused], ["text 1", false, { tempMessageId: "e", reason: "Too late.", text: "new" }]);
});

test("rows: quotes", () => {
  const quote = (quoted: Message | null | undefined) => only([sent({ replyToSeq: 5 })], quoted === undefined ? {} : { quoted }).quote;
  assert.deepEqual(quote(message(5, { senderId: "3", content: "a\nb" })), { seqId: 5, name: "Bob", hue: quote(message(5, { senderId: "3" }))?.hue, text: "a b" });
  assert.equal(quote(null)?.text, "This message cannot be shown");
  assert.equal(quote(undefined)?.text, "…");
  assert.equal(quote(message(5, { content: "", recalledAt: 1, recalledBy: "2" }))?.text, "This message was recalled");
});

test("rows: mentions", () => {
  assert.deepEqual([only([sent({ mentions: ["1", "3"] })]).toMe, only([sent({ mentions: ["3"] })]).toMe, only([sent({ mentions: ["all"] })]).toMe], [true, false, true]);
  assert.deepEqual(only([sent({ mentions: ["3"] })]).mentions, ["Bob"]);
  assert.equal(only([sent({ mentions: "all" as never })]).toMe, true);
  assert.equal(only([sent({ senderId: "1", mentions: ["all"] })]).toMe, false);
});

test("rows: delivered", () => {
  assert.equal(only([sent({ senderId: "1" })], { delivered: 1 }).state, "delivered");
  assert.equal(only([sent({ senderId: "1" })]).state, "stored");
});

test("rows: what has happened stands where it happened", () => {
  const event = { id: 1, event: "updated", actorId: "2", userIds: [], afterSeq: 1, at: noon };
  const shown = rows([sent(), message(2, { timestamp: noon })], { events: [event] }).map((r) => (r.kind === "message" ? r.content : r.text));
  assert.deepEqual(shown, ["Today", "text 1", "Ann changed the group's details", "text 2"]);
});

const minute = 60_000;
for (const [senderId, age, leads, change, want] of [
  ["1", 1, false, {}, "edit recall"],
  ["1", 3, false, {}, "edit"],
  ["1", 16, false, {}, ""],
  ["2", 1, false, {}, ""],
  ["2", 99, true, {}, "recall"],
  ["1", 1, true, { recalledAt: 1 }, ""],
  ["1", 1, false, { messageType: "image" }, "recall"],
] as const) {
  test(`what may be done with a message of ${senderId}, ${age} min old, ${leads ? "leading" : "plain"} ${JSON.stringify(change)}`, () => {
    const store = new Store(user("1", "ada"), () => {});
    const chat = store.putConversation({ conversationId: "x", type: "single", lastSeq: 0, readSeq: 0, unread: 0, lastMessageAt: 0 });
    const can = allowed(sent({ senderId, timestamp: noon - age * minute, ...change }), chat, "1", leads, noon);
    assert.equal([can.edit && "edit", can.recall && "recall"].filter(Boolean).join(" "), want);
  });
}
