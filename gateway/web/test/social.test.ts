// Changes, receipts, presence, groups, search: what a session does with them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/core/api";
import { powers } from "../src/core/groups";
import { Api } from "../src/core/api";
import { highlight, isQuery } from "../src/core/search";
import type { Group, Role, ServerFrame } from "../src/core/types";
import { FakeServer, message, settle } from "./fakes";
import { setup, type Setup } from "./setup";

function single(): FakeServer {
  const server = new FakeServer();
  server.type = "single";
  return server;
}

/** Answers a change's frame as the server does once it is stored. */
function storedChange(t: Setup, index = 0): void {
  const d = t.wire().sentOf("change-message")[index];
  assert.ok(d);
  const m = t.server.change("1", d.seqId, d.change, d.content ?? d.reaction ?? "", d.tempMessageId);
  t.wire().receive({ type: "message-stored", data: { tempMessageId: d.tempMessageId, messageId: m.messageId, conversationId: "world", seqId: m.seqId, timestamp: m.timestamp } });
}

async function withOneMessage(): Promise<Setup> {
  const t = setup();
  t.server.store("1", "mine", "text 1");
  await t.online();
  return t;
}

for (const [kind, what, want] of [
  ["edit", "new", { change: "edit", content: "new" }],
  ["recall", "", { change: "recall" }],
  ["react", "👍", { change: "react", reaction: "👍" }],
  ["unreact", "👍", { change: "unreact", reaction: "👍" }],
] as const) {
  test(`session: ${kind} goes out as a change, and is there once it is stored`, async () => {
    const t = await withOneMessage();
    t.session.change("world", 1, kind, what);
    await settle();
    const [sent] = t.wire().sentOf("change-message");
    const { tempMessageId, ...rest } = sent ?? { tempMessageId: "" };
    assert.deepEqual(rest, { conversationId: "world", seqId: 1, ...want });
    storedChange(t);
    t.wire().receive({ type: "new-message", data: t.server.messages[1] ?? message(2) }); // and again, by a push
    await settle();
    assert.deepEqual(t.world().log.messages.map((m) => [m.content, m.reactions]), t.server.messages.map((m) => [m.content, m.reactions]));
    assert.equal(t.session.outbox.get(tempMessageId), undefined);
    assert.equal(t.items.length, 0);
  });
}

test("session: a change outlives a reload, and is made once", async () => {
  let t = await withOneMessage();
  t.session.change("world", 1, "react", "👍");
  await settle();
  const [sent] = t.wire().sentOf("change-message");
  t.server.change("1", 1, "react", "👍", sent?.tempMessageId); // stored, but the answer is lost with the page
  t.session.stop();
  t = setup(t.server, t.items);
  await t.online();
  await t.clock.advance(100);
  assert.equal(t.wire().sentOf("change-message").length, 0);
  assert.deepEqual(t.session.outbox.all(), []);
  assert.equal(t.world().lastSeq, 2);
});

const refusals: { kind: "edit" | "recall" | "react" | "unreact"; code: string; notice: boolean; kept: boolean }[] = [
  { kind: "edit", code: "permission_denied", notice: false, kept: true },
  { kind: "recall", code: "permission_denied", notice: true, kept: false },
  { kind: "recall", code: "conflict", notice: false, kept: false },
  { kind: "react", code: "already_exists", notice: false, kept: false },
  { kind: "unreact", code: "not_found", notice: false, kept: false },
  { kind: "react", code: "not_found", notice: true, kept: false },
];

for (const c of refusals) {
  test(`session: ${c.kind} refused with ${c.code}`, async () => {
    const t = await withOneMessage();
    t.session.change("world", 1, c.kind, "x");
    await settle();
    const id = t.wire().sentOf("change-message")[0]?.tempMessageId ?? "";
    t.wire().receive({ type: "message-rejected", data: { tempMessageId: id, code: c.code, message: "Too late." } });
    assert.deepEqual(t.notices, c.notice ? ["Too late."] : []);
    assert.equal(t.session.outbox.get(id)?.state, c.kept ? "failed" : undefined);
    assert.equal(t.items.length, c.kept ? 1 : 0);
  });
}

