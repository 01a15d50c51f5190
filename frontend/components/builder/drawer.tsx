// Below the canvas: problems, costs, runs, versions. Closed until somebody wants one of them.
"use client";
import { ChevronDown, ChevronUp } from "lucide-react";
import dynamic from "next/dynamic";
import { SkeletonRows } from "@/components/ui/skeleton";
import { Tabs } from "@/components/ui/tabs";
import { useObservable } from "@/hooks/use-observable";
import type { DrawerTab } from "@/lib/builder/session";
import { useSession } from "./context";
import type { Checks } from "./use-checks";

const loading = () => <SkeletonRows rows={3} />;
const CostTab = dynamic(() => import("./cost-tab").then((module) => module.CostTab), { ssr: false, loading });
const ProblemsTab = dynamic(() => import("./problems-tab").then((module) => module.ProblemsTab), {
  ssr: false,
  loading,
});
const RunsTab = dynamic(() => import("./runs-tab").then((module) => module.RunsTab), { ssr: false, loading });
const VersionsTab = dynamic(() => import("./versions-tab").then((module) => module.VersionsTab), {
  ssr: false,
  loading,
});

export function Drawer({ checks, workflow }: { checks: Checks; workflow: string | null }) {
  const session = useSession();
  const { drawer } = useObservable(session.view);
  const problems = checks.errors + checks.warnings;
  const Icon = drawer === null ? ChevronUp : ChevronDown;
  return (
    <section aria-label="Problems, cost, runs, versions" className="shrink-0 border-t bg-surface">
      <Tabs<DrawerTab>
        label="Below the canvas"
        className={drawer === null ? "" : "h-64"}
        value={drawer}
        onChange={(key) => session.look({ drawer: key })}
        tabs={[
          {
            key: "problems",
            label: (
              <>
                Problems
                {problems > 0 && <span className="nums rounded-full bg-sunken px-1.5 text-ink-2">{problems}</span>}
              </>
            ),
          },
          { key: "cost", label: "Cost" },
          { key: "runs", label: "Runs" },
          { key: "versions", label: "Versions" },
        ]}
        after={
          <button
            type="button"
            aria-label={drawer === null ? "Open the lower part" : "Close the lower part"}
            aria-expanded={drawer !== null}
            className="inline-flex size-7 items-center justify-center rounded-md text-mute hover:bg-sunken hover:text-ink"
            onClick={() => session.look({ drawer: drawer === null ? "problems" : null })}
          >
            <Icon aria-hidden size={15} />
          </button>
        }
      >
        {drawer === "problems" ? (
          <ProblemsTab checks={checks} />
        ) : drawer === "cost" ? (
          <CostTab state={checks.estimate} />
        ) : drawer === "runs" ? (
          <RunsTab workflow={workflow} />
        ) : drawer === "versions" ? (
          <VersionsTab workflow={workflow} />
        ) : null}
      </Tabs>
    </section>
  );
}
