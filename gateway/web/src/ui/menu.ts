// A menu that hangs on a button.

import { h } from "./dom";

export interface MenuItem {
  label: string;
  /** What is shown in place of the label, where that is a picture. */
  face?: string;
  pressed?: boolean;
  danger?: boolean;
  run(): void;
}

const margin = 8;

/** Opens a menu at anchor: a row of faces above, items below. It closes by a choice, by Escape, and by a look elsewhere. */
export function openMenu(anchor: HTMLElement, label: string, faces: readonly MenuItem[], items: readonly MenuItem[]): void {
  const choose = (item: MenuItem) => () => {
    close(true);
    item.run();
  };
  const face = (item: MenuItem) =>
    h("button", { class: "menu-face", type: "button", role: "menuitemcheckbox", tabindex: -1, "aria-label": item.label, "aria-checked": item.pressed ? "true" : "false", click: choose(item) }, item.face ?? item.label);
  const entry = (item: MenuItem) =>
    h("button", { class: item.danger ? "menu-item danger" : "menu-item", type: "button", role: "menuitem", tabindex: -1, click: choose(item) }, item.label);
  const node = h(
    "div",
    { class: "menu", role: "menu", "aria-label": label },
    faces.length > 0 && h("div", { class: "menu-faces", role: "group", "aria-label": "Reactions" }, ...faces.map(face)),
    ...items.map(entry),
  );
  const buttons = [...node.querySelectorAll("button")];
  const away = (e: Event) => {
    if (!(e.target instanceof Node) || !node.contains(e.target)) close(false);
  };
  function close(refocus: boolean): void {
    for (const type of ["pointerdown", "focusin", "wheel"]) document.removeEventListener(type, away, true);
    window.removeEventListener("resize", away);
    window.removeEventListener("hashchange", away);
    node.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (refocus) anchor.focus({ preventScroll: true });
  }
  node.addEventListener("keydown", (e) => key(e, buttons, faces.length, () => close(true)));
  (anchor.closest("dialog") ?? document.body).append(node); // what is outside of an open dialog cannot be reached
  place(node, anchor);
  anchor.setAttribute("aria-expanded", "true");
  buttons[0]?.focus({ preventScroll: true });
  for (const type of ["pointerdown", "focusin", "wheel"]) document.addEventListener(type, away, { capture: true, passive: true });
  window.addEventListener("resize", away);
  window.addEventListener("hashchange", away);
}

function key(e: KeyboardEvent, buttons: readonly HTMLElement[], faces: number, close: () => void): void {
  const at = buttons.indexOf(document.activeElement as HTMLElement);
  const inFaces = at < faces;
  const last = buttons.length - 1;
  const moves: Record<string, number> = {
    ArrowDown: inFaces ? faces : at + 1,
    ArrowUp: inFaces ? last : at === faces ? 0 : at - 1,
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    Home: 0,
    End: last,
  };
  const to = moves[e.key];
  if (to !== undefined) buttons[Math.max(0, Math.min(last, to))]?.focus();
  else if (e.key === "Escape" || e.key === "Tab") close();
  else return;
  e.preventDefault();
  e.stopPropagation(); // Escape is the conversation's way out, too
}

/** Below the anchor where there is room, above it where not, and never outside of the window. */
function place(node: HTMLElement, anchor: HTMLElement): void {
  const a = anchor.getBoundingClientRect();
  const { width, height } = node.getBoundingClientRect();
  const below = a.bottom + 4 + height < innerHeight - margin;
  const top = below ? a.bottom + 4 : Math.max(margin, a.top - 4 - height);
  const wanted = a.left + a.right > innerWidth ? a.right - width : a.left; // towards the middle
  const left = Math.max(margin, Math.min(wanted, innerWidth - width - margin));
  node.style.top = `${top}px`;
  node.style.left = `${left}px`;
}
