// A clock that moves by hand, a server in memory, and the like.

import { ApiError, type Fetch } from "../src/core/api";
import type { Store as Items } from "../src/core/outbox";
import type { Clock, Wire } from "../src/core/socket";
import { changeContent, Marks } from "../src/core/changes";
import type { ChangeKind, ClientFrame, ConversationType, Device, Member, Message, ServerFrame, User } from "../src/core/types";

export class FakeClock implements Clock {
  time = 1_000_000;
  private next = 1;
  private readonly timers = new Map<number, { at: number; run: () => void }>();

  now(): number {
    return this.time;
  }

  set(run: () => void, ms: number): number {
    this.timers.set(this.next, { at: this.time + ms, run });
    return this.next++;
  }

  clear(id: number): void {
    this.timers.delete(id);
  }

  get pending(): number {
    return this.timers.size;
  }

  /** Moves on, running what is due in order; lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const due = [...this.timers].filter(([, t]) => t.at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
    }
    this.time = end;
    await settle();
  }
}

/** Lets everything run that waits for a promise which is kept. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeItems implements Items {
  readonly map = new Map<string, string>();
  full = false;

  get length(): number {
    return this.map.size;
  }

  key(i: number): string | null {
    return [...this.map.keys()][i] ?? null;
  }

  getItem(key: string): string | null {
    return this.map.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    if (this.full) throw new Error("quota exceeded");
    this.map.set(key, value);
  }

  removeItem(key: string): void {
    this.map.delete(key);
  }
}

type FrameData<T> = Extract<ClientFrame, { type: T }>["data"];

export class FakeWire implements Wire {
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number; reason: string }) => void) | null = null;
  readonly sent: ClientFrame[] = [];
  closed = false;
  onSend: (frame: ClientFrame) => void = () => {};

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    this.sent.push(frame);
    this.onSend(frame);
  }

  close(): void {
    this.closed = true;
  }

  receive(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  hello(pingInterval = 25_000): void {
    this.receive({ type: "hello", data: { connectionId: "c", userId: "1", gatewayId: "g", pingInterval, serverTime: 0 } });
  }

  /** The server closes, or the network does. */
  end(code: number, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  sentOf<T extends ClientFrame["type"]>(type: T): FrameData<T>[] {
    return this.sent.filter((f) => f.type === type).map((f) => f.data as FrameData<T>);
  }
}

export function user(userId: string, username: string): User {
  return { userId, username, nickname: "", avatarUrl: "", createdAt: 0 };
}

export function message(seqId: number, change: Partial<Message> = {}): Message {
  return {
    messageId: String(9000 + seqId),
    conversationId: "world",
    seqId,
    senderId: "2",
    content: `text ${seqId}`,
    messageType: "text",
    tempMessageId: `t${seqId}`,
    timestamp: 1000 + seqId,
    ...change,
  };
}

/** A server with one conversation, which answers the calls that a session makes. */
export class FakeServer {
  readonly messages: Message[] = [];
  readonly calls: string[] = [];
  readSeq = 0;
  /** Calls are answered with this instead. */
  failure: ApiError | undefined;
  syncLimit = 50;
  epoch = "one";
  type: ConversationType = "world";
  members: Member[] = [];
  devices: Device[] = [];
  found: Message[] = [];
  /** Paths that this server does not know. */
  readonly unknown = new Set<string>();
  private readonly marks = new Marks();

  /** Stores as the real server does: the same name is the same message. */
  store(senderId: string, tempMessageId: string, content: string): Message {
    const known = this.messages.find((m) => m.senderId === senderId && m.tempMessageId === tempMessageId);
    if (known) return known;
    const m = message(this.messages.length + 1, { senderId, tempMessageId, content });
    this.messages.push(m);
    return m;
  }

  /** Stores a change as the real server does: a message of its own, applied in history from then on. */
  change(senderId: string, seqId: number, change: ChangeKind, what = "", tempMessageId = `c${this.messages.length + 1}`): Message {
    const known = this.messages.find((m) => m.senderId === senderId && m.tempMessageId === tempMessageId);
    if (known) return known;
    const content = changeContent({ seqId, change, reaction: what }, what);
    const m = message(this.messages.length + 1, { senderId, tempMessageId, messageType: "system", content });
    this.marks.note(m);
    this.messages.push(m);
    for (const [i, x] of this.messages.entries()) this.messages[i] = this.marks.apply(x);
    return m;
  }

