// The keyboard's way through a list of messages: Tab comes to the newest, the arrows go on from there.

/** Makes the list's buttons one stop of the Tab key. */
export function roam(list: HTMLElement): void {
  const buttons = () => [...list.querySelectorAll<HTMLElement>(".more:not([hidden])")];
  const enter = (button: HTMLElement | undefined) => {
    if (!button) return;
    for (const b of buttons()) b.tabIndex = b === button ? 0 : -1;
  };
  list.addEventListener("focusin", (e) => {
    if (e.target instanceof HTMLElement && e.target.matches(".more")) enter(e.target);
  });
  list.addEventListener("keydown", (e) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[e.key];
    if (at < 0 || to === undefined) return;
    e.preventDefault();
    const next = all[Math.max(0, Math.min(all.length - 1, to))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  });
  // When rows come or go, one button stays reachable by Tab: the focused one, or else the newest.
  new MutationObserver(() => {
    const all = buttons();
    if (!all.some((b) => b.tabIndex === 0)) enter(all.at(-1));
    else if (!list.contains(document.activeElement)) enter(all.at(-1));
  }).observe(list, { childList: true });
}
