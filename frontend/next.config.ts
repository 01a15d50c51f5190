// Build settings. Production is a static export that the Nexus server embeds; only `next dev` has rewrites, which
// stand in for the server: API and WebSocket calls are proxied, and dynamic pages are served from their `_` placeholder.
import type { NextConfig } from "next";
import { PHASE_DEVELOPMENT_SERVER } from "next/constants";

const server = process.env.NEXUS_SERVER ?? "http://127.0.0.1:8080";

export default function config(phase: string): NextConfig {
  const base: NextConfig = {
    reactStrictMode: true,
    poweredByHeader: false,
    devIndicators: false,
    images: { unoptimized: true },
  };
  if (phase !== PHASE_DEVELOPMENT_SERVER) return { ...base, output: "export" };
  const proxied = ["/api/:path*", "/ws/:path*", "/healthz", "/readyz", "/openapi.json", "/docs"];
  return {
    ...base,
    async rewrites() {
      return {
        beforeFiles: [
          { source: "/workflows/:id/executions/:execId", destination: "/workflows/_/executions/_" },
          { source: "/workflows/:id/executions", destination: "/workflows/_/executions" },
          { source: "/workflows/:id((?!new$).*)", destination: "/workflows/_" },
          { source: "/scrapers/:id((?!new$).*)", destination: "/scrapers/_" },
          { source: "/executions/:execId((?!compare$).*)", destination: "/executions/_" },
        ],
        afterFiles: proxied.map((source) => ({ source, destination: `${server}${source}` })),
        fallback: [],
      };
    },
  };
}
