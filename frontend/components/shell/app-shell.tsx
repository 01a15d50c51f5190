// The frame around every page: skip link, navigation, the place for the page itself.
"use client";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";
import { cx } from "@/components/ui/cx";
import { idsOf, isBuilder } from "@/lib/routes";
import { ConnectionBar } from "./connection-bar";
import { SideNav, TabBar } from "./nav";

export function AppShell({ children }: { children: ReactNode }) {
  // on a wide screen the builder fills it
  const path = usePathname();
  const full = isBuilder(path);
  const wide = idsOf(path).execution !== null;
  return (
    <>
      <a
        href="#main"
        className="sr-only rounded-md bg-accent px-3 py-2 font-medium text-on-accent focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-50"
      >
        Skip to content
      </a>
      <div className="flex min-h-dvh">
        <SideNav narrow={full} />
        <main
          id="main"
          tabIndex={-1}
          className={cx(
            // text can be drawn wider than its box (piles of accents); it must not widen the page
            "min-w-0 flex-1 overflow-x-clip px-4 pt-5 pb-24 outline-none",
            full ? "min-[900px]:h-dvh min-[900px]:overflow-hidden min-[900px]:p-0" : "md:px-8 md:pt-7 md:pb-12",
          )}
        >
          <div className={cx("mx-auto", full ? "h-full max-w-none" : wide ? "max-w-[104rem]" : "max-w-[76rem]")}>
            <div
              className={
                full
                  ? "min-[900px]:fixed min-[900px]:top-15 min-[900px]:left-1/2 min-[900px]:z-30 min-[900px]:-translate-x-1/2"
                  : ""
              }
            >
              <ConnectionBar />
            </div>
            {children}
          </div>
        </main>
      </div>
      <TabBar />
    </>
  );
}
