/*
 * Tracing, as the standard variables of OpenTelemetry ask for it. Where spans go to, with which headers and under
 * which name, the SDK reads from the environment by itself.
 */

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

export interface TracingSettings {
  /** Which traces are kept; those with `parentbased_` follow whoever began the trace. */
  readonly sampler: (typeof SAMPLERS)[number];
  /** The share of traces that a `traceidratio` keeps, from 0 to 1. */
  readonly ratio: number;
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] as const;

/** Every variable that {@link readTracing} looks at. */
export const TRACING_VARIABLES: readonly string[] = [
  'OTEL_SDK_DISABLED',
  'OTEL_TRACES_EXPORTER',
  ...ENDPOINTS,
  ...PROTOCOLS,
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
];

/**
 * Tracing is on when an exporter or an endpoint is named, unless it is switched off; while it is off nothing about it
 * can be wrong. The variables are often those of a whole cluster, meant for other programs as well: what can't be done is
 * told, and nothing is traced.
 * @param warnings gets a line for each variable that asks for what can't be done
 * @returns undefined when it is off
 */
export function readTracing(
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): TracingSettings | undefined {
  const problems: string[] = [];
  const exporter = env.OTEL_TRACES_EXPORTER;
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter === undefined && ENDPOINTS.every((name) => env[name] === undefined)) return undefined;

  if (exporter !== undefined && exporter !== 'otlp')
    problems.push('OTEL_TRACES_EXPORTER must be otlp or none');
  for (const name of ENDPOINTS) {
    const url = env[name];
    if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      problems.push(`${name} must be an http:// or https:// URL`);
    }
  }
  const protocol = PROTOCOLS.findLast((name) => env[name] !== undefined);
  if (protocol !== undefined && env[protocol] !== 'http/protobuf') {
    problems.push(`${protocol} must be http/protobuf, which collectors take at port 4318`);
  }
  const name = env.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on';
  const sampler = SAMPLERS.find((known) => known === name);
  if (sampler === undefined) problems.push(`OTEL_TRACES_SAMPLER must be one of ${SAMPLERS.join(', ')}`);
  const ratio = Number(env.OTEL_TRACES_SAMPLER_ARG ?? 1);
  if (!(ratio >= 0 && ratio <= 1)) problems.push('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1');
  warnings.push(...problems.map((problem) => `${problem}; nothing is traced`));
  return sampler === undefined || problems.length > 0 ? undefined : { sampler, ratio };
}
