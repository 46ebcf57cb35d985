import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadConfig, PROXY_VARIABLES, VARIABLES } from '../../../src/config/config.ts';

const text = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8');
const entries = [...text.matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
  ([, name = '', value = '']) => [name, value] as const,
);

/** Variables that the OpenTelemetry SDK reads; only those that are most likely needed. */
const SDK_VARIABLES = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES'];

/** Variables that Node reads; TLS error messages recommend it. */
const NODE_VARIABLES = ['NODE_EXTRA_CA_CERTS'];

test('names every variable exactly once, and no other', () => {
  const proxies = new Set(PROXY_VARIABLES.map((name) => name.toUpperCase()));
  const read = [...VARIABLES, ...proxies, ...NODE_VARIABLES, ...SDK_VARIABLES];
  expect(entries.map(([name]) => name).sort()).toEqual(read.sort());
});

test('every value is the default', () => {
  expect(loadConfig(Object.fromEntries(entries))).toEqual(loadConfig({}));
  expect(entries.filter(([, value]) => value !== '').length).toBeGreaterThan(10);
});

test('every variable or its group has a comment above', () => {
  for (const block of text.split('\n\n')) {
    if (/^#?[A-Z_]+=/m.test(block)) expect(block).toMatch(/^# \S/);
  }
});
