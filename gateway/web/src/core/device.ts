// Whether this device was signed out by another one while it was away.

import type { Api } from "./api";

/** After this many refused handshakes in a row, the list of devices is asked for. */
const suspicious = 3;

export class Device {
  private readonly api: Api;
  private readonly id: string;
  private known: boolean;
  private refused = 0;
  private out = false;

  /** known says whether the server has seen this device before. */
  constructor(api: Api, id: string, known: boolean) {
    this.api = api;
    this.id = id;
    this.known = known;
  }

  get isSignedOut(): boolean {
    return this.out;
  }

  /** The server has taken a connection of it. */
  connected(): void {
    this.known = true;
    this.refused = 0;
  }

  /**
   * A handshake was refused although the token is good. A device that was signed out opens no connection,
   * however often it tries, and is in the list no more. Rejects with ApiError.
   */
  async refusedHandshake(): Promise<boolean> {
    if (++this.refused < suspicious || !this.known) return false;
    const { devices } = await this.api.devices();
    this.out = devices.length > 0 && !devices.some((d) => d.deviceId === this.id);
    return this.out;
  }
}
