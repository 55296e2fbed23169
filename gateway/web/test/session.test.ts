import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/core/api";
import type { Chat } from "../src/core/store";
import type { Conversation, Message } from "../src/core/types";
import { FakeItems, FakeServer, message, settle } from "./fakes";
import { setup, type Setup } from "./setup";

/** Asserts that the client ends with every message of the server from its first held number on, once and in order. */
async function assertWhole(t: Setup) {
  await t.clock.advance(61_000);
  const first = t.world().log.first;
  assert.deepEqual(t.world().log.messages, t.server.messages.filter((m) => m.seqId >= first));
  assert.equal(t.world().log.head, t.server.messages.length);
}

const deliveries: { name: string; push: number[] }[] = [
  { name: "everything in order", push: [3, 4, 5] },
  { name: "a gap", push: [5] },
  { name: "the wrong order", push: [5, 4, 3] },
  { name: "everything twice", push: [3, 3, 4, 3, 5, 5, 4] },
  { name: "nothing at all", push: [] },
  { name: "old ones again", push: [1, 2, 3] },
];

for (const c of deliveries) {
  test(`session: pushes bring ${c.name}`, async () => {
    const t = setup();
    t.server.fill(2);
    await t.online();
    t.server.fill(3);
    for (const seq of c.push) t.wire().receive({ type: "new-message", data: t.server.messages[seq - 1] ?? message(seq) });
    await settle();
    if (c.push.includes(5)) assert.deepEqual(t.seqs(), [2, 3, 4, 5]); // without waiting for the idle sync
    await assertWhole(t);
  });
}

test("session: a sync-hint pulls", async () => {
  const t = setup();
  t.server.fill(1);
  await t.online();
  t.server.fill(450);
  t.wire().receive({ type: "sync-hint", data: { conversationId: "world", lastSeq: 451 } });
  await t.clock.advance(10);
  assert.equal(t.seqs().length, 451);
});

test("session: what is announced before it can be read is looked for again", async () => {
  const t = setup();
  t.server.fill(1);
  await t.online();
  t.wire().receive({ type: "sync-hint", data: { conversationId: "world", lastSeq: 2 } });
  await settle();
  t.server.fill(1);
  await t.clock.advance(5000);
  assert.deepEqual(t.seqs(), [1, 2]);
});

test("session: a very wide gap shows the newest page, and the rest is paged in", async () => {
  const t = setup();
  t.server.fill(1);
  await t.online();
  t.server.fill(5000);
  t.wire().receive({ type: "sync-hint", data: { conversationId: "world", lastSeq: 5001 } });
  await t.clock.advance(10);
  assert.deepEqual([t.world().log.first, t.world().log.head], [4952, 5001]);
  await t.session.history.older(t.world());
  assert.equal(t.world().log.first, 4902);
});

test("session: what came while away is there after the reconnect", async () => {
  const t = setup();
  t.server.fill(3);
  await t.online();
  t.wire().end(1006);
  t.server.fill(120);
  while (t.session.socket.status.kind !== "connecting") await t.clock.advance(100);
  t.wire().hello();
  await t.clock.advance(10);
  assert.equal(t.world().log.head, 123);
  await assertWhole(t);
});

// An older backup was restored, and others have talked since: numbers mean other messages now.
for (const c of [
  { name: "knows no epoch", epoch: "", since: 0 },
  { name: "and the server has fewer messages", epoch: "two", since: 1 },
  { name: "and the server has more messages again", epoch: "two", since: 9 },
]) {
  test(`session: a server that has gone back, where the client ${c.name}`, async () => {
    const t = setup();
    t.server.epoch = c.epoch && "one";
    t.server.fill(5);
    await t.online();
    t.server.messages.splice(2);
    t.server.epoch = c.epoch;
    for (let i = 0; i < c.since; i++) t.server.store("2", `new${i}`, `after the restore ${i}`);
    t.session.store.putConversation({ ...conversationOf(t.world()), conversationId: "group_9", type: "group" });
    await t.reconnect();
    assert.deepEqual(t.contents(), t.server.messages.map((m) => m.content));
    assert.equal(t.world().lastSeq, t.server.messages.length);
    assert.equal(t.world().lastMessage?.content, t.server.messages.at(-1)?.content);
    assert.equal(t.session.store.get("group_9") === undefined, c.epoch !== "", "what was made after the backup is gone");
    t.server.fill(1);
    t.wire().receive({ type: "new-message", data: t.server.messages.at(-1) as Message });
    await settle();
    assert.equal(t.world().log.head, t.server.messages.length);
  });
}

