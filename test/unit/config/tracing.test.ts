import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { readTracing } from '../../../src/config/tracing.ts';

const ENDPOINT = 'http://127.0.0.1:4318';
const DEFAULTS = { sampler: 'parentbased_always_on', ratio: 1 };

function read(env: Record<string, string>) {
  const warnings: string[] = [];
  return { settings: readTracing(env, warnings), warnings };
}

test.each<Record<string, string>>([
  {},
  { OTEL_SERVICE_NAME: 'a-name-alone-enables-nothing' },
  { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT },
  { OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'otlp' },
  { OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'wrong', OTEL_TRACES_SAMPLER: 'wrong' },
  { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
])('tracing is off with %j', (env) => {
  expect(read(env)).toEqual({ settings: undefined, warnings: [] });
});

test.each<Record<string, string>>([
  { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT },
  { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${ENDPOINT}/v1/traces` },
  { OTEL_TRACES_EXPORTER: 'otlp' },
  { OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'false' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
  {
    OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
  },
])('tracing is on with %j', (env) => {
  expect(read(env)).toEqual({ settings: DEFAULTS, warnings: [] });
});

test('a sampler can keep a share of the traces', () => {
  const env = {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.1',
  };
  expect(read(env).settings).toEqual({ sampler: 'traceidratio', ratio: 0.1 });
});

test('values that are not supported are warnings by variable name, and nothing is traced', () => {
  const { settings, warnings } = read({
    OTEL_TRACES_EXPORTER: 'zipkin',
    OTEL_EXPORTER_OTLP_ENDPOINT: '127.0.0.1:4318',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_TRACES_SAMPLER_ARG: '2',
  });
  expect(settings).toBeUndefined();
  expect(warnings.map((warning) => warning.split(' ')[0])).toEqual([
    'OTEL_TRACES_EXPORTER',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    'OTEL_TRACES_SAMPLER',
    'OTEL_TRACES_SAMPLER_ARG',
  ]);
});

test('loadConfig has the settings, and only warns of values that are not supported', () => {
  expect(loadConfig({})).toMatchObject({ warnings: [] });
  expect(loadConfig({}).tracing).toBeUndefined();
  expect(loadConfig({ OTEL_TRACES_EXPORTER: 'otlp' }).tracing).toEqual(DEFAULTS);
  const platform = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  };
  const { tracing, warnings } = loadConfig(platform);
  expect(tracing).toBeUndefined();
  expect(warnings).toEqual([
    'OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, which collectors take at port 4318; nothing is traced',
  ]);
});