  fill(count: number): void {
    for (let i = 0; i < count; i++) this.store("2", `t${this.messages.length + 1}`, `text ${this.messages.length + 1}`);
  }

  readonly fetch: Fetch = async (path, init) => {
    this.calls.push(`${init.method} ${path}`);
    if (this.failure) {
      const { status, code, message: text } = this.failure;
      return new Response(JSON.stringify({ error: { code, message: text } }), { status });
    }
    if (this.unknown.has(path.split("?")[0] ?? "")) return new Response(JSON.stringify({ error: { code: "not_found", message: "no" } }), { status: 404 });
    return new Response(JSON.stringify(this.answer(new URL(path, "http://server"), init)));
  };

  private answer(url: URL, init: RequestInit): unknown {
    const lastSeq = this.messages.length;
    switch (url.pathname) {
      case "/api/conversations":
        return { conversations: [this.conversation()] };
      case "/api/conversations/world":
        return this.conversation();
      case "/api/conversations/world/messages":
        return this.page(url.searchParams);
      case "/api/sync": {
        const asked = JSON.parse(String(init.body)) as { conversations: Record<string, number>; epoch?: string };
        const have = asked.conversations["world"] ?? 0;
        const { epoch } = this;
        if (have > lastSeq || (asked.epoch && asked.epoch !== epoch)) {
          const messages = this.messages.slice(-this.syncLimit);
          const reset = { conversationId: "world", lastSeq, readSeq: this.readSeq, messages, hasMore: messages.length < lastSeq, reset: true };
          return { epoch, conversations: [reset], more: false };
        }
        if (have >= lastSeq) return { epoch, conversations: [], more: false };
        const messages = this.messages.slice(have, have + this.syncLimit);
        const hasMore = have + messages.length < lastSeq;
        return { epoch, conversations: [{ conversationId: "world", lastSeq, readSeq: this.readSeq, messages, hasMore }], more: hasMore };
      }
      case "/api/messages/outcome": {
        const found = this.messages.find((m) => m.senderId === "1" && m.tempMessageId === url.searchParams.get("tempMessageId"));
        return found ? { status: "stored", messageId: found.messageId, conversationId: "world", seqId: found.seqId } : { status: "unknown" };
      }
      case "/api/search":
        return { messages: this.found };
      case "/api/devices":
        return { devices: this.devices };
      case "/api/groups/5/members": {
        const from = Number(url.searchParams.get("cursor") ?? 0);
        const to = from + Number(url.searchParams.get("limit"));
        return { members: this.members.slice(from, to), ...(to < this.members.length ? { nextCursor: String(to) } : {}) };
      }
      default:
        return user("2", "bob");
    }
  }

  private conversation(): unknown {
    const lastSeq = this.messages.length;
    const said = this.messages.filter((m) => m.messageType !== "system");
    const lastMessage = said.at(-1);
    const unread = said.filter((m) => m.seqId > this.readSeq).length;
    const peer = this.type === "single" ? { peer: user("2", "bob") } : {};
    return { conversationId: "world", type: this.type, ...peer, lastSeq, readSeq: this.readSeq, unread, lastMessage, lastMessageAt: lastMessage?.timestamp ?? 0 };
  }

  private page(query: URLSearchParams): unknown {
    const limit = Number(query.get("limit"));
    const lastSeq = this.messages.length;
    if (query.has("afterSeq")) {
      const after = Number(query.get("afterSeq"));
      return { messages: this.messages.slice(after, after + limit), lastSeq, hasMore: after + limit < lastSeq };
    }
    const end = query.has("beforeSeq") ? Number(query.get("beforeSeq")) - 1 : lastSeq;
    const start = Math.max(0, end - limit);
    return { messages: this.messages.slice(start, end), lastSeq, hasMore: start > 0 };
  }
}
