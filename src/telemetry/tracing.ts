import { hostname } from 'node:os';
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace';
import { VERSION } from '../base/version.ts';
import { within } from '../base/within.ts';
import type { TracingSettings } from './tracing-settings.ts';

/** What a dead collector may delay the end of a process by. */
export const STOP_MS = 3000;

export interface Tracing {
  /** Sends the spans that are left, for a few seconds at most. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Sets up an OpenTelemetry SDK for this process, which sends spans to a collector by OTLP; a process that has one
 * already keeps it. Nothing of it is loaded while tracing is off.
 * @param settings undefined = off
 * @param onFailure told once when spans can't be sent, and again only after some could
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
  const failed = (reason: string): void => {
    if (!failing) onFailure(reason);
    failing = true;
  };
  const otlp = new OTLPTraceExporter();
  const exporter: SpanExporter = {
    export: (spans, done) =>
      otlp.export(spans, (result) => {
        if (result.code === core.ExportResultCode.SUCCESS) failing = false;
        else failed(reasonOf(result.error));
        done(result);
      }),
    shutdown: () => otlp.shutdown(),
  };
  // Not what the SDK finds out about a process by itself: command lines hold what a trace must not.
  const own = {
    'service.name': 'vod-upload-worker',
    'service.version': VERSION,
    'host.name': hostname(),
    'process.pid': process.pid,
  };
  const { resourceAttributesEnvDetector, serviceNameEnvDetector } = resources;
  const resource = resources
    .defaultResource()
    .merge(resources.resourceFromAttributes(own))
    .merge(resources.detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
  const provider = new sdk.TracerProvider({
    resource,
    sampler: samplerOf(settings, sdk),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter })],
  });
  if (api.trace.setGlobalTracerProvider(provider)) {
    api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  }

  return {
    async stop() {
      // What fails here the exporter has told.
      const shutDown = provider.shutdown().catch(() => {});
      if (!(await within(shutDown, STOP_MS))) failed(`no collector took the last spans within ${STOP_MS} ms`);
    },
  };
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

/** Not the error itself: nobody knows what an HTTP client puts into it. A refused connection has no message. */
function reasonOf(error: Error | undefined): string {
  return error?.message || (error as NodeJS.ErrnoException | undefined)?.code || 'unknown error';
}
