import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, retryAfter } from "../src/core/backoff";
import { Socket, type Status } from "../src/core/socket";
import { FakeClock, FakeWire, settle } from "./fakes";

function setup(options: { refused?: boolean; random?: number } = {}) {
  const clock = new FakeClock();
  const wires: FakeWire[] = [];
  const statuses: Status[] = [];
  const socket = new Socket({
    open: () => {
      wires.push(new FakeWire());
      return wires.at(-1) as FakeWire;
    },
    clock,
    random: () => options.random ?? 0.999999,
    tokenRefused: async () => options.refused ?? false,
    onFrame: () => {},
    onStatus: (status) => statuses.push(status),
  });
  const wire = () => wires.at(-1) as FakeWire;
  return { clock, wires, statuses, socket, wire };
}

for (const [reason, want] of [
  ["restarting retry-after-ms=1234", 1234],
  ["retry-after-ms=0", 0],
  ["slow", undefined],
  ["", undefined],
  ["x retry-after-ms=12x", undefined],
  ["x retry-after-ms=-5", undefined],
] as const) {
  test(`retryAfter(${JSON.stringify(reason)})`, () => assert.equal(retryAfter(reason), want));
}

for (const [attempt, random, want] of [[0, 1, 500], [0, 0, 0], [3, 0.5, 2000], [10, 1, 30_000], [1000, 1, 30_000]] as const) {
  test(`backoff of try ${attempt} at ${random}`, () => assert.equal(backoff(attempt, 500, 30_000, () => random), want));
}

const closes: { name: string; code: number; reason: string; refused?: boolean; want: Status["kind"]; wait?: number }[] = [
  { name: "revoked", code: 4001, reason: "revoked", want: "ended" },
  { name: "replaced", code: 4002, reason: "replaced", want: "replaced" },
  { name: "restarting", code: 1012, reason: "restarting retry-after-ms=7000", want: "offline", wait: 7000 },
  { name: "too slow", code: 4003, reason: "slow retry-after-ms=3", want: "offline", wait: 3 },
  { name: "flooding", code: 4008, reason: "flooding retry-after-ms=900", want: "offline", wait: 900 },
  { name: "lost", code: 1006, reason: "", want: "offline", wait: 500 },
];

for (const c of closes) {
  test(`socket: closed as ${c.name}`, async () => {
    const t = setup();
    t.socket.connect();
    t.wire().hello();
    t.wire().end(c.code, c.reason);
    await settle();
    assert.equal(t.socket.status.kind, c.want);
    if (c.wait === undefined) {
      assert.equal(t.clock.pending, 0);
      return;
    }
    await t.clock.advance(c.wait - 1);
    assert.equal(t.wires.length, 1);
    await t.clock.advance(1);
    assert.equal(t.wires.length, 2);
  });
}

test("socket: waits longer after each failure, and anew after a stable connection", async () => {
  const t = setup();
  t.socket.connect();
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    t.wire().end(1006);
    await settle();
    const status = t.socket.status;
    assert.equal(status.kind, "offline");
    const wait = status.kind === "offline" ? status.retryAt - t.clock.now() : 0;
    waits.push(wait);
    await t.clock.advance(wait);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  t.wire().hello();
  await t.clock.advance(10_000);
  t.wire().end(1006);
  assert.deepEqual(t.socket.status, { kind: "offline", retryAt: t.clock.now() + 500 });
});

test("socket: a refused handshake ends the session only when the token was refused", async () => {
  for (const refused of [true, false]) {
    const t = setup({ refused });
    t.socket.connect();
    t.wire().end(1006);
    await settle();
    assert.equal(t.socket.status.kind, refused ? "ended" : "offline");
  }
});

test("socket: pings at the interval, and gives up after three of silence", async () => {
  const t = setup();
  t.socket.connect();
  t.wire().hello(5000);
  await t.clock.advance(4999);
  assert.equal(t.wire().sent.length, 0);
  await t.clock.advance(5001);
  assert.equal(t.wire().sentOf("ping").length, 2);
  assert.equal(t.socket.status.kind, "online");
  await t.clock.advance(5000);
  assert.equal(t.wires[0]?.closed, true);
  assert.notEqual(t.socket.status.kind, "online");
});

test("socket: traffic keeps it alive", async () => {
  const t = setup();
  t.socket.connect();
  t.wire().hello(5000);
  for (let i = 0; i < 10; i++) {
    await t.clock.advance(5000);
    t.wire().receive({ type: "pong", data: {} });
  }
  assert.equal(t.wires.length, 1);
  assert.equal(t.socket.status.kind, "online");
});

test("socket: without a hello it tries again", async () => {
  const t = setup();
  t.socket.connect();
  await t.clock.advance(10_000);
  assert.equal(t.socket.status.kind, "offline");
});

test("socket: a wake on a dead connection finds out in seconds", async () => {
  const t = setup();
  t.socket.connect();
  t.wire().hello();
  t.socket.wake();
  assert.equal(t.wire().sentOf("ping").length, 1);
  await t.clock.advance(3000);
  assert.equal(t.socket.status.kind, "offline");
  t.socket.wake();
  assert.equal(t.socket.status.kind, "connecting");
});

test("socket: a wake on a live connection changes nothing", async () => {
  const t = setup();
  t.socket.connect();
  t.wire().hello();
  t.socket.wake();
  t.wire().receive({ type: "pong", data: {} });
  await t.clock.advance(4000);
  assert.equal(t.socket.status.kind, "online");
});

test("socket: replaced stays away until it is asked to come back", async () => {
  const t = setup();
  t.socket.connect();
  t.wire().hello();
  t.wire().end(4002, "replaced");
  t.socket.wake();
  await t.clock.advance(600_000);
  assert.equal(t.wires.length, 1);
  t.socket.connect();
  assert.equal(t.wires.length, 2);
});

test("socket: closed leaves no timer behind, and hears nothing more", async () => {
  const t = setup();
  t.socket.connect();
  t.wire().hello();
  t.socket.close();
  assert.equal(t.clock.pending, 0);
  t.wire().end(1006);
  assert.equal(t.socket.status.kind, "closed");
});

test("socket: what is not a frame is passed over", () => {
  const t = setup();
  t.socket.connect();
  for (const data of ["", "{", "null", "[]", '{"type":1,"data":{}}', '{"type":"hello"}', 7]) t.wire().onmessage?.({ data });
  assert.equal(t.socket.status.kind, "connecting");
});