test("session: a server that knows no changes refuses them, and the chat goes on", async () => {
  const t = await withOneMessage();
  t.session.change("world", 1, "react", "👍");
  t.session.change("world", 1, "edit", "new");
  t.session.send("world", "hello");
  await settle();
  for (const ref of ["change-message", "delivered", "presence-subscribe"]) {
    t.wire().receive({ type: "error", data: { code: "invalid_argument", message: "There is no such frame type.", ref } });
  }
  await t.clock.advance(60_000);
  assert.equal(t.wire().sentOf("change-message").length, 2); // not again and again
  assert.deepEqual(t.session.outbox.changesOf("world").map((e) => e.state), ["failed"]); // the edit's text is kept
  assert.deepEqual(t.notices, ["There is no such frame type."]);
  const id = t.wire().sentOf("send-message")[0]?.tempMessageId ?? "";
  t.storedFrame(id, "hello");
  assert.equal(t.session.outbox.get(id), undefined);
});

test("session: a recall takes the text out of the storage and the search", async () => {
  const t = await withOneMessage();
  t.server.found = [message(1, { senderId: "1", tempMessageId: "mine", content: "text 1" })];
  await t.session.search.run("text", undefined);
  t.session.change("world", 1, "edit", "secret");
  await settle();
  assert.equal(t.session.search.messages.length, 1);
  assert.ok([...t.items.map.values()].some((v) => v.includes("secret")));
  t.server.change("1", 1, "recall", "", "other-device");
  t.wire().receive({ type: "new-message", data: t.server.messages[1] ?? message(2) });
  assert.deepEqual([...t.items.map.values()], []);
  assert.deepEqual(t.session.search.messages, []);
  assert.equal(t.world().log.messages[0]?.content, "");
});

test("session: a reply and mentions go out with the text", async () => {
  const t = await withOneMessage();
  t.session.send("world", "@bob look", { replyToSeq: 1, mentions: ["2"] });
  t.session.send("world", "@all look", { mentions: "all" });
  await settle();
  const [first, second] = t.wire().sentOf("send-message");
  assert.deepEqual([first?.replyToSeq, first?.mentions, second?.mentions], [1, ["2"], "all"]);
  t.storedFrame(first?.tempMessageId ?? "", "@bob look");
  assert.deepEqual([t.world().log.at(2)?.replyToSeq, t.world().log.at(2)?.mentions], [1, ["2"]]);
});

test("session: what was kept is told as delivered, together, and once", async () => {
  const t = setup(single());
  t.server.fill(1);
  await t.online();
  await t.clock.advance(2000);
  t.server.fill(3);
  for (const m of t.server.messages.slice(1)) t.wire().receive({ type: "new-message", data: m });
  await t.clock.advance(5000);
  assert.deepEqual(t.wire().sentOf("delivered").map((d) => d.seqId), [1, 4]);
  await t.reconnect(); // it may have been lost with the connection
  await t.clock.advance(2000);
  assert.deepEqual(t.wire().sentOf("delivered").map((d) => d.seqId), [4]);
});

test("session: who reads need not say that it was delivered, and world is not told", async () => {
  for (const type of ["single", "world"] as const) {
    const t = setup();
    t.server.type = type;
    t.server.fill(2);
    await t.online();
    if (type === "single") t.session.read(t.world());
    await t.clock.advance(5000);
    assert.deepEqual(t.wire().sentOf("delivered"), []);
  }
});

test("session: the peer's receipts only ever grow", async () => {
  const t = setup(single());
  for (let i = 1; i <= 4; i++) t.server.store("1", `m${i}`, `text ${i}`);
  await t.online();
  const frame = (f: ServerFrame) => t.wire().receive(f);
  frame({ type: "delivered", data: { conversationId: "world", userId: "2", deliveredSeq: 3 } });
  frame({ type: "read", data: { conversationId: "world", userId: "2", readSeq: 2 } });
  frame({ type: "delivered", data: { conversationId: "world", userId: "2", deliveredSeq: 1 } });
  frame({ type: "delivered", data: { conversationId: "world", userId: "1", deliveredSeq: 4 } }); // oneself
  assert.deepEqual([t.world().peerDeliveredSeq, t.world().peerReadSeq], [3, 2]);
});

test("session: peers are subscribed to on every connection, and forgotten without one", async () => {
  const t = setup(single());
  await t.online();
  await t.clock.advance(1000);
  assert.deepEqual(t.wire().sentOf("presence-subscribe"), [{ userIds: ["2"] }]);
  t.wire().receive({ type: "presence", data: { userId: "2", online: true } });
  assert.equal(t.session.peers.get("2")?.online, true);
  t.wire().end(1006);
  assert.equal(t.session.peers.get("2"), undefined);
  await t.reconnect();
  await t.clock.advance(1000);
  assert.equal(t.wire().sentOf("presence-subscribe").length, 1);
});

