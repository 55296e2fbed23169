// How long to wait before the next try.

/** Exponential backoff with full jitter: anything from 0 to min(cap, base·2^attempt), in milliseconds. */
export function backoff(attempt: number, base: number, cap: number, random: () => number): number {
  return Math.round(random() * Math.min(cap, base * 2 ** Math.min(attempt, 30)));
}

/** Reads the delay that a close reason names, in milliseconds; undefined when it names none. */
export function retryAfter(reason: string): number | undefined {
  const found = /(?:^|\s)retry-after-ms=(\d{1,9})(?:\s|$)/.exec(reason);
  return found ? Number(found[1]) : undefined;
}
