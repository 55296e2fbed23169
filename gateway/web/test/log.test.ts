import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageLog } from "../src/core/log";
import { message } from "./fakes";

const seqs = (log: MessageLog) => log.messages.map((m) => m.seqId);

const cases: { name: string; head: number; add: number[]; want: number[]; wantHead: number; added: string[] }[] = [
  { name: "in order", head: 0, add: [1, 2, 3], want: [1, 2, 3], wantHead: 3, added: ["added", "added", "added"] },
  { name: "twice", head: 0, add: [1, 1, 2, 1], want: [1, 2], wantHead: 2, added: ["added", "known", "added", "known"] },
  { name: "a gap holds back", head: 0, add: [1, 3, 4], want: [1], wantHead: 1, added: ["added", "gap", "gap"] },
  { name: "a filled gap lets go", head: 0, add: [1, 4, 3, 2, 5], want: [1, 2, 3, 4, 5], wantHead: 5, added: ["added", "gap", "gap", "added", "added"] },
  { name: "begins after the head", head: 7, add: [7, 8], want: [8], wantHead: 8, added: ["known", "added"] },
  { name: "reversed", head: 0, add: [3, 2, 1], want: [1, 2, 3], wantHead: 3, added: ["gap", "gap", "added"] },
];

for (const c of cases) {
  test(`log: ${c.name}`, () => {
    const log = new MessageLog(c.head);
    assert.deepEqual(c.add.map((seq) => log.add(message(seq))), c.added);
    assert.deepEqual(seqs(log), c.want);
    assert.equal(log.head, c.wantHead);
  });
}

test("log: any order of arrival ends in the same run", () => {
  let state = 42;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let round = 0; round < 200; round++) {
    const log = new MessageLog(0);
    const all = Array.from({ length: 40 }, (_, i) => 1 + Math.floor(i / 2)).sort(() => random() - 0.5);
    for (const seq of all) log.add(message(seq));
    assert.deepEqual(seqs(log), Array.from({ length: 20 }, (_, i) => i + 1));
  }
});

const prepends: { name: string; page: number[]; hasMore: boolean; want: number[]; hasOlder: boolean }[] = [
  { name: "joins", page: [7, 8, 9], hasMore: true, want: [7, 8, 9, 10], hasOlder: true },
  { name: "overlaps", page: [8, 9, 10], hasMore: true, want: [8, 9, 10], hasOlder: true },
  { name: "does not join", page: [5, 6], hasMore: true, want: [10], hasOlder: true },
  { name: "has a hole", page: [6, 8, 9], hasMore: true, want: [8, 9, 10], hasOlder: true },
  { name: "is the last one of those visible", page: [9], hasMore: false, want: [9, 10], hasOlder: false },
  { name: "reaches the beginning", page: [1, 2, 3, 4, 5, 6, 7, 8, 9], hasMore: true, want: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], hasOlder: false },
];

for (const c of prepends) {
  test(`log: an older page ${c.name}`, () => {
    const log = new MessageLog(9);
    log.add(message(10));
    log.prepend(c.page.map((seq) => message(seq)), c.hasMore);
    assert.deepEqual(seqs(log), c.want);
    assert.equal(log.hasOlder, c.hasOlder);
  });
}

test("log: the same message under two numbers is shown once, and nothing waits for it", () => {
  const log = new MessageLog(0);
  for (const m of [message(1), message(2, { tempMessageId: "t1" }), message(3)]) log.add(m);
  assert.deepEqual(seqs(log), [1, 3]);
  assert.equal(log.head, 3);
});

test("log: messages without a name of their own are told apart by number", () => {
  const log = new MessageLog(0);
  for (const seq of [1, 2]) log.add(message(seq, { tempMessageId: "" }));
  assert.deepEqual(seqs(log), [1, 2]);
});

test("log: trim keeps the newest, and they can be paged in again", () => {
  const log = new MessageLog(0);
  for (let seq = 1; seq <= 10; seq++) log.add(message(seq));
  log.trim(3);
  assert.deepEqual(seqs(log), [8, 9, 10]);
  assert.equal(log.hasOlder, true);
  log.prepend([6, 7].map((seq) => message(seq)), true);
  assert.deepEqual(seqs(log), [6, 7, 8, 9, 10]);
});

test("log: reset keeps what waits behind the page", () => {
  const log = new MessageLog(0);
  log.add(message(100));
  log.reset([98, 99].map((seq) => message(seq)), 99);
  assert.deepEqual(seqs(log), [98, 99, 100]);
});
