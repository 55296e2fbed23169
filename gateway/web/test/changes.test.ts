import assert from "node:assert/strict";
import { test } from "node:test";
import { changeContent, eventOf, Marks, targetOf } from "../src/core/changes";
import { Excerpt } from "../src/core/excerpt";
import { MessageLog } from "../src/core/log";
import type { ChangeKind, Message } from "../src/core/types";
import { FakeServer, message } from "./fakes";

function change(seqId: number, target: number, kind: ChangeKind, what = "", senderId = "2"): Message {
  return message(seqId, { senderId, messageType: "system", content: changeContent({ seqId: target, change: kind, reaction: what }, what) });
}

for (const [content, target] of [
  ['{"event":"message-recalled","seqId":5}', 5],
  ['{"event":"message-edited","seqId":5,"content":"x"}', 5],
  ['{"event":"reaction-added","seqId":5,"reaction":"👍"}', 5],
  ['{"event":"reaction-added","seqId":5}', 5],
  ['{"event":"message-recalled","seqId":9}', undefined], // its own number
  ['{"event":"message-recalled","seqId":"5"}', undefined],
  ['{"event":"members-added","userIds":["7"]}', undefined],
  ['{"event":"from-the-future","seqId":5}', undefined],
  ["null", undefined],
  ["hello", undefined],
] as const) {
  test(`changes: target of ${content}`, () => assert.equal(targetOf(message(9, { messageType: "system", content })), target));
}

test("changes: only the server's own messages are believed", () => {
  assert.equal(eventOf(message(9, { content: '{"event":"message-recalled","seqId":5}' })), undefined);
});

test("changes: what has expired stays so, whatever is still known of it", () => {
  const log = new MessageLog(0);
  for (const m of [message(1, { content: "", expired: true }), change(2, 1, "edit", "new"), change(3, 1, "react", "👍")]) log.add(m);
  assert.deepEqual([log.messages[0]?.content, log.messages[0]?.reactions], ["", undefined]);
  log.add(message(4, { messageType: "system", content: '{"event":"reaction-added","seqId":1}', expired: true }));
  assert.equal(log.messages.length, 4);
});

const cases: { name: string; all: Message[]; want: Partial<Message> }[] = [
  { name: "an edit", all: [message(1), change(2, 1, "edit", "new")], want: { content: "new", editedAt: 1002 } },
  { name: "the later of two edits", all: [message(1), change(2, 1, "edit", "a"), change(3, 1, "edit", "b")], want: { content: "b", editedAt: 1003 } },
  { name: "a recall", all: [message(1), change(2, 1, "recall")], want: { content: "", recalledAt: 1002, recalledBy: "2" } },
  { name: "a recall after an edit", all: [message(1), change(2, 1, "edit", "a"), change(3, 1, "recall")], want: { content: "", recalledAt: 1003 } },
  { name: "a recall by somebody else", all: [message(1), change(2, 1, "recall", "", "8")], want: { content: "", recalledBy: "8" } },
  { name: "reactions of two", all: [message(1), change(2, 1, "react", "👍"), change(3, 1, "react", "👍", "3")], want: { reactions: [{ reaction: "👍", userIds: ["2", "3"] }] } },
  { name: "a reaction taken back", all: [message(1), change(2, 1, "react", "👍"), change(3, 1, "unreact", "👍")], want: {} },
  { name: "a reaction made again", all: [message(1), change(2, 1, "react", "👍"), change(3, 1, "unreact", "👍"), change(4, 1, "react", "👍")], want: { reactions: [{ reaction: "👍", userIds: ["2"] }] } },
];

function permutations<T>(all: readonly T[]): T[][] {
  if (all.length < 2) return [[...all]];
  return all.flatMap((x, i) => permutations([...all.slice(0, i), ...all.slice(i + 1)]).map((rest) => [x, ...rest]));
}

function normal(m: Message): Message {
  return m.reactions ? { ...m, reactions: m.reactions.map((r) => ({ ...r, userIds: [...r.userIds].sort() })).sort((a, b) => (a.reaction < b.reaction ? -1 : 1)) } : m;
}

