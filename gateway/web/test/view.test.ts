import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutboxEntry } from "../src/core/outbox";
import { Store } from "../src/core/store";
import type { Message } from "../src/core/types";
import { utf8Length } from "../src/core/types";
import { Users } from "../src/core/users";
import { chatName } from "../src/ui/avatar";
import { badge, daysBetween, initials, pieces, typeLabel } from "../src/ui/format";
import { chatRows } from "../src/ui/rows";
import { message, settle, user } from "./fakes";

for (const [text, want] of [["", 0], ["abc", 3], ["ä€", 5], ["👋", 4]] as const) {
  test(`utf8Length(${text})`, () => assert.equal(utf8Length(text), want));
}

for (const [text, links] of [
  ["no link", []],
  ["see https://a.example/x?y=1.", ["https://a.example/x?y=1"]],
  ["(http://a.example)", ["http://a.example/"]],
  ["javascript:alert(1) data:text/html,x", []],
  ["<a href='https://a.example'>", ["https://a.example/"]],
  ["https://", []],
  ["https://a.example https://b.example", ["https://a.example/", "https://b.example/"]],
] as const) {
  test(`pieces(${text})`, () => {
    const found = pieces(text);
    assert.deepEqual(found.flatMap((p) => p.href ?? []), links);
    assert.equal(found.map((p) => p.text).join(""), text);
  });
}

for (const [name, want] of [["Ada Lovelace", "AL"], ["bob", "B"], ["ada_x.y", "AY"], ["", "?"], ["👋 x", "👋X"]] as const) {
  test(`initials(${name})`, () => assert.equal(initials(name), want));
}

test("badge", () => assert.deepEqual([1, 99, 100].map(badge), ["1", "99", "99+"]));

test("typeLabel", () => {
  assert.deepEqual(["text", "system", "image", "custom", "new"].map(typeLabel), [undefined, undefined, "Image", "Attachment", "Message"]);
});

test("daysBetween counts midnights, not hours", () => {
  const at = (d: number, h: number) => new Date(2026, 2, d, h).getTime();
  assert.equal(daysBetween(at(1, 23), at(2, 1)), 1);
  assert.equal(daysBetween(at(1, 1), at(1, 23)), 0);
  assert.equal(daysBetween(at(28, 12), at(30, 12)), 2); // over a change of the clocks, where there is one
});

const noon = new Date(2026, 4, 5, 12).getTime();
const at = (minutes: number) => noon + minutes * 60_000;

function rowsOf(messages: Message[], options: { outbox?: Partial<OutboxEntry>[]; dividerAfter?: number; peerReadSeq?: number; type?: "single" | "group" | "world" } = {}) {
  const store = new Store(user("1", "ada"), () => {});
  const chat = store.putConversation({ conversationId: "world", type: options.type ?? "world", lastSeq: 0, readSeq: 0, unread: 0, lastMessageAt: 0 });
  chat.peerReadSeq = options.peerReadSeq ?? 0;
  const outbox = (options.outbox ?? []).map((e) => ({ conversationId: "world", messageType: "text", state: "queued", sent: false, attempts: 0, since: 0, createdAt: noon, ...e }) as OutboxEntry);
  return chatRows({ chat, messages, outbox, me: "1", dividerAfter: options.dividerAfter, now: noon, name: (id) => `user ${id}`, events: chat.events, changes: [], aliases: () => [], quoted: () => undefined });
}

const summary = (rows: ReturnType<typeof rowsOf>) =>
  rows.map(({ data: r }) => (r.kind === "message" ? `${r.content}${r.name ? ` by ${r.name}` : ""}${r.joined ? " joined" : ""}${r.state ? ` ${r.state}` : ""}` : `${r.kind}:${r.text}`));

