// Screenshots of every page, by the same means as the end-to-end tests.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.shots.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 90_000,
    disableConsoleIntercept: true,
  },
});
