// Groups: what may be done in one, and who is in it.

import type { Api } from "./api";
import type { Chat } from "./store";
import type { Group, JoinPolicy, Member, Role } from "./types";

const pageSize = 100;
/** How many members are looked through for this user's own role. */
const searched = 2000;

/** What somebody may do in a group. */
export interface Powers {
  edit: boolean;
  add: boolean;
  setRoles: boolean;
  dissolve: boolean;
  leave: boolean;
  recallOthers: boolean;
  /** Whether they may remove somebody else with that role. */
  remove(role: Role): boolean;
}

export function powers(role: Role, group: Group): Powers {
  const alive = group.dissolvedAt === undefined;
  const leads = alive && role !== "member";
  const owns = alive && role === "owner";
  return {
    edit: leads,
    add: leads || (alive && group.joinPolicy === "open"),
    setRoles: owns,
    dissolve: owns,
    leave: !alive || role !== "owner",
    recallOthers: leads,
    remove: (other) => (owns && other !== "owner") || (leads && other === "member"),
  };
}

/** The members of one group, as far as they are loaded; ascending by id. */
export class Members {
  private readonly api: Api;
  private readonly groupId: string;
  private rows: Member[] = [];
  private cursor: string | undefined;
  private loading: Promise<void> | undefined;
  private running: Promise<void> | undefined;
  private waiting: Promise<void> | undefined;
  private complete = false;
  private begun = false;

  constructor(api: Api, groupId: string) {
    this.api = api;
    this.groupId = groupId;
  }

  get list(): readonly Member[] {
    return this.rows;
  }

  get hasMore(): boolean {
    return !this.complete;
  }

  get isLoaded(): boolean {
    return this.begun;
  }

  find(userId: string): Member | undefined {
    return this.rows.find((m) => m.userId === userId);
  }

  /** Loads the next page; one at a time. Rejects with ApiError. */
  more(): Promise<void> {
    if (this.complete) return Promise.resolve();
    this.loading ??= this.page().finally(() => (this.loading = undefined));
    return this.loading;
  }

  /** Loads until that user is found, or too many were looked through. */
  async seek(userId: string): Promise<void> {
    while (!this.find(userId) && !this.complete && this.rows.length < searched) await this.more();
  }

  /** Reads as many anew as were loaded; wishes during one make one more. */
  refresh(): Promise<void> {
    if (!this.running) this.running = this.reread().finally(() => (this.running = undefined));
    else this.waiting ??= this.running.catch(() => undefined).then(() => ((this.waiting = undefined), this.refresh()));
    return this.waiting ?? this.running;
  }

  private async reread(): Promise<void> {
    const wanted = this.rows.length;
    await this.loading?.catch(() => undefined);
    const fresh = new Members(this.api, this.groupId);
    do await fresh.more();
    while (fresh.hasMore && fresh.rows.length < wanted);
    this.rows = fresh.rows;
    this.cursor = fresh.cursor;
    this.complete = fresh.complete;
    this.begun = true;
  }

  private async page(): Promise<void> {
    const page = await this.api.members(this.groupId, pageSize, this.cursor);
    this.rows = [...this.rows, ...page.members];
    this.cursor = page.nextCursor;
    this.complete = page.nextCursor === undefined;
    this.begun = true;
  }
}

export interface GroupsDeps {
  api: Api;
  me: string;
  /** Reads a conversation anew. */
  load(conversationId: string): Promise<Chat | undefined>;
  /** The user is in it no more. */
  forget(conversationId: string): void;
  onChange(): void;
}

/** The calls about groups. All reject with ApiError, and leave what is shown as the server has it. */
export class Groups {
  private readonly deps: GroupsDeps;
  private readonly known = new Map<string, Members>();
  private readonly sought = new Set<string>();

  constructor(deps: GroupsDeps) {
    this.deps = deps;
  }

  members(groupId: string): Members {
    const members = this.known.get(groupId) ?? new Members(this.deps.api, groupId);
    this.known.set(groupId, members);
    return members;
  }

  /** This user's role; a member's until more is known. */
  role(group: Group): Role {
    if (group.ownerId === this.deps.me) return "owner";
    const role = this.members(group.groupId).find(this.deps.me)?.role ?? "member";
    return role === "owner" ? "admin" : role; // the group knows better who owns it
  }

  /** Finds out this user's role, once; who cannot be found out is a plain member. */
  seekRole(group: Group): void {
    if (group.dissolvedAt !== undefined || this.sought.has(group.groupId)) return;
    this.sought.add(group.groupId);
    void this.members(group.groupId).seek(this.deps.me).then(this.deps.onChange, () => this.sought.delete(group.groupId));
  }

  async create(name: string, memberIds: string[]): Promise<Chat | undefined> {
    const group = await this.deps.api.createGroup(name, memberIds);
    return this.deps.load(group.conversationId);
  }

  async join(groupId: string): Promise<Chat | undefined> {
    await this.deps.api.joinGroup(groupId);
    return this.deps.load(`group_${groupId}`);
  }

  async change(group: Group, change: { name?: string; announcement?: string; joinPolicy?: JoinPolicy }): Promise<void> {
    await this.deps.api.changeGroup(group.groupId, change);
    await this.deps.load(group.conversationId);
  }

  async add(group: Group, userIds: string[]): Promise<{ added: string[]; already: string[] }> {
    const answer = await this.deps.api.addMembers(group.groupId, userIds);
    await this.reread(group);
    return answer;
  }

  async remove(group: Group, userId: string): Promise<void> {
    await this.deps.api.removeMember(group.groupId, userId);
    await this.reread(group);
  }

  async setRole(group: Group, userId: string, role: Role): Promise<void> {
    await this.deps.api.setRole(group.groupId, userId, role);
    await this.reread(group);
  }

  async leave(group: Group): Promise<void> {
    await this.deps.api.removeMember(group.groupId, this.deps.me);
    this.deps.forget(group.conversationId);
  }

  async dissolve(group: Group): Promise<void> {
    await this.deps.api.dissolveGroup(group.groupId);
    await this.deps.load(group.conversationId);
  }

  /** Somebody has changed the group: what is loaded of its members is read anew. */
  async stale(groupId: string): Promise<void> {
    const members = this.known.get(groupId);
    if (!members?.isLoaded) return;
    // A failure leaves the old list; opening the group's page reads it again.
    await members.refresh().catch(() => undefined);
    this.deps.onChange();
  }

  private async reread(group: Group): Promise<void> {
    await Promise.all([this.deps.load(group.conversationId), this.stale(group.groupId)]);
  }
}