const cases: { name: string; rows: ReturnType<typeof rowsOf>; want: string[] }[] = [
  { name: "nothing", rows: rowsOf([]), want: [] },
  {
    name: "one sender stands together",
    rows: rowsOf([message(1, { timestamp: at(0) }), message(2, { timestamp: at(1) }), message(3, { timestamp: at(30) })]),
    want: ["day:Today", "text 1 by user 2", "text 2 joined", "text 3 by user 2"],
  },
  {
    name: "days",
    rows: rowsOf([message(1, { timestamp: at(-24 * 60) }), message(2, { timestamp: at(0) })]),
    want: ["day:Yesterday", "text 1 by user 2", "day:Today", "text 2 by user 2"],
  },
  {
    name: "new messages",
    rows: rowsOf([message(1, { timestamp: at(0) }), message(2, { timestamp: at(0) }), message(3, { timestamp: at(0) })], { dividerAfter: 1 }),
    want: ["day:Today", "text 1 by user 2", "new:New messages", "text 2 by user 2", "text 3 joined"],
  },
  {
    name: "a group names who speaks, and knows no reader",
    rows: rowsOf([message(1, { timestamp: at(0) }), message(2, { timestamp: at(0), senderId: "1" })], { type: "group" }),
    want: ["day:Today", "text 1 by user 2", "text 2 stored"],
  },
  {
    name: "own ones are not new",
    rows: rowsOf([message(1, { timestamp: at(0), senderId: "1" })], { dividerAfter: 0 }),
    want: ["day:Today", "text 1 stored"],
  },
  {
    name: "read by the peer",
    rows: rowsOf([message(1, { timestamp: at(0), senderId: "1" }), message(2, { timestamp: at(0), senderId: "1" })], { type: "single", peerReadSeq: 1 }),
    want: ["day:Today", "text 1 read", "text 2 joined stored"],
  },
  {
    name: "a system message is a note",
    rows: rowsOf([message(1, { timestamp: at(0), messageType: "system" })]),
    want: ["day:Today", "system:text 1"],
  },
  {
    name: "the outbox comes last, without what has arrived",
    rows: rowsOf([message(1, { timestamp: at(0), senderId: "1", tempMessageId: "a" })], { outbox: [{ tempMessageId: "a", content: "text 1" }, { tempMessageId: "b", content: "later", state: "failed" }] }),
    want: ["day:Today", "text 1 stored", "later joined failed"],
  },
];

for (const c of cases) {
  test(`rows: ${c.name}`, () => {
    assert.deepEqual(summary(c.rows), c.want);
    assert.equal(new Set(c.rows.map((r) => r.key)).size, c.rows.length);
  });
}

test("rows: a message keeps its key when it moves from the outbox to the log", () => {
  const waiting = rowsOf([], { outbox: [{ tempMessageId: "a", content: "x" }] }).at(-1)?.key;
  const stored = rowsOf([message(1, { senderId: "1", tempMessageId: "a" })]).at(-1)?.key;
  assert.equal(waiting, stored);
});

test("chatName", () => {
  const store = new Store(user("1", "ada"), () => {});
  const users = new Users(async (id) => user(id, "x"), () => {}, () => 0);
  const numbers = { lastSeq: 0, readSeq: 0, unread: 0, lastMessageAt: 0 };
  const group = { groupId: "5", conversationId: "group_5", name: "Team", announcement: "", ownerId: "1", memberCount: 3, joinPolicy: "invite" as const, createdAt: 0 };
  const names = [
    store.putConversation({ conversationId: "world", type: "world", ...numbers }),
    store.putConversation({ conversationId: "group_5", type: "group", group, ...numbers }),
    store.putConversation({ conversationId: "single_a", type: "single", peer: user("2", "bob"), ...numbers }),
    store.putConversation({ conversationId: "single_b", type: "single", peer: { ...user("3", "eve"), nickname: "Eve" }, ...numbers }),
  ].map((chat) => chatName(chat, users));
  assert.deepEqual(names, ["World", "Team", "bob", "Eve"]);
});

test("users: each is asked for once, a few at a time, and a failure not at once again", async () => {
  let now = 0;
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const users = new Users(
    (id) => {
      asked.push(id);
      return new Promise((resolve, reject) => answers.push(() => (id === "9" ? reject(new Error("away")) : resolve(user(id, `name${id}`)))));
    },
    () => {},
    () => now,
  );
  const ids = ["9", "1", "2", "3", "4", "5"];
  for (const id of [...ids, ...ids]) assert.equal(users.name(id), "…");
  assert.deepEqual(asked, ids.slice(0, 4));
  while (answers.length > 0) {
    answers.shift()?.();
    await settle();
  }
  assert.deepEqual(asked, ids);
  assert.equal(users.name("5"), "name5");
  assert.equal(users.name("9"), "…");
  assert.equal(asked.length, ids.length);
  now = 30_000;
  assert.equal(users.name("9"), "…");
  assert.equal(asked.length, ids.length + 1);
});
