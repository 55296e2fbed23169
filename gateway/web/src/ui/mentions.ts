// People named with an @ in a text.

import type { SendExtras } from "../core/types";

/** Somebody who can be named; "all" is everybody. */
export interface Person {
  userId: string;
  name: string;
}

export const everybody: Person = { userId: "all", name: "all" };

/** What the server takes as one message's mentions. */
const maxMentions = 50;
const maxOffered = 6;

/** The unfinished name before the cursor: where its @ is, and what is typed of it. */
export function unfinished(text: string, cursor: number): { at: number; typed: string } | undefined {
  const found = /(?:^|[\s(])@([^\s@]{0,32})$/u.exec(text.slice(0, cursor));
  return found ? { at: cursor - (found[1] ?? "").length - 1, typed: found[1] ?? "" } : undefined;
}

/** Those whose name begins with what is typed, or has a word that does. */
export function offered(typed: string, candidates: readonly Person[]): Person[] {
  const wanted = typed.toLowerCase();
  const starts = (name: string) => name.toLowerCase().startsWith(wanted) || name.toLowerCase().split(/[\s_.-]+/).some((w) => w.startsWith(wanted));
  return candidates.filter((p) => starts(p.name)).slice(0, maxOffered);
}

/** The people of those chosen whom the text still names, as a send wants them. */
export function mentioned(text: string, chosen: readonly Person[]): SendExtras {
  const found = new Set(spans(text, chosen.map((p) => p.name)).map(({ from, to }) => text.slice(from + 1, to)));
  const named = chosen.filter((p) => found.has(p.name));
  if (named.some((p) => p.userId === everybody.userId)) return { mentions: "all" };
  const ids = [...new Set(named.map((p) => p.userId))].slice(0, maxMentions);
  return ids.length > 0 ? { mentions: ids } : {};
}

/** Where the text has an @ followed by one of the names, the longest that fits. */
export function spans(text: string, wanted: readonly string[]): { from: number; to: number }[] {
  const sorted = wanted.filter((n) => n !== "").sort((a, b) => b.length - a.length);
  const out: { from: number; to: number }[] = [];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const found = sorted.find((n) => text.startsWith(n, at + 1) && !/^[\p{L}\p{N}_]/u.test(text.slice(at + 1 + n.length)));
    if (found === undefined || at < (out.at(-1)?.to ?? 0)) continue;
    out.push({ from: at, to: at + 1 + found.length });
  }
  return out;
}

/** Whether these mentions mean that user. */
export function means(mentions: readonly string[] | undefined, userId: string): boolean {
  return mentions !== undefined && (mentions.includes(userId) || mentions.includes(everybody.userId));
}
