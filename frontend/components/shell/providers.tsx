// What every page lives in: the query cache, the theme, the key form, short messages.
"use client";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Toaster } from "@/components/ui/toaster";
import { isTransient } from "@/lib/api/errors";
import { watchTheme } from "@/lib/theme";
import { KeyForm } from "./key-form";

function newClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // the server is often on this very machine: the browser's idea of being offline does not matter
        networkMode: "always",
        staleTime: 2_000,
        retry: (failures, error) => isTransient(error) && failures < 2,
        retryDelay: (attempt) => Math.min(4_000, 500 * 2 ** attempt),
      },
      mutations: { networkMode: "always" },
    },
  });
}

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(newClient);
  useEffect(watchTheme, []);
  return (
    <QueryClientProvider client={client}>
      {children}
      <KeyForm />
      <Toaster />
    </QueryClientProvider>
  );
}
