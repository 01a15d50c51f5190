// The frame around every page: skip link, navigation, the place for the page itself.
import type { ReactNode } from "react";
import { ConnectionBar } from "./connection-bar";
import { SideNav, TabBar } from "./nav";

export function AppShell({ children }: { children: ReactNode }) {
  return (
    <>
      <a
        href="#main"
        className="sr-only rounded-md bg-accent px-3 py-2 font-medium text-on-accent focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-50"
      >
        Skip to content
      </a>
      <div className="flex min-h-dvh">
        <SideNav />
        <main id="main" tabIndex={-1} className="min-w-0 flex-1 px-4 pt-5 pb-24 outline-none md:px-8 md:pt-7 md:pb-12">
          <div className="mx-auto max-w-[76rem]">
            <ConnectionBar />
            {children}
          </div>
        </main>
      </div>
      <TabBar />
    </>
  );
}
