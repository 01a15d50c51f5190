// Whether the server answers at all, as the REST client sees it; the shell shows it and pings until it is back.
import { observable } from "../observable";

export interface Reachability {
  lost: boolean;
  /** When it last answered, in the clock of this machine. */
  answeredAt: number | null;
}

export const reachability = observable<Reachability>({ lost: false, answeredAt: null });

export function answered(now = Date.now()): void {
  reachability.set({ lost: false, answeredAt: now });
}

export function unanswered(): void {
  const { lost, answeredAt } = reachability.get();
  if (!lost) reachability.set({ lost: true, answeredAt });
}