for (const c of [
  { name: "one that was signed out", known: true, devices: ["d2"], ended: true },
  { name: "one that is in the list", known: true, devices: ["d1", "d2"], ended: false },
  { name: "one that never was online", known: false, devices: ["d2"], ended: false },
]) {
  test(`session: a device that cannot connect is ${c.name}`, async () => {
    const t = setup(new FakeServer(), undefined, c.known);
    t.server.devices = c.devices.map((deviceId) => ({ deviceId, online: true, lastSeenAt: 1 }));
    t.session.start();
    for (let i = 0; i < 3; i++) {
      t.wire().end(1006);
      for (let j = 0; j < 600 && t.session.socket.status.kind === "offline"; j++) await t.clock.advance(100);
    }
    assert.deepEqual(t.ended, c.ended ? ["revoked"] : []);
    t.session.stop();
  });
}

for (const [text, taken] of [["ab", true], [" a ", false], ["", false], ["気", true], [" ね ", true], ["❤️", true], ["\u{1F44D}", true], ["한", true], ["é", false]] as const) {
  test(`search: ${JSON.stringify(text)} ${taken ? "is" : "is not"} a query`, () => assert.equal(isQuery(text), taken));
}

test("api: signing out everywhere says so", async () => {
  const bodies: unknown[] = [];
  const api = new Api(async (path, init) => {
    bodies.push([init.method, path, init.body]);
    return new Response(null, { status: 204 });
  });
  await api.logoutEverywhere();
  assert.deepEqual(bodies, [["POST", "/api/auth/logout", '{"everywhere":true}']]);
});

test("session: group events become lines, but not those that messages tell of", async () => {
  const t = setup();
  await t.online();
  for (const event of ["updated", "members-added", "role-changed"]) {
    t.wire().receive({ type: "group-event", data: { conversationId: "world", groupId: "5", event, actorId: "2", userIds: ["3"] } });
  }
  await settle();
  assert.deepEqual(t.world().events.map((e) => e.event), ["updated", "role-changed"]);
});

test("session: who leaves a group has it no more, and asks for nothing", async () => {
  const t = setup();
  await t.online();
  const calls = t.server.calls.length;
  t.wire().receive({ type: "group-event", data: { conversationId: "world", groupId: "5", event: "member-removed", actorId: "1", userIds: ["1"] } });
  await settle();
  assert.equal(t.session.store.get("world"), undefined);
  assert.equal(t.server.calls.length, calls);
  assert.deepEqual(t.notices, []);
});

test("session: who is removed from a group is told, and has it no more", async () => {
  const t = setup();
  await t.online();
  await settle();
  t.session.users.name("2");
  await settle();
  t.server.failure = new ApiError(404, "not_found", "no");
  t.wire().receive({ type: "group-event", data: { conversationId: "world", groupId: "5", event: "member-removed", actorId: "2", userIds: ["1"] } });
  await settle();
  assert.equal(t.session.store.get("world"), undefined);
  assert.deepEqual(t.notices, ["bob removed you from a group."]);
});

test("session: a jump loads what is around, and scrolling on comes back to the newest", async () => {
  const t = setup();
  t.server.fill(500);
  await t.online();
  const { history } = t.session;
  assert.equal(await history.around(t.world(), 100), true);
  const excerpt = t.world().log.excerpt;
  assert.deepEqual([excerpt?.first, excerpt?.last], [75, 124]);
  await history.older(t.world());
  assert.equal(excerpt?.first, 25);
  for (let i = 0; i < 8; i++) await history.newer(t.world());
  assert.equal(t.world().log.excerpt, undefined);
  assert.deepEqual(t.seqs(), Array.from({ length: 476 }, (_, i) => i + 25));
  assert.equal(await history.around(t.world(), 30), true); // is there
  assert.equal(t.world().log.excerpt, undefined);
  assert.equal(await history.around(t.world(), 900), false);
});

test("session: a push while an old place is looked at is not lost", async () => {
  const t = setup();
  t.server.fill(300);
  await t.online();
  await t.session.history.around(t.world(), 10);
  t.server.fill(1);
  t.wire().receive({ type: "new-message", data: t.server.messages[300] ?? message(301) });
  t.session.history.leave(t.world());
  assert.deepEqual(t.seqs(), [300, 301]);
});

