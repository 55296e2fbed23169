// The names that are offered while an @ is being written.

import { h, set } from "./dom";
import type { Person } from "./mentions";

export class NameList {
  readonly node: HTMLElement;
  private readonly input: HTMLElement;
  private readonly choose: (p: Person) => void;
  private people: readonly Person[] = [];
  private at = 0;

  constructor(input: HTMLElement, choose: (p: Person) => void) {
    this.input = input;
    this.choose = choose;
    this.node = h("ul", { class: "names", id: "composer-names", role: "listbox", "aria-label": "People to mention", hidden: true });
    set(input, "aria-autocomplete", "list");
  }

  /** Offers these; nobody closes the list. */
  show(people: readonly Person[]): void {
    const same = people.length === this.people.length && people.every((p, i) => p.userId === this.people[i]?.userId);
    if (same) return;
    this.people = people;
    this.at = 0;
    this.node.hidden = people.length === 0;
    this.node.replaceChildren(...people.map((p, i) => this.item(p, i)));
    this.mark();
  }

  /** Takes a key while the list is open; true when the key was meant for it. */
  key(e: KeyboardEvent): boolean {
    const count = this.people.length;
    if (count === 0) return false;
    if (e.key === "ArrowDown") this.at = (this.at + 1) % count;
    else if (e.key === "ArrowUp") this.at = (this.at + count - 1) % count;
    else if ((e.key === "Enter" && !e.shiftKey) || e.key === "Tab") this.take(this.at);
    else if (e.key === "Escape") this.show([]);
    else return false;
    this.mark();
    e.preventDefault();
    e.stopPropagation();
    return true;
  }

  private take(i: number): void {
    const p = this.people[i];
    this.show([]);
    if (p) this.choose(p);
  }

  private item(p: Person, i: number): HTMLElement {
    const pick = (e: Event) => {
      e.preventDefault(); // the field keeps the focus
      this.take(i);
    };
    return h("li", { id: `composer-name-${i}`, role: "option", pointerdown: pick }, p.userId === "all" ? "@all: everybody here" : `@${p.name}`);
  }

  private mark(): void {
    for (const [i, item] of [...this.node.children].entries()) set(item, "aria-selected", i === this.at ? "true" : "false");
    const open = this.people.length > 0;
    set(this.input, "aria-controls", open && this.node.id);
    set(this.input, "aria-activedescendant", open && `composer-name-${this.at}`);
  }
}