for (const c of cases) {
  test(`changes: ${c.name}, in any order and twice`, () => {
    for (const order of permutations(c.all)) {
      const log = new MessageLog(0);
      for (const m of [...order, ...order]) log.add(m);
      const first = log.messages[0] as Message;
      assert.deepEqual({ content: first.content, ...c.want }, { ...c.want, content: c.want.content ?? "text 1" });
      for (const [name, value] of Object.entries(c.want)) assert.deepEqual(normal(first)[name as keyof Message], value);
      assert.equal(first.reactions, c.want.reactions === undefined ? undefined : first.reactions);
      assert.equal(log.head, c.all.length);
    }
  });
}

/** Everything that an object holds, however deep, as one text. */
function everything(x: unknown): string {
  const seen = new Set<unknown>();
  const walk = (v: unknown): string => {
    if (typeof v === "string") return v;
    if (typeof v !== "object" || v === null || seen.has(v)) return "";
    seen.add(v);
    if (v instanceof Map) return [...v.entries()].map(walk).join("\n");
    if (v instanceof Set) return [...v].map(walk).join("\n");
    return Object.values(v).map(walk).join("\n");
  };
  return walk(x);
}

test("changes: a recalled text is nowhere in memory, whatever came first", () => {
  const all = [message(1, { content: "secret" }), change(2, 1, "edit", "secret, edited"), change(3, 1, "recall")];
  for (const order of permutations([...all, message(1, { content: "secret" })])) {
    const log = new MessageLog(0);
    log.keep(message(1, { content: "secret" }));
    for (const m of order) log.add(m);
    assert.ok(!everything(log).includes("secret"), `held after ${order.map((m) => m.seqId)}`);
  }
});

test("changes: a recall empties the excerpt and quoted messages, too", () => {
  const log = new MessageLog(99);
  log.keep(message(7, { content: "secret" }));
  log.show(new Excerpt([6, 7, 8].map((seq) => message(seq, { content: "secret" })), true));
  const told: (number | undefined)[] = [];
  log.onRecall = (seq) => told.push(seq);
  log.add(change(100, 7, "recall"));
  assert.equal(log.excerpt?.messages[1]?.content, "");
  assert.equal(log.at(7)?.content, "");
  assert.deepEqual(told, [7]);
});

test("changes: a change known before its message was loaded is applied when it is", () => {
  const log = new MessageLog(9);
  log.add(change(10, 5, "edit", "new"));
  log.add(change(11, 6, "recall"));
  log.prepend([5, 6, 7, 8, 9].map((seq) => message(seq)), true);
  assert.deepEqual(log.messages.slice(0, 3).map((m) => m.content), ["new", "", "text 7"]);
});

test("changes: a page from a server that lags behind is changed by its own changes", () => {
  const log = new MessageLog(3);
  log.prepend([message(1), change(2, 1, "edit", "new"), message(3)], false);
  assert.equal(log.messages[0]?.content, "new");
});

test("changes: what history has applied already stays as it is", () => {
  const log = new MessageLog(2);
  const edited = message(1, { content: "new", editedAt: 1002, reactions: [{ reaction: "👍", userIds: ["2"] }] });
  log.prepend([edited, change(2, 1, "edit", "new")], false);
  log.add(change(3, 1, "react", "👍"));
  assert.deepEqual(log.messages[0], edited);
});

test("changes: an old page's own changes do not undo later ones that were not seen", () => {
  const log = new MessageLog(99);
  // Edited at 7, and again at 50, which is in neither run.
  log.show(new Excerpt([message(5, { content: "at 50" }), message(6), change(7, 5, "edit", "at 7")], true));
  assert.equal(log.excerpt?.messages[0]?.content, "at 50");
  log.add(change(100, 5, "react", "👍"));
  assert.equal(log.excerpt?.messages[0]?.content, "at 50");
  assert.deepEqual(log.excerpt?.messages[0]?.reactions, [{ reaction: "👍", userIds: ["2"] }]);
});

