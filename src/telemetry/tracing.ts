import { hostname } from 'node:os';
import type { Resource } from '@opentelemetry/resources';
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace';
import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { VERSION } from '../base/version.ts';

export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

export interface TracingSettings {
  /** Which traces are kept; `parentbased_` follows the decision of the trace's first process. */
  readonly sampler: (typeof SAMPLERS)[number];
  /** The share of traces that a `traceidratio` sampler keeps, from 0 to 1. */
  readonly ratio: number;
}

/** How long an unreachable collector may delay the exit of a process. */
export const FLUSH_TIMEOUT_MS = 3000;

export interface Tracing {
  /** Sends the remaining spans, for at most {@link FLUSH_TIMEOUT_MS}. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Sets up an OpenTelemetry SDK for this process, which sends spans to a collector by OTLP, unless the process has one
 * already. While tracing is off, no OpenTelemetry package is loaded.
 * @param settings undefined = off
 * @param onFailure called when spans can't be sent; once, until sending has worked again
 */
export async function startTracing(
  settings: TracingSettings | undefined,
  onFailure: (reason: string) => void,
): Promise<Tracing> {
  if (settings === undefined) return { stop: async () => {} };
  const [api, core, sdk, resources, { OTLPTraceExporter }, { AsyncLocalStorageContextManager }] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/core'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/context-async-hooks'),
    ]);

  let failing = false;
  const reportFailure = (reason: string): void => {
    if (!failing) onFailure(reason);
    failing = true;
  };
  const otlp = new OTLPTraceExporter();
  const exporter: SpanExporter = {
    export: (spans, done) =>
      otlp.export(spans, (result) => {
        if (result.code === core.ExportResultCode.SUCCESS) failing = false;
        else reportFailure(reasonOf(result.error));
        done(result);
      }),
    shutdown: () => otlp.shutdown(),
  };
  const provider = new sdk.TracerProvider({
    resource: processResource(resources),
    sampler: samplerOf(settings, sdk),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter })],
  });
  if (api.trace.setGlobalTracerProvider(provider)) {
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  }

  return {
    async stop() {
      // The exporter has reported its failures.
      const shutDown = provider.shutdown().catch(() => {});
      if (!(await fulfilledWithin(shutDown, FLUSH_TIMEOUT_MS)))
        reportFailure(`no collector took the last spans within ${FLUSH_TIMEOUT_MS} ms`);
    },
  };
}

/** The attributes of this process: ours, and those of OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME. */
function processResource(resources: typeof import('@opentelemetry/resources')): Resource {
  const { resourceAttributesEnvDetector, serviceNameEnvDetector } = resources;
  // Without the SDK's detector of process attributes: command lines may hold secrets.
  return resources
    .defaultResource()
    .merge(
      resources.resourceFromAttributes({
        'service.name': 'vod-upload-worker',
        'service.version': VERSION,
        'host.name': hostname(),
        'process.pid': process.pid,
      }),
    )
    .merge(resources.detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
}

function samplerOf(
  { sampler, ratio }: TracingSettings,
  sdk: typeof import('@opentelemetry/sdk-trace'),
): Sampler {
  const root = sampler.endsWith('traceidratio')
    ? new sdk.TraceIdRatioBasedSampler(ratio)
    : sampler.endsWith('always_off')
      ? new sdk.AlwaysOffSampler()
      : new sdk.AlwaysOnSampler();
  return sampler.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root;
}

/** Not the whole error: an HTTP client may add request data to it. A refused connection has a code but no message. */
function reasonOf(error: Error | undefined): string {
  return error?.message || (error as NodeJS.ErrnoException | undefined)?.code || 'unknown error';
}
