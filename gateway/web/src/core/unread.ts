// How many messages of others a user has not read in one conversation. System messages take a number
// and are not counted.

/** How many system messages are remembered; the oldest beyond it count as messages. */
const maxSkips = 2000;

export class Unread {
  /** The server's count: how many system messages are after read up to last, in places that are not known. */
  private base = { read: 0, last: 0, skipped: 0 };
  private readonly skips = new Set<number>();

  /** Takes the server's count of a conversation; all messages after newest are system messages. */
  counted(read: number, last: number, unread: number, newest: number): void {
    this.base = { read, last, skipped: Math.max(0, last - read - unread) };
    for (let seq = Math.max(newest, read, last - maxSkips) + 1; seq <= last; seq++) this.skip(seq);
  }

  /** Numbers are given anew. */
  restart(): void {
    this.base = { read: 0, last: 0, skipped: 0 };
    this.skips.clear();
  }

  /** A system message was seen. */
  skip(seqId: number): void {
    this.skips.add(seqId);
    for (const seq of this.skips) {
      if (this.skips.size <= maxSkips) break;
      this.skips.delete(seq);
    }
  }

  /** How many messages there are after read, up to last. */
  count(read: number, last: number): number {
    let within = 0; // of the server's count
    let behind = 0;
    for (const seq of this.skips) {
      if (seq <= read || seq > last) continue;
      if (seq <= this.base.last) within++;
      else behind++;
    }
    if (read <= this.base.read) within = Math.max(within, this.base.skipped);
    return Math.max(0, last - Math.max(0, read) - within - behind);
  }
}