test("changes: an excerpt that meets the run becomes part of it", () => {
  const log = new MessageLog(9);
  log.add(message(10));
  const excerpt = new Excerpt([message(7), message(8)], true);
  log.show(excerpt);
  assert.ok(log.excerpt);
  excerpt.append([message(9)]);
  log.show(excerpt);
  assert.equal(log.excerpt, undefined);
  assert.deepEqual(log.messages.map((m) => m.seqId), [7, 8, 9, 10]);
  assert.equal(log.hasOlder, true);
});

test("changes: a jump over a gap forgets what it cannot know", () => {
  const log = new MessageLog(0);
  log.add(message(1));
  log.keep(message(1));
  log.add(change(2, 1, "edit", "old"));
  const told: (number | undefined)[] = [];
  log.onRecall = (seq) => told.push(seq);
  log.reset([message(5000)], 5000);
  assert.equal(log.at(1), undefined);
  assert.deepEqual(told, [undefined]);
  assert.equal(log.current(message(1, { content: "newer" })).content, "newer");
});

test("changes: those of a history that was lost change nothing of the one in its place", () => {
  const log = new MessageLog(0);
  for (let seq = 1; seq <= 15; seq++) log.add(message(seq));
  log.add(change(16, 8, "edit", "lost"));
  log.add(change(17, 10, "recall"));
  log.add(change(18, 15, "edit", "of another message"));
  log.add(change(19, 9, "react", "👍"));
  log.add(change(30, 7, "edit", "behind a gap"));
  // The backup ends at 11.
  log.restart([6, 7, 8, 9, 10, 11].map((seq) => message(seq)), 11);
  for (const seq of [7, 8, 9, 10]) assert.deepEqual(log.at(seq), message(seq));
  assert.deepEqual(log.current(message(3)), message(3));
  for (const seq of [12, 13, 14]) log.add(message(seq));
  log.add(message(15, { content: "new" }));
  assert.equal(log.at(15)?.content, "new");
  log.add(change(16, 15, "edit", "edited"));
  assert.equal(log.at(15)?.content, "edited", "a change with a lower number than a lost one counts");
});

test("changes: marks forgotten with what was trimmed are not missed", () => {
  const marks = new Marks();
  marks.note(change(4, 1, "edit", "x"));
  marks.note(change(9, 1, "react", "👍"));
  marks.forgetBefore(5);
  assert.equal(marks.apply(message(1)).content, "text 1");
  assert.deepEqual(marks.apply(message(1)).reactions, [{ reaction: "👍", userIds: ["2"] }]);
});

test("changes: any history, in pages, pushes and excerpts, ends as the server has it", () => {
  let state = 11;
  const random = (n: number) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 150; round++) {
    const server = new FakeServer();
    const pushed: Message[] = []; // as they were when they were stored
    for (let i = 0; i < 40; i++) {
      const texts = server.messages.filter((m) => m.messageType === "text" && m.recalledAt === undefined);
      const target = texts[random(texts.length || 1)];
      if (!target || random(2) === 0) server.fill(1);
      else server.change(String(2 + random(2)), target.seqId, (["edit", "react", "unreact", "recall"] as const)[random(random(4) === 0 ? 4 : 3)] ?? "edit", `v${i % 3}`);
      pushed.push(server.messages.at(-1) as Message);
    }
    const begin = random(20);
    const log = new MessageLog(begin);
    const order = pushed.slice(begin).sort(() => random(3) - 1);
    for (const m of order) {
      log.add(m);
      if (random(10) === 0 && log.first > 4) log.show(new Excerpt(server.messages.slice(0, log.first - 2 - random(2)), false));
      if (random(10) === 0) log.prepend(server.messages.slice(Math.max(0, log.first - 6), log.first - 1), true);
    }
    for (const m of pushed.slice(begin)) log.add(m);
    log.show(undefined);
    log.prepend(server.messages.slice(0, log.first - 1), false);
    assert.deepEqual(log.messages.map(normal), server.messages.map(normal));
  }
});
