import type { Registry } from 'prom-client';

/** What a process can be asked about itself, by monitoring and by Kubernetes. */
export interface StatusSources {
  readonly registry: Registry;
  /** What keeps the process from being ready, in words; undefined when nothing does. */
  readonly unreadyReason: () => string | undefined;
  /** Brings the metrics up to date before they are read; never rejects. */
  readonly refresh?: () => Promise<void>;
}

export interface StatusReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const TEXT = 'text/plain; charset=utf-8';

/** Paths that {@link statusReply} answers. */
export const STATUS_PATHS = ['/metrics', '/healthz', '/readyz'] as const;
export type StatusPath = (typeof STATUS_PATHS)[number];

/**
 * - `/healthz`: 200 whenever the event loop answers; nothing else is asked.
 * - `/readyz`: 503 while something is missing, and what that is.
 * - `/metrics`: in Prometheus's text format.
 */
export async function statusReply(path: StatusPath, sources: StatusSources): Promise<StatusReply> {
  switch (path) {
    case '/healthz':
      return { status: 200, contentType: TEXT, body: 'ok\n' };
    case '/readyz': {
      const reason = sources.unreadyReason();
      return { status: reason === undefined ? 200 : 503, contentType: TEXT, body: `${reason ?? 'ready'}\n` };
    }
    case '/metrics': {
      const { registry, refresh } = sources;
      await refresh?.();
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    }
  }
}
