// Brings what is in the outbox to the server, in order, each message under its one name until it is
// stored or refused for good.

import { ApiError } from "./api";
import { backoff } from "./backoff";
import { changeContent } from "./changes";
import type { Outbox, OutboxEntry } from "./outbox";
import type { Clock } from "./socket";
import type { ClientFrame, Message, Outcome, SendExtras, StoredData } from "./types";

/** How long a sent message may stay without its answer before it is asked about, at first. */
const answerTimeout = 10_000;
const answerTimeoutCap = 120_000;
const holdBase = 1000;
const holdCap = 15_000;
/** Refusals that pass; whatever else the server refuses, it will refuse again. */
const passing: readonly string[] = ["rate_limited", "unavailable", "internal"];

export interface SenderDeps {
  outbox: Outbox;
  userId: string;
  clock: Clock;
  random(): number;
  online(): boolean;
  send(frame: ClientFrame): boolean;
  outcome(tempMessageId: string): Promise<Outcome>;
  /** The message is stored, and complete. */
  onMessage(m: Message): void;
  /** The message is stored at that place, but has to be pulled. */
  onStoredAt(conversationId: string, seqId: number): void;
  onChange(): void;
  /** A change was refused, with the server's sentence; it is not kept. */
  onRefused(reason: string): void;
  onUnauthenticated(): void;
}

export class Sender {
  private readonly deps: SenderDeps;
  private running = false;
  private again = false;
  private holdUntil = 0;
  private holds = 0;
  private timer: number | undefined;
  private stopped = false;

  constructor(deps: SenderDeps) {
    this.deps = deps;
  }

  /** A connection is there: what was under way on the last one is asked about, the rest is sent. */
  connected(): void {
    this.holdUntil = 0;
    this.deps.outbox.requeue(this.deps.clock.now());
    this.kick();
  }

  /** Ends all timers. */
  stop(): void {
    this.stopped = true;
    this.arm(undefined);
  }

  /** Sends whatever is to be sent now. Rejects never. */
  kick(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    void this.run().finally(() => {
      this.running = false;
      if (this.again && !this.stopped) {
        this.again = false;
        this.kick();
      } else {
        this.plan();
      }
    });
  }

  accepted(tempMessageId: string): void {
    if (this.deps.outbox.get(tempMessageId)?.state !== "sending") return;
    this.deps.outbox.update(tempMessageId, { state: "accepted" });
    this.holds = 0;
    this.deps.onChange();
  }

  stored(d: StoredData): void {
    const entry = this.deps.outbox.get(d.tempMessageId);
    if (!entry) {
      this.deps.onStoredAt(d.conversationId, d.seqId);
      return;
    }
    this.deps.onMessage({
      messageId: d.messageId,
      conversationId: d.conversationId,
      seqId: d.seqId,
      senderId: this.deps.userId,
      content: entry.change ? changeContent(entry.change, entry.content) : entry.content,
      messageType: entry.messageType,
      tempMessageId: d.tempMessageId,
      timestamp: d.timestamp,
      ...storedExtras(entry),
    });
    this.deps.outbox.update(d.tempMessageId, { state: "stored", seqId: d.seqId });
    this.deps.onChange();
  }

  rejected(tempMessageId: string, code: string, reason: string): void {
    const change = this.deps.outbox.get(tempMessageId)?.change;
    if (change && change.change !== "edit") {
      this.deps.outbox.remove(tempMessageId);
      if (done[change.change] !== code) this.deps.onRefused(reason);
    } else {
      this.deps.outbox.update(tempMessageId, { state: "failed", reason }); // there is a text to be saved
    }
    this.deps.onChange();
    this.kick();
  }

  /** The server refused a change's frame without saying which: it does not take changes, or not so many. */
  refusedChanges(code: string, message: string): void {
    for (const e of this.deps.outbox.all()) if (e.change && e.state === "sending") this.refused(e.tempMessageId, code, message);
  }

  /** The server refused a frame, without saying what becomes of the message. */
  refused(tempMessageId: string, code: string, message: string): void {
    if (!this.deps.outbox.get(tempMessageId)) return;
    if (!passing.includes(code)) {
      this.rejected(tempMessageId, code, message);
      return;
    }
    this.deps.outbox.update(tempMessageId, { state: "queued", since: this.deps.clock.now() });
    this.hold();
    this.deps.onChange();
  }

