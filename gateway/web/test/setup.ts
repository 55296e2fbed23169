// A session on a fake server.

import { Api } from "../src/core/api";
import { Session } from "../src/core/session";
import type { Chat } from "../src/core/store";
import { FakeClock, FakeItems, FakeServer, FakeWire, settle, user } from "./fakes";

export function setup(server = new FakeServer(), items = new FakeItems(), deviceKnown = false) {
  const clock = new FakeClock();
  const wires: FakeWire[] = [];
  const ended: string[] = [];
  const notices: string[] = [];
  let ids = 0;
  const session = new Session({
    api: new Api(server.fetch),
    me: user("1", "ada"),
    items,
    clock,
    random: () => 0.5,
    deviceId: "d1",
    deviceKnown,
    open: () => {
      wires.push(new FakeWire());
      return wires.at(-1) as FakeWire;
    },
    newId: () => `id-${items.length}-${++ids}`,
    onChange: () => {},
    onStatus: () => {},
    onEnded: (reason) => ended.push(reason),
    onNotice: (text) => notices.push(text),
  });
  const wire = () => wires.at(-1) as FakeWire;
  const world = () => session.store.get("world") as Chat;
  return {
    server, items, clock, wires, wire, session, ended, notices, world,
    contents: () => world().log.messages.map((m) => m.content),
    seqs: () => world().log.messages.map((m) => m.seqId),
    async online() {
      session.socket.connect();
      wire().hello();
      await settle();
    },
    async reconnect() {
      wire().end(1006);
      while (session.socket.status.kind !== "connecting") await clock.advance(100);
      wire().hello();
      await settle();
    },
    storedFrame(tempMessageId: string, content: string) {
      const m = server.store("1", tempMessageId, content);
      wire().receive({ type: "message-stored", data: { tempMessageId, messageId: m.messageId, conversationId: "world", seqId: m.seqId, timestamp: m.timestamp } });
    },
  };
}

export type Setup = ReturnType<typeof setup>;
