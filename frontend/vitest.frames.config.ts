// The bench of frame times: a real browser, the real program, no assertions about time.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.bench.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 90_000,
    disableConsoleIntercept: true,
  },
});
