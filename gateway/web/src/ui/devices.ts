// The devices that this user is logged in at.

import type { Api } from "../core/api";
import type { Device } from "../core/types";
import { confirm, Dialog } from "./dialog";
import { h, icon, icons } from "./dom";
import { presenceText } from "./words";

/** Opens the list. ownId is the device that shows it. */
export function showDevices(api: Api, ownId: string): void {
  new Devices(api, ownId).open();
}

class Devices {
  private readonly api: Api;
  private readonly ownId: string;
  private readonly dialog = new Dialog("Your devices");
  private readonly list = h("ul", { class: "people", "aria-busy": "true" }, h("li", { class: "hint" }, "Loading…"));

  private readonly everywhere = h("button", { class: "button danger", type: "button", click: () => void this.signOutEverywhere() }, "Sign out everywhere");

  constructor(api: Api, ownId: string) {
    this.api = api;
    this.ownId = ownId;
    this.dialog.body.append(
      h("p", { class: "hint" }, "Each browser tab and each app is a device. Sign out the ones that you do not know."),
      this.list,
      this.everywhere,
    );
  }

  open(): void {
    this.dialog.open();
    void this.load();
  }

  private async load(): Promise<void> {
    const done = await this.dialog.attempt(undefined, async () => {
      const { devices } = await this.api.devices();
      const order = (d: Device) => (d.deviceId === this.ownId ? Infinity : d.lastSeenAt + (d.online ? 1e15 : 0));
      this.list.replaceChildren(...devices.sort((a, b) => order(b) - order(a)).map((d) => this.row(d)));
    });
    this.list.removeAttribute("aria-busy");
    if (!done) this.list.replaceChildren();
  }

  private row(d: Device): HTMLElement {
    const own = d.deviceId === this.ownId;
    const signOut = h("button", { class: "button", type: "button", "aria-label": `Sign out ${d.deviceId}`, click: () => void this.signOut(d, signOut) }, "Sign out");
    return h(
      "li",
      { class: "person", "data-device": d.deviceId },
      h("span", { class: "device-face", "data-online": d.online }, icon(icons.devices)),
      h(
        "span",
        { class: "person-name" },
        h("span", { class: "device-id" }, d.deviceId),
        h("span", { class: "hint" }, own ? "this device" : presenceText({ userId: "", online: d.online, lastSeenAt: d.lastSeenAt }, Date.now())),
      ),
      !own && signOut,
    );
  }

  /** The server closes this device's socket too, which leads back to the login. */
  private async signOutEverywhere(): Promise<void> {
    const sure = await confirm("Sign out everywhere?", "Every device has to log in again, this one too.", "Sign out everywhere");
    if (sure) await this.dialog.attempt(this.everywhere, () => this.api.logoutEverywhere());
  }

  private async signOut(d: Device, button: HTMLButtonElement): Promise<void> {
    const sure = await confirm("Sign out this device?", `${d.deviceId} has to log in again before it sees or sends anything.`, "Sign out");
    if (sure && (await this.dialog.attempt(button, () => this.api.signOut(d.deviceId)))) await this.load();
  }
}
