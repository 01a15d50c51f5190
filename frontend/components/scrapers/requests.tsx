// Requests that a scraper made, as the egress proxy saw them: a record of everything that left the machine.
import { ScrollBox } from "@/components/ui/scroll-box";
import { Shorten } from "@/components/ui/shorten";
import { formatDuration } from "@/lib/format/time";
import type { RequestView } from "@/lib/scrapers/read";

export function Requests({ requests, label }: { requests: readonly RequestView[]; label: string }) {
  return (
    <ScrollBox label={label} className="max-h-56 overflow-auto rounded-md border">
      <ul className="divide-y text-xs">
        {requests.slice(0, 100).map((request, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: requests have no other name
          <li key={index} className="nums flex gap-2.5 px-3 py-1.5">
            <span className="w-9 shrink-0 font-mono text-mute">{request.method.slice(0, 8)}</span>
            <span className="min-w-0 flex-1 wrap-anywhere">
              <Shorten text={request.url} most={200} />
              {request.refused !== null && (
                <span className="block text-danger">
                  refused: <Shorten text={request.refused} most={200} />
                </span>
              )}
            </span>
            <span className="shrink-0 text-right text-mute">
              {request.status ?? "–"}
              {request.ms !== null && <span className="block">{formatDuration(request.ms)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </ScrollBox>
  );
}
