// Nothing here: an address that no page has, or an id that the server does not know.
import { Compass } from "lucide-react";
import { LinkButton } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";

export function NotFound({ what, detail }: { what: "page" | "workflow" | "run" | "scraper"; detail?: string }) {
  return (
    <div className="mx-auto max-w-xl rounded-lg border bg-surface">
      <h1 className="sr-only">Not found</h1>
      <EmptyState icon={<Compass aria-hidden size={18} />} title={`This ${what} does not exist`}>
        <p>{detail ?? "The address may be mistyped, or what it pointed to was deleted."}</p>
        <p className="mt-4">
          <LinkButton prefetch={false} href="/" variant="primary">
            Back to the overview
          </LinkButton>
        </p>
      </EmptyState>
    </div>
  );
}
