// The way around: a side bar on wide screens, tabs at the bottom of narrow ones.
"use client";
import { Activity, Boxes, LayoutDashboard, type LucideIcon, ScanText, Settings } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { cx } from "@/components/ui/cx";
import { routes } from "@/lib/routes";
import { Logo } from "./logo";

interface Entry {
  href: string;
  label: string;
  icon: LucideIcon;
  owns: (path: string) => boolean;
}

const ENTRIES: Entry[] = [
  {
    href: routes.home(),
    label: "Overview",
    icon: LayoutDashboard,
    owns: (path) => path === "/" || (path.startsWith("/workflows") && !path.includes("/executions")),
  },
  { href: routes.executions(), label: "Runs", icon: Activity, owns: (path) => path.includes("/executions") },
  { href: routes.scrapers(), label: "Scrapers", icon: ScanText, owns: (path) => path.startsWith("/scrapers") },
  { href: routes.models(), label: "Models", icon: Boxes, owns: (path) => path.startsWith("/models") },
  { href: routes.settings(), label: "Settings", icon: Settings, owns: (path) => path.startsWith("/settings") },
];

export function SideNav({ narrow = false }: { narrow?: boolean }) {
  const path = usePathname();
  return (
    <aside
      className={cx(
        "sticky top-0 hidden h-dvh shrink-0 flex-col border-r bg-surface md:flex",
        narrow ? "w-13 px-2 py-3" : "w-52 px-3 py-4",
      )}
    >
      <Link
        prefetch={false}
        href="/"
        className={cx(
          "flex items-center gap-2.5 rounded-md py-1 font-semibold tracking-tight",
          narrow ? "mb-4 justify-center" : "mb-5 px-2",
        )}
      >
        <Logo />
        <span className={narrow ? "sr-only" : ""}>Nexus</span>
      </Link>
      <nav aria-label="Main">
        <ul className="space-y-0.5">
          {ENTRIES.map(({ href, label, icon: Icon, owns }) => {
            const here = owns(path);
            return (
              <li key={href}>
                <Link
                  prefetch={false}
                  href={href}
                  aria-current={here ? "page" : undefined}
                  title={narrow ? label : undefined}
                  className={cx(
                    "flex items-center gap-2.5 rounded-md transition-colors",
                    narrow ? "h-9 justify-center" : "px-2 py-1.5",
                    here ? "bg-accent-soft font-medium text-accent" : "text-ink-2 hover:bg-sunken hover:text-ink",
                  )}
                >
                  <Icon aria-hidden size={16} />
                  <span className={narrow ? "sr-only" : ""}>{label}</span>
                </Link>
              </li>
            );
          })}
        </ul>
      </nav>
    </aside>
  );
}

export function TabBar() {
  const path = usePathname();
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-20 border-t bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      <ul className="grid grid-cols-5">
        {ENTRIES.map(({ href, label, icon: Icon, owns }) => {
          const here = owns(path);
          return (
            <li key={href}>
              <Link
                prefetch={false}
                href={href}
                aria-current={here ? "page" : undefined}
                className={cx(
                  "flex flex-col items-center gap-0.5 pt-2 pb-1.5 text-xs",
                  here ? "font-medium text-accent" : "text-mute",
                )}
              >
                <Icon aria-hidden size={18} />
                {label}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
