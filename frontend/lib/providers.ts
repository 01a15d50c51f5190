// Models by provider, and how a provider is configured.
import type { Model } from "./api/types";

export interface ProviderGroup {
  provider: string;
  name: string;
  configured: boolean;
  /** What to set to configure it; null when nothing is needed. */
  how: string | null;
  models: Model[];
}

const NAMES: Record<string, string> = { openai: "OpenAI", anthropic: "Anthropic", demo: "Demo", local: "Local" };
const HOW: Record<string, string> = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" };

/** Groups models: configured providers first, then by name; within a group in the server's order. */
export function groupModels(models: readonly Model[]): ProviderGroup[] {
  const groups = new Map<string, ProviderGroup>();
  for (const model of models) {
    let group = groups.get(model.provider);
    if (!group) {
      group = {
        provider: model.provider,
        name: NAMES[model.provider] ?? model.provider,
        configured: false,
        how: HOW[model.provider] ?? null,
        models: [],
      };
      groups.set(model.provider, group);
    }
    group.models.push(model);
    group.configured ||= model.configured;
  }
  return [...groups.values()].sort(
    (a, b) => Number(b.configured) - Number(a.configured) || a.name.localeCompare(b.name, "en"),
  );
}

/** Models whose id, provider or mode contains every word. */
export function searchModels(models: readonly Model[], text: string): Model[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    const haystack = `${model.id} ${model.provider} ${model.mode}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  });
}