  /** Sends a failed message once more. What was rejected will never be stored under its old name. */
  retry(tempMessageId: string, newId: string): void {
    const old = this.deps.outbox.get(tempMessageId);
    if (old?.state !== "failed") return;
    this.deps.outbox.remove(tempMessageId);
    this.deps.outbox.add({ ...old, tempMessageId: newId }, this.deps.clock.now());
    this.deps.onChange();
    this.kick();
  }

  private async run(): Promise<void> {
    this.expire();
    while (!this.stopped && this.deps.online() && this.deps.clock.now() >= this.holdUntil) {
      const next = this.deps.outbox.all().find((e) => e.state === "queued");
      if (!next) return;
      if (next.sent && !(await this.isUnknown(next))) continue;
      // It may have changed while the server was asked.
      if (this.deps.outbox.get(next.tempMessageId)?.state === "queued") this.give(next);
    }
  }

  private give(e: OutboxEntry): void {
    // Written down before it goes out: after a crash in between, it is asked about.
    const now = this.deps.clock.now();
    this.deps.outbox.update(e.tempMessageId, { state: "sending", sent: true, attempts: e.attempts + 1, since: now });
    if (!this.deps.send(frameOf(e))) {
      this.deps.outbox.update(e.tempMessageId, { state: "queued" });
      this.hold();
    }
    this.deps.onChange();
  }

  /** Asks what became of an earlier send; true when it is to be sent again. */
  private async isUnknown(e: OutboxEntry): Promise<boolean> {
    try {
      const outcome = await this.deps.outcome(e.tempMessageId);
      if (outcome.status !== "stored") return true;
      const seqId = outcome.seqId ?? 0;
      this.deps.outbox.update(e.tempMessageId, { state: "stored", seqId });
      this.deps.onStoredAt(outcome.conversationId ?? e.conversationId, seqId);
      this.deps.onChange();
    } catch (err) {
      if (err instanceof ApiError && err.status === 401) this.deps.onUnauthenticated();
      this.hold();
    }
    return false;
  }

  /** Queues again what has waited too long for its answer. */
  private expire(): void {
    const now = this.deps.clock.now();
    for (const e of this.deps.outbox.all()) {
      if (!waiting(e) || now < e.since + patience(e)) continue;
      this.deps.outbox.update(e.tempMessageId, { state: "queued", since: now });
    }
  }

  /** Nothing goes out for a while: order holds, and a server in trouble is left alone. */
  private hold(): void {
    const wait = 200 + backoff(this.holds, holdBase, holdCap, this.deps.random);
    this.holds++;
    this.holdUntil = this.deps.clock.now() + wait;
    this.plan();
  }

  /** Arms the one timer for the next thing that may be due. */
  private plan(): void {
    const now = this.deps.clock.now();
    const due: number[] = [];
    for (const e of this.deps.outbox.all()) {
      if (waiting(e)) due.push(e.since + patience(e));
      else if (e.state === "queued") due.push(Math.max(this.holdUntil, now + 200));
    }
    this.arm(due.length > 0 && this.deps.online() ? Math.max(0, Math.min(...due) - now) : undefined);
  }

  private arm(ms: number | undefined): void {
    if (this.timer !== undefined) this.deps.clock.clear(this.timer);
    this.timer = ms === undefined || this.stopped ? undefined : this.deps.clock.set(() => this.kick(), ms);
  }
}

/** What a refusal says when the change has been made already. */
const done: Record<string, string> = { recall: "conflict", react: "already_exists", unreact: "not_found" };

function frameOf(e: OutboxEntry): ClientFrame {
  const { conversationId, content, messageType, tempMessageId, change } = e;
  if (!change) return { type: "send-message", data: { conversationId, content, messageType, tempMessageId, ...sentExtras(e) } };
  const text = change.change === "edit" ? { content } : {};
  return { type: "change-message", data: { conversationId, ...change, ...text, tempMessageId } };
}

function sentExtras(e: OutboxEntry): SendExtras {
  return { ...(e.replyToSeq === undefined ? {} : { replyToSeq: e.replyToSeq }), ...(e.mentions === undefined ? {} : { mentions: e.mentions }) };
}

/** The same, as a stored message has it. */
function storedExtras(e: OutboxEntry): Pick<Message, "replyToSeq" | "mentions"> {
  const { mentions, ...rest } = sentExtras(e);
  return { ...rest, ...(mentions === undefined ? {} : { mentions: mentions === "all" ? ["all"] : mentions }) };
}

function waiting(e: OutboxEntry): boolean {
  return e.state === "sending" || e.state === "accepted";
}

function patience(e: OutboxEntry): number {
  return Math.min(answerTimeoutCap, answerTimeout * 2 ** Math.max(0, e.attempts - 1));
}
