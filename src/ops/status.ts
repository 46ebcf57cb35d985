import type { Registry } from 'prom-client';

/** What the status pages of a process show to monitoring and Kubernetes. */
export interface StatusSources {
  readonly registry: Registry;
  /** Why the process is not ready, for people; undefined when it is ready. */
  readonly unreadyReason: () => string | undefined;
  /** Updates the metrics before they are read; never rejects. */
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
 * - `/healthz`: 200 while the event loop works; nothing else is checked.
 * - `/readyz`: 200, or 503 with the reason.
 * - `/metrics`: Prometheus's text format.
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
