import { SAMPLERS, type TracingSettings } from '../telemetry/tracing.ts';
import type { Environment } from './environment.ts';

/*
 * The standard variables of OpenTelemetry. Those about where and how spans are sent, and under which name, the SDK reads
 * itself.
 */

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] as const;

/** Every variable that {@link readTracing} reads. */
export const TRACING_VARIABLES: readonly string[] = [
  'OTEL_SDK_DISABLED',
  'OTEL_TRACES_EXPORTER',
  ...ENDPOINTS,
  ...PROTOCOLS,
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
];

/**
 * Tracing is on when an exporter or an endpoint is set, unless it is disabled; while it is off, no variable is checked.
 * The variables are often set for a whole cluster and for other programs too, so a value that is not supported is a
 * warning, and nothing is traced.
 * @param warnings gets a line for each variable with a value that is not supported
 * @returns undefined when tracing is off
 */
export function readTracing(env: Environment, warnings: string[]): TracingSettings | undefined {
  const exporter = env.OTEL_TRACES_EXPORTER;
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter === undefined && ENDPOINTS.every((name) => env[name] === undefined)) return undefined;

  const problems: string[] = [];
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
