// Choosing a model: what it costs, whether its provider is configured, and how to configure it.
"use client";
import { ArrowDown, ArrowUp, ChevronsUpDown, CircleCheck, CircleDashed, Plus, X } from "lucide-react";
import { useCallback, useState } from "react";
import { cx } from "@/components/ui/cx";
import { CONTROL } from "@/components/ui/field";
import { Picker, type PickItem } from "@/components/ui/picker";
import { useModels } from "@/hooks/queries";
import type { Model } from "@/lib/api/types";
import { formatRate } from "@/lib/format/money";
import { formatCount } from "@/lib/format/text";
import { groupModels, searchModels } from "@/lib/providers";
import type { ControlProps } from "./field-control";

const price = (model: Model) =>
  `${formatRate(model.input_usd_per_mtok)} in · ${formatRate(model.output_usd_per_mtok)} out per million tokens`;

function ModelPicker({ title, onPick, onClose }: { title: string; onPick: (id: string) => void; onClose: () => void }) {
  const { data } = useModels();
  const items = useCallback(
    (text: string): PickItem[] => {
      const chat = (data?.items ?? []).filter((model) => model.mode === "chat" || model.mode === "responses");
      const groups = groupModels(searchModels(chat, text));
      const found = groups.flatMap((group) =>
        group.models.map(
          (model): PickItem => ({
            key: model.id,
            label: model.id,
            detail: price(model),
            group: group.configured
              ? group.name
              : `${group.name}: not configured${group.how ? `, set ${group.how}` : ""}`,
            icon: group.configured ? (
              <CircleCheck aria-hidden size={15} className="shrink-0 text-green-700 dark:text-green-400" />
            ) : (
              <CircleDashed aria-hidden size={15} className="shrink-0 text-mute" />
            ),
            hint: model.context_window === null ? undefined : formatCount(model.context_window),
          }),
        ),
      );
      const wanted = text.trim();
      if (/^[^/\s]+\/\S+$/.test(wanted) && !found.some((item) => item.key === wanted)) {
        found.push({
          key: wanted,
          label: wanted,
          detail: "as written; its price is not known here",
          group: "Another model",
        });
      }
      return found;
    },
    [data],
  );
  return (
    <Picker
      title={title}
      placeholder="Search models"
      items={items}
      onPick={onPick}
      onClose={onClose}
      empty="No model fits. Write provider/model to use another."
    />
  );
}

export function ModelField({ value, set, a11y }: ControlProps) {
  const [open, setOpen] = useState(false);
  const { data } = useModels();
  const id = typeof value === "string" ? value : "";
  const model = data?.items.find((one) => one.id === id);
  return (
    <>
      <button
        type="button"
        {...a11y}
        aria-labelledby={`${a11y.id}-label ${a11y.id}`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
        className={cx(CONTROL, "flex min-h-9 items-center gap-2 px-2.5 text-left")}
      >
        <span className="min-w-0 flex-1 truncate font-mono text-xs">{id === "" ? "Choose a model" : id}</span>
        <ChevronsUpDown aria-hidden size={14} className="shrink-0 text-mute" />
      </button>
      {model && (
        <p className="nums text-xs text-mute">
          {price(model)}
          {!model.configured && (
            <span className="text-amber-900 dark:text-amber-300"> · provider not configured, see Models</span>
          )}
        </p>
      )}
      {open && (
        <ModelPicker
          title="Model"
          onClose={() => setOpen(false)}
          onPick={(picked) => {
            set(picked);
            setOpen(false);
          }}
        />
      )}
    </>
  );
}

export function ModelsField({ value, set }: ControlProps) {
  const [open, setOpen] = useState(false);
  const list = Array.isArray(value) ? value.map(String) : [];
  const put = (next: string[]) => set(next.length === 0 ? undefined : next);
  const swap = (index: number) => {
    const next = [...list];
    const [taken] = next.splice(index, 1);
    if (taken !== undefined) next.splice(index - 1, 0, taken);
    put(next);
  };
  const small =
    "inline-flex size-6 items-center justify-center rounded text-mute hover:bg-sunken hover:text-ink disabled:opacity-30";
  return (
    <div className="space-y-1">
      {list.length > 0 && (
        <ol className="divide-y rounded-md border">
          {list.map((id, index) => (
            <li key={id} className="flex items-center gap-1 py-1 pr-1 pl-2.5">
              <span className="nums w-4 text-xs text-mute">{index + 1}</span>
              <code className="min-w-0 flex-1 truncate font-mono text-xs">{id}</code>
              <button
                type="button"
                className={small}
                disabled={index === 0}
                aria-label={`Earlier: ${id}`}
                onClick={() => swap(index)}
              >
                <ArrowUp aria-hidden size={12} />
              </button>
              <button
                type="button"
                className={small}
                disabled={index === list.length - 1}
                aria-label={`Later: ${id}`}
                onClick={() => swap(index + 1)}
              >
                <ArrowDown aria-hidden size={12} />
              </button>
              <button
                type="button"
                className={small}
                aria-label={`Without ${id}`}
                onClick={() => put(list.filter((one) => one !== id))}
              >
                <X aria-hidden size={12} />
              </button>
            </li>
          ))}
        </ol>
      )}
      <button
        type="button"
        className="inline-flex items-center gap-1 text-xs text-accent hover:underline"
        onClick={() => setOpen(true)}
      >
        <Plus aria-hidden size={12} />
        Add a fallback
      </button>
      {open && (
        <ModelPicker
          title="Fallback"
          onClose={() => setOpen(false)}
          onPick={(picked) => {
            if (!list.includes(picked)) put([...list, picked]);
            setOpen(false);
          }}
        />
      )}
    </div>
  );
}
