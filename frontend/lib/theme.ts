// Light, dark, or as the system has it. The choice is kept in localStorage and applied as `data-theme` on <html>; the
// script below runs before the first paint, so that no page flashes in the wrong theme.
import { observable } from "./observable";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const STORAGE_KEY = "nexus-theme";

export const THEME_SCRIPT = `(function(){var t=null;try{t=localStorage.getItem("${STORAGE_KEY}")}catch(e){}var d=t==="dark"||(t!=="light"&&matchMedia("(prefers-color-scheme: dark)").matches);document.documentElement.dataset.theme=d?"dark":"light"})()`;

export const theme = observable<Theme>("system");

function stored(): Theme {
  try {
    const text = localStorage.getItem(STORAGE_KEY);
    return THEMES.find((name) => name === text) ?? "system";
  } catch {
    return "system";
  }
}

function apply(): void {
  const choice = theme.get();
  const dark = choice === "dark" || (choice === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

/** Reads the stored choice and follows the system, other tabs too; returns what stops it. */
export function watchTheme(): () => void {
  theme.set(stored());
  apply();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const fromTab = (event: StorageEvent) => {
    if (event.key !== STORAGE_KEY) return;
    theme.set(stored());
    apply();
  };
  system.addEventListener("change", apply);
  window.addEventListener("storage", fromTab);
  return () => {
    system.removeEventListener("change", apply);
    window.removeEventListener("storage", fromTab);
  };
}

export function chooseTheme(next: Theme): void {
  theme.set(next);
  try {
    localStorage.setItem(STORAGE_KEY, next);
  } catch {
    // without storage the choice lasts as long as the page
  }
  apply();
}
