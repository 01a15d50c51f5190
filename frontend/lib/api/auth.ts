// The API key of this browser tab: kept in sessionStorage, so that it ends with the tab, and never put into a URL.
import { observable } from "../observable";

const STORAGE_KEY = "nexus-api-key";

/** Whether the server asked for a key that we do not have (or that it did not accept). */
export const keyRequired = observable(false);

export function apiKey(): string | null {
  try {
    return globalThis.sessionStorage?.getItem(STORAGE_KEY) ?? null;
  } catch {
    return null; // storage can be forbidden by the browser
  }
}

export function setApiKey(key: string | null): void {
  try {
    if (key === null) sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, key);
  } catch {
    // without storage the key form comes back on the next request
  }
}

/** Browsers cannot send headers with a WebSocket; the key travels as a subprotocol beside the real one. */
export function socketProtocols(): string[] {
  const key = apiKey();
  return key === null ? [] : ["nexus", `bearer.${key}`];
}
