import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default', './test/support/counts-reporter.ts'],
    // Integration tests wait more than they compute.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // Half of the time would go into loading the same modules for each file.
          isolate: false,
          // What is awaited comes: these end only a test whose awaited event never does.
          testTimeout: 60_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/shared-redis.ts'],
          // What is awaited comes: these end only a test whose awaited event never does.
          testTimeout: 180_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 120_000 } },
        },
      },
      // Builds the container image and runs it; only where asked for, since it takes tools that few machines have.
      {
        test: {
          name: 'image',
          include: ['test/image/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 120_000 } },
        },
      },
      {
        test: {
          name: 'full',
          include: ['test/full/**/*.test.ts'],
          globalSetup: ['test/support/shared-redis.ts'],
          testTimeout: 1_200_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 120_000 } },
        },
      },
    ],
  },
});