function conversationOf(chat: Chat): Conversation {
  const { id, type, lastSeq, readSeq, lastMessageAt } = chat;
  return { conversationId: id, type, lastSeq: Math.min(lastSeq, 0), readSeq: Math.min(readSeq, 0), unread: 0, lastMessageAt };
}

test("session: a failed sync is tried again", async () => {
  const t = setup();
  t.server.fill(1);
  await t.online();
  t.server.failure = new ApiError(503, "unavailable", "down");
  await t.reconnect();
  t.server.fill(2);
  t.server.failure = undefined;
  await t.clock.advance(2000);
  assert.equal(t.world().log.head, 3);
});

test("session: a message goes from sending over accepted to stored", async () => {
  const t = setup();
  await t.online();
  t.session.send("world", "hello");
  await settle();
  const [sent] = t.wire().sentOf("send-message");
  assert.equal(sent?.content, "hello");
  const id = sent?.tempMessageId ?? "";
  assert.equal(t.session.outbox.get(id)?.state, "sending");
  t.wire().receive({ type: "message-ack", data: { tempMessageId: id, messageId: id, status: "accepted" } });
  assert.equal(t.session.outbox.get(id)?.state, "accepted");
  t.storedFrame(id, "hello");
  await settle();
  assert.equal(t.session.outbox.get(id), undefined);
  assert.equal(t.items.length, 0);
  assert.deepEqual(t.contents(), ["hello"]);
  assert.equal(t.session.store.unread(t.world()), 0);
  await assertWhole(t);
});

test("session: stored, pushed and pulled at once is still one message", async () => {
  const t = setup();
  await t.online();
  t.session.send("world", "once");
  await settle();
  const id = t.wire().sentOf("send-message")[0]?.tempMessageId ?? "";
  t.storedFrame(id, "once");
  t.storedFrame(id, "once");
  t.wire().receive({ type: "new-message", data: t.server.messages[0] ?? message(1) });
  await settle();
  assert.deepEqual(t.contents(), ["once"]);
  assert.deepEqual(t.session.outbox.all(), []);
});

// What may happen to a message whose answer is lost, and what the client has to do.
const lost: { name: string; storedBefore: boolean; acked: boolean; reload: boolean; resent: number }[] = [
  { name: "before the server had it", storedBefore: false, acked: false, reload: false, resent: 1 },
  { name: "after the ack", storedBefore: false, acked: true, reload: false, resent: 1 },
  { name: "after it was stored", storedBefore: true, acked: true, reload: false, resent: 0 },
  { name: "before the server had it, and the page is reloaded", storedBefore: false, acked: false, reload: true, resent: 1 },
  { name: "after it was stored, and the page is reloaded", storedBefore: true, acked: false, reload: true, resent: 0 },
];

for (const c of lost) {
  test(`session: the connection is lost ${c.name}`, async () => {
    let t = setup();
    t.server.fill(1);
    await t.online();
    t.session.send("world", "precious");
    await settle();
    const id = t.wire().sentOf("send-message")[0]?.tempMessageId ?? "";
    if (c.acked) t.wire().receive({ type: "message-ack", data: { tempMessageId: id, messageId: id, status: "accepted" } });
    if (c.storedBefore) t.server.store("1", id, "precious");
    if (c.reload) {
      t.session.stop();
      t = setup(t.server, t.items);
      await t.online();
    } else {
      await t.reconnect();
    }
    await settle();
    const again = t.wire().sentOf("send-message");
    assert.deepEqual(again.map((d) => d.tempMessageId), Array(c.resent).fill(id));
    assert.ok(t.server.calls.some((call) => call.startsWith(`GET /api/messages/outcome?tempMessageId=${id}`)));
    if (c.resent > 0) t.storedFrame(id, "precious");
    await t.clock.advance(100);
    assert.deepEqual(t.session.outbox.all(), []);
    assert.deepEqual(t.contents().filter((text) => text === "precious"), ["precious"]);
    await assertWhole(t);
  });
}

test("session: what is written offline goes out in order, and is not asked about first", async () => {
  const t = setup();
  for (const text of ["a", "b", "c"]) t.session.send("world", text);
  await t.online();
  assert.deepEqual(t.wire().sentOf("send-message").map((d) => d.content), ["a", "b", "c"]);
  assert.ok(!t.server.calls.some((call) => call.includes("outcome")));
});