test("session: a quoted message is fetched once; one that is not to be had is not asked for again at once", async () => {
  const t = setup();
  t.server.fill(300);
  await t.online();
  const { history } = t.session;
  for (let i = 0; i < 3; i++) assert.equal(history.quoted(t.world(), 5), undefined);
  await settle();
  assert.equal(history.quoted(t.world(), 5)?.content, "text 5");
  history.quoted(t.world(), 999);
  await settle();
  assert.equal(history.quoted(t.world(), 999), null);
  assert.equal(t.server.calls.filter((c) => c.includes("limit=1") && !c.includes("limit=1&")).length, 2);
});

const group: Group = { groupId: "5", conversationId: "group_5", name: "Team", announcement: "", ownerId: "9", memberCount: 3, joinPolicy: "invite", createdAt: 0 };

const rights: { role: Role; change?: Partial<Group>; want: string }[] = [
  { role: "owner", want: "edit add setRoles dissolve recallOthers remove:admin remove:member" },
  { role: "admin", want: "edit add leave recallOthers remove:member" },
  { role: "member", want: "leave" },
  { role: "member", change: { joinPolicy: "open" }, want: "add leave" },
  { role: "owner", change: { dissolvedAt: 1 }, want: "leave" },
  { role: "member", change: { dissolvedAt: 1, joinPolicy: "open" }, want: "leave" },
];

for (const c of rights) {
  test(`groups: ${c.role} ${JSON.stringify(c.change ?? {})} may ${c.want}`, () => {
    const p = powers(c.role, { ...group, ...c.change });
    const flags = (["edit", "add", "setRoles", "dissolve", "leave", "recallOthers"] as const).filter((k) => p[k]);
    const removes = (["owner", "admin", "member"] as const).filter((r) => p.remove(r)).map((r) => `remove:${r}`);
    assert.equal([...flags, ...removes].join(" "), c.want);
  });
}

test("groups: one's own role is found on a later page, and the list is read anew after a change", async () => {
  const t = setup();
  t.server.members = Array.from({ length: 250 }, (_, i) => ({ userId: String(1000 + i), role: "member" as const, nickname: `n${i}`, joinedAt: 0 }));
  t.server.members[220] = { userId: "1", role: "admin", nickname: "ada", joinedAt: 0 };
  await t.online();
  assert.equal(t.session.groups.role(group), "member");
  t.session.groups.seekRole(group);
  t.session.groups.seekRole(group);
  await t.clock.advance(10);
  await t.clock.advance(10);
  assert.equal(t.session.groups.role(group), "admin");
  assert.equal(t.server.calls.filter((c) => c.includes("/members")).length, 3);
  t.server.members[220] = { userId: "1", role: "member", nickname: "ada", joinedAt: 0 };
  await Promise.all([1, 2, 3, 4].map(() => t.session.groups.stale("5")));
  assert.equal(t.session.groups.role(group), "member");
  assert.equal(t.server.calls.filter((c) => c.includes("/members")).length, 3 + 6); // those that came meanwhile are one
  assert.equal(t.session.groups.members("5").list.length, 250);
});

test("search: a late answer to an old query is void, and a server without it says so", async () => {
  const t = setup();
  t.server.found = [message(1)];
  const first = t.session.search.run("old", undefined);
  await t.session.search.run("x", undefined); // too short: nothing is asked
  await first;
  assert.deepEqual([t.session.search.query, t.session.search.messages.length], ["", 0]);
  t.server.unknown.add("/api/search");
  await t.session.search.run("text", "world");
  assert.deepEqual([t.session.search.error, t.session.search.isBusy], ["no", false]);
  t.server.unknown.clear();
  await t.session.search.run("text", "world");
  assert.ok(t.server.calls.at(-1)?.endsWith("/api/search?q=text&conversationId=world"));
  assert.equal(t.session.search.messages.length, 1);
});

for (const [text, query, want] of [
  ["Hello hello", "hello", "[Hello] [hello]"],
  ["nothing", "x", "nothing"],
  ["a.b axb", "a.b", "[a.b] axb"],
  ["straße ÄÖ", "äö", "straße [ÄÖ]"],
  ["1-2 (3)", "-2 (", "1[-2 (]3)"],
  [`${"word ".repeat(30)}needle end`, "needle", `…${"word ".repeat(7)}[needle] end`],
  ["<b>x</b>", "<b>", "[<b>]x</b>"],
] as const) {
  test(`search: highlight ${query} in ${text.slice(0, 20)}`, () => {
    assert.equal(highlight(text, query).map((p) => (p.hit ? `[${p.text}]` : p.text)).join(""), want);
  });
}
