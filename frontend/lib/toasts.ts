// Short messages about what was just done. Not here: drawing them.
import { observable } from "./observable";

export interface Toast {
  id: number;
  tone: "info" | "error";
  text: string;
}

export const toasts = observable<Toast[]>([]);
let last = 0;

export function toast(text: string, tone: Toast["tone"] = "info"): void {
  last += 1;
  toasts.set([...toasts.get().slice(-3), { id: last, tone, text }]);
}

export function dismiss(id: number): void {
  toasts.set(toasts.get().filter((entry) => entry.id !== id));
}