test("session: without an answer it asks, and sends again under the same name", async () => {
  const t = setup();
  await t.online();
  t.session.send("world", "quiet");
  await t.clock.advance(9000);
  assert.equal(t.wire().sentOf("send-message").length, 1);
  await t.clock.advance(2000);
  const sent = t.wire().sentOf("send-message");
  assert.equal(sent.length, 2);
  assert.equal(sent[0]?.tempMessageId, sent[1]?.tempMessageId);
});

const refusals: { code: string; rejected: boolean; state: string; resent: boolean }[] = [
  { code: "rate_limited", rejected: false, state: "sending", resent: true },
  { code: "unavailable", rejected: false, state: "sending", resent: true },
  { code: "invalid_argument", rejected: false, state: "failed", resent: false },
  { code: "permission_denied", rejected: true, state: "failed", resent: false },
];

for (const c of refusals) {
  test(`session: ${c.rejected ? "message-rejected" : "an error"} with ${c.code}`, async () => {
    const t = setup();
    await t.online();
    t.session.send("world", "x");
    await settle();
    const id = t.wire().sentOf("send-message")[0]?.tempMessageId ?? "";
    if (c.rejected) t.wire().receive({ type: "message-rejected", data: { tempMessageId: id, code: c.code, message: "No." } });
    else t.wire().receive({ type: "error", data: { code: c.code, message: "No.", ref: id } });
    await t.clock.advance(3000);
    assert.equal(t.session.outbox.get(id)?.state, c.state);
    assert.equal(t.wire().sentOf("send-message").length, c.resent ? 2 : 1);
    if (c.state !== "failed") return;
    assert.equal(t.session.outbox.get(id)?.reason, "No.");
    t.session.retry(id);
    await settle();
    const second = t.wire().sentOf("send-message")[1];
    assert.equal(second?.content, "x");
    assert.notEqual(second?.tempMessageId, id); // what was refused is never stored under its old name
  });
}

test("session: a rejected message stays over a reload until it is discarded", async () => {
  const t = setup();
  await t.online();
  t.session.send("world", "x");
  await settle();
  const id = t.wire().sentOf("send-message")[0]?.tempMessageId ?? "";
  t.wire().receive({ type: "message-rejected", data: { tempMessageId: id, code: "conflict", message: "No." } });
  const next = setup(t.server, t.items);
  await next.online();
  assert.equal(next.wire().sentOf("send-message").length, 0);
  assert.equal(next.session.outbox.get(id)?.state, "failed");
  next.session.discard(id);
  assert.equal(t.items.length, 0);
});

test("session: reading is told, once, and after an outage too", async () => {
  const t = setup();
  t.server.fill(4);
  await t.online();
  assert.equal(t.session.store.totalUnread(), 4);
  t.session.read(t.world());
  t.session.read(t.world());
  assert.deepEqual(t.wire().sentOf("read"), [{ conversationId: "world", seqId: 4 }]);
  assert.equal(t.session.store.totalUnread(), 0);
  await t.reconnect(); // the server has not got it
  await t.clock.advance(10);
  assert.deepEqual(t.wire().sentOf("read"), [{ conversationId: "world", seqId: 4 }]);
});

test("session: another device's reading clears the badge", async () => {
  const t = setup();
  t.server.fill(4);
  await t.online();
  t.wire().receive({ type: "read", data: { conversationId: "world", userId: "1", readSeq: 3 } });
  assert.equal(t.session.store.totalUnread(), 1);
});

test("session: changes of messages are not unread, and leave the list's order and the last message", async () => {
  const t = setup();
  t.server.fill(3);
  t.server.messages.push(message(4, { messageType: "system", content: JSON.stringify({ event: "reaction-added", seqId: 2, reaction: "👍" }), timestamp: 9000 }));
  await t.online();
  assert.deepEqual([t.session.store.totalUnread(), t.world().lastSeq, t.world().lastMessage?.seqId], [3, 4, 3]);
  const at = t.world().lastMessageAt;
  const edit = message(5, { messageType: "system", content: JSON.stringify({ event: "message-edited", seqId: 3, content: "better" }), senderId: "1", timestamp: 9900 });
  t.server.messages.push(edit);
  t.wire().receive({ type: "new-message", data: edit });
  assert.deepEqual([t.session.store.totalUnread(), t.world().lastMessage?.content, t.world().readSeq, t.world().lastMessageAt], [3, "better", 0, at]);
  t.wire().receive({ type: "read", data: { conversationId: "world", userId: "1", readSeq: 3 } });
  assert.equal(t.session.store.totalUnread(), 0);
  const next = message(6, { timestamp: 9990 });
  t.server.messages.push(next);
  t.wire().receive({ type: "new-message", data: next });
  assert.deepEqual([t.session.store.totalUnread(), t.world().lastMessage?.seqId, t.world().lastMessageAt], [1, 6, 9990]);
});

