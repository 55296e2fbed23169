// Looking for messages by their text.

import { ApiError, type Api } from "./api";
import type { Message } from "./types";

/** What the server takes as a query, in characters. */
const minQuery = 2;
export const maxQuery = 100;

/** Where one character says something by itself, it is enough. */
const oneIsEnough = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Extended_Pictographic}]/u;

/** What a query must be, for people. */
export const queryRule = `Type at least ${minQuery} characters.`;

/** Tells whether the server takes a query; blanks around it do not count. */
export function isQuery(text: string): boolean {
  const query = [...text.trim().replace(/[\uFE0E\uFE0F]+$/u, "")];
  return query.length >= minQuery || (query.length === 1 && oneIsEnough.test(query[0]!));
}

export interface SearchDeps {
  api: Api;
  onChange(): void;
}

/** One search and what came of it. A new query makes a late answer to the old one void. */
export class Search {
  private readonly deps: SearchDeps;
  private found: Message[] = [];
  private cursor: string | undefined;
  private round = 0;
  private busy = false;
  private problem = "";
  private asked = "";
  private within: string | undefined;

  constructor(deps: SearchDeps) {
    this.deps = deps;
  }

  /** Newest first. */
  get messages(): readonly Message[] {
    return this.found;
  }

  /** What was looked for; empty when nothing was. */
  get query(): string {
    return this.asked;
  }

  get isBusy(): boolean {
    return this.busy;
  }

  get hasMore(): boolean {
    return this.cursor !== undefined;
  }

  /** Why there is no answer, for people; empty when there is one. */
  get error(): string {
    return this.problem;
  }

  /** Looks for a text, in one conversation or in all. Too short a text clears. Rejects never. */
  async run(text: string, conversationId: string | undefined): Promise<void> {
    const query = [...text.trim()].slice(0, maxQuery).join("");
    const enough = isQuery(query);
    this.round++;
    this.found = [];
    this.cursor = undefined;
    this.problem = "";
    this.busy = false;
    this.asked = enough ? query : "";
    this.within = conversationId;
    if (enough) await this.page();
    else this.deps.onChange();
  }

  /** Loads the next page. Rejects never. */
  async more(): Promise<void> {
    if (this.cursor !== undefined && !this.busy) await this.page();
  }

  /** That message was recalled, or any of its conversation may have been. */
  forget(conversationId: string, seqId: number | undefined): void {
    this.found = this.found.filter((m) => m.conversationId !== conversationId || (seqId !== undefined && m.seqId !== seqId));
  }

  private async page(): Promise<void> {
    const round = this.round;
    this.busy = true;
    this.problem = "";
    this.deps.onChange();
    try {
      const answer = await this.deps.api.search(this.asked, this.within, this.cursor);
      if (round !== this.round) return;
      const known = new Set(this.found.map((m) => m.messageId));
      this.found = [...this.found, ...answer.messages.filter((m) => !known.has(m.messageId))];
      this.cursor = answer.nextCursor;
    } catch (err) {
      if (round !== this.round) return;
      this.problem = err instanceof ApiError ? err.message : String(err);
    } finally {
      if (round === this.round) {
        this.busy = false;
        this.deps.onChange();
      }
    }
  }
}

/** A piece of a text, and whether it is what was looked for. */
export interface Hit {
  text: string;
  hit: boolean;
}

/** How many characters are shown before the first find. */
const lead = 40;
const longest = 160;

/** Cuts a text around the first place where query is, and marks every such place, in whatever case. */
export function highlight(text: string, query: string): Hit[] {
  const pattern = new RegExp(query.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "giu");
  const first = text.search(pattern);
  const from = first > lead ? wordStart(text, first - lead) : 0;
  const cut = text.slice(from, from + longest).replace(/\p{Surrogate}/gu, "");
  const shown = (from > 0 ? "…" : "") + cut + (from + longest < text.length ? "…" : "");
  const out: Hit[] = [];
  let at = 0;
  for (const found of query === "" ? [] : shown.matchAll(pattern)) {
    if (found.index > at) out.push({ text: shown.slice(at, found.index), hit: false });
    out.push({ text: found[0], hit: true });
    at = found.index + found[0].length;
  }
  if (at < shown.length) out.push({ text: shown.slice(at), hit: false });
  return out;
}

function wordStart(text: string, from: number): number {
  const space = text.indexOf(" ", from);
  return space >= 0 && space < from + lead ? space + 1 : from;
}
