// Models with their prices, by provider, and which providers are configured.
"use client";
import { CircleCheck, CircleDashed, Search } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { Card, PageHead } from "@/components/ui/card";
import { Input } from "@/components/ui/field";
import { SkeletonRows } from "@/components/ui/skeleton";
import { EmptyState, ErrorState } from "@/components/ui/states";
import { useModels } from "@/hooks/queries";
import type { Model } from "@/lib/api/types";
import { formatRate } from "@/lib/format/money";
import { formatCount } from "@/lib/format/text";
import { groupModels, type ProviderGroup, searchModels } from "@/lib/providers";

export function ModelsPage() {
  const query = useModels();
  const [text, setText] = useState("");
  const [onlyConfigured, setOnlyConfigured] = useState(false);
  const wanted = useDeferredValue(text);
  const groups = useMemo(() => {
    const found = searchModels(query.data?.items ?? [], wanted);
    return groupModels(onlyConfigured ? found.filter((model) => model.configured) : found);
  }, [query.data, wanted, onlyConfigured]);

  return (
    <>
      <PageHead
        title="Models"
        below="Prices in US dollars per million tokens, as Nexus counts them."
        actions={
          <>
            <label className="flex cursor-pointer items-center gap-2 text-ink-2">
              <input
                type="checkbox"
                className="size-4 accent-(--accent)"
                checked={onlyConfigured}
                onChange={(event) => setOnlyConfigured(event.target.checked)}
              />
              Configured only
            </label>
            <div className="relative">
              <Search
                aria-hidden
                size={14}
                className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-mute"
              />
              <Input
                type="search"
                aria-label="Search models"
                placeholder="Search"
                value={text}
                onChange={(event) => setText(event.target.value)}
                icon
                className="max-w-60"
              />
            </div>
          </>
        }
      />
      {query.isPending ? (
        <Card flush>
          <SkeletonRows rows={8} />
        </Card>
      ) : query.isError && !query.data ? (
        <Card flush>
          <ErrorState error={query.error} onRetry={() => query.refetch()} />
        </Card>
      ) : groups.length === 0 ? (
        <Card flush>
          <EmptyState icon={<Search aria-hidden size={18} />} title="No model matches">
            Search for a part of its name, or show models that are not configured too.
          </EmptyState>
        </Card>
      ) : (
        <div className="space-y-4">
          {groups.map((group) => (
            <Provider key={group.provider} group={group} />
          ))}
        </div>
      )}
    </>
  );
}

function Provider({ group }: { group: ProviderGroup }) {
  const Icon = group.configured ? CircleCheck : CircleDashed;
  return (
    <Card
      title={group.name}
      flush
      note={
        <span className="inline-flex flex-wrap items-center gap-1.5">
          <Icon
            aria-hidden
            size={14}
            className={group.configured ? "text-green-700 dark:text-green-400" : "text-mute"}
          />
          {group.configured ? "configured" : "not configured"}
          {!group.configured && group.how && (
            <>
              : set <code className="font-mono">{group.how}</code> where Nexus runs
            </>
          )}
        </span>
      }
    >
      <table className="w-full text-left">
        <caption className="sr-only">Models of {group.name}</caption>
        <thead className="text-xs text-mute">
          <tr className="border-b">
            <th scope="col" className="py-2 pr-3 pl-4 font-medium">
              Model
            </th>
            <th scope="col" className="hidden min-w-28 px-3 py-2 font-medium md:table-cell">
              Kind
            </th>
            <th scope="col" className="min-w-20 px-3 py-2 text-right font-medium">
              Input
            </th>
            <th scope="col" className="min-w-20 py-2 pr-4 pl-3 text-right font-medium sm:px-3">
              Output
            </th>
            <th scope="col" className="hidden min-w-24 px-3 py-2 text-right font-medium sm:table-cell">
              Context
            </th>
            <th
              scope="col"
              className="hidden min-w-28 py-2 pr-4 pl-3 text-right font-medium whitespace-nowrap md:table-cell"
            >
              Max output
            </th>
          </tr>
        </thead>
        <tbody className="divide-y">
          {group.models.map((model) => (
            <Row key={model.id} model={model} />
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Row({ model }: { model: Model }) {
  return (
    <tr className="hover:bg-sunken">
      <th scope="row" className="w-full max-w-0 py-2 pr-3 pl-4 font-normal">
        <span className="block truncate font-mono text-xs" title={model.id}>
          {model.id}
        </span>
      </th>
      <td className="hidden px-3 py-2 whitespace-nowrap text-ink-2 md:table-cell">{model.mode}</td>
      <td className="nums px-3 py-2 text-right whitespace-nowrap">{formatRate(model.input_usd_per_mtok)}</td>
      <td className="nums py-2 pr-4 pl-3 text-right whitespace-nowrap sm:px-3">
        {formatRate(model.output_usd_per_mtok)}
      </td>
      <td className="nums hidden px-3 py-2 text-right whitespace-nowrap text-ink-2 sm:table-cell">
        {formatCount(model.context_window)}
      </td>
      <td className="nums hidden py-2 pr-4 pl-3 text-right whitespace-nowrap text-ink-2 md:table-cell">
        {formatCount(model.max_output_tokens)}
      </td>
    </tr>
  );
}