test("session: typing is told once a second and shown for three", async () => {
  const t = setup();
  await t.online();
  for (let i = 0; i < 5; i++) {
    t.session.typing("world");
    await t.clock.advance(400);
  }
  assert.equal(t.wire().sentOf("typing").length, 2);
  t.wire().receive({ type: "typing", data: { conversationId: "world", userId: "2" } });
  assert.deepEqual(t.session.store.typists(t.world(), t.clock.now()), ["2"]);
  assert.deepEqual(t.session.store.typists(t.world(), t.clock.now() + 3000), []);
});

test("session: a refused token ends it", async () => {
  const t = setup();
  t.server.failure = new ApiError(401, "unauthenticated", "no");
  await t.online();
  assert.deepEqual(t.ended, ["expired"]);
  assert.equal(t.clock.pending, 0);
});

test("session: 4001 ends it with the reason", async () => {
  const t = setup();
  await t.online();
  t.wire().end(4001, "revoked");
  assert.deepEqual(t.ended, ["revoked"]);
  assert.equal(t.clock.pending, 0);
});

test("session: a message of an unknown conversation brings the conversation", async () => {
  const t = setup();
  t.server.failure = new ApiError(404, "not_found", "no");
  await t.online();
  t.server.failure = undefined;
  t.server.fill(3);
  t.wire().receive({ type: "new-message", data: t.server.messages[2] ?? message(3) });
  await settle();
  assert.deepEqual(t.seqs(), [3]);
});

// The answer that brings the conversation was made before the second message was stored.
for (const what of ["new-message", "sync-hint"] as const) {
  test(`session: a ${what} during the loading of its conversation is not forgotten`, async () => {
    const t = setup();
    t.server.failure = new ApiError(404, "not_found", "no");
    await t.online();
    t.server.failure = undefined;
    t.server.fill(1);
    t.wire().receive({ type: "new-message", data: t.server.messages[0] ?? message(1) }); // asks, and is answered in memory at once
    t.server.fill(1);
    if (what === "new-message") t.wire().receive({ type: "new-message", data: t.server.messages[1] ?? message(2) });
    else t.wire().receive({ type: "sync-hint", data: { conversationId: "world", lastSeq: 2 } });
    await settle();
    assert.deepEqual(t.seqs(), [1, 2]);
  });
}

test("session: a full storage is told of, and the message goes out all the same", async () => {
  const t = setup();
  await t.online();
  t.items.full = true;
  t.session.send("world", "x");
  await settle();
  assert.equal(t.wire().sentOf("send-message").length, 1);
  assert.ok(t.notices.length > 0);
});

test("session: entries of other users and broken ones are left alone or thrown away", async () => {
  const items = new FakeItems();
  items.setItem("gochat.outbox.7.x", "{}");
  items.setItem("gochat.outbox.1.y", "not json");
  items.setItem("gochat.outbox.1.z", '{"tempMessageId":"z"}');
  const t = setup(new FakeServer(), items);
  assert.deepEqual(t.session.outbox.all(), []);
  assert.deepEqual([...items.map.keys()], ["gochat.outbox.7.x"]);
});

test("session: any mix of pushes, losses and reconnects ends whole", async () => {
  let state = 7;
  const random = (n: number) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 20; round++) {
    const t = setup();
    t.server.fill(random(5));
    await t.online();
    for (let step = 0; step < 30; step++) {
      t.server.fill(random(4));
      const seq = 1 + random(Math.max(1, t.server.messages.length));
      const m = t.server.messages[seq - 1];
      if (m && random(3) > 0) t.wire().receive({ type: "new-message", data: m });
      if (random(6) === 0) t.session.send("world", `mine ${round}.${step}`);
      for (const d of t.wire().sentOf("send-message")) if (random(2) === 0) t.storedFrame(d.tempMessageId, d.content);
      if (random(8) === 0) await t.reconnect();
      await settle();
    }
    await t.reconnect();
    for (const d of t.wire().sentOf("send-message")) t.storedFrame(d.tempMessageId, d.content);
    await assertWhole(t);
    assert.deepEqual(t.session.outbox.all(), []);
    t.session.stop();
  }
});
