import type { MiddlewareHandler } from 'hono';
import { every } from 'hono/combine';
import { secureHeaders } from 'hono/secure-headers';
import { auth } from 'hono/utils/basic-auth';
import type { OpsUser } from '../config/ops.ts';
import type { Logger } from '../process/log.ts';
import { createLogin } from './login.ts';
import { isLoopbackHost, isOwnLoad, isSameOrigin } from './origin.ts';

export interface AccessOptions {
  /** Empty = no login; only for a loopback address. */
  readonly users: readonly OpsUser[];
  /** Whether nobody can change anything. */
  readonly readOnly: boolean;
  readonly log: Logger;
}

/** Runs before every page: authentication, cross-origin checks, security headers, read-only mode. */
export function access({ users, readOnly, log }: AccessOptions): MiddlewareHandler {
  return every(
    headers,
    noStore,
    ...(users.length === 0 ? [loopbackOnly] : []),
    sameOriginOnly,
    noCrossSiteLoads,
    ...(users.length === 0 ? [] : [createLogin({ users, log })]),
    ...(readOnly ? [refuseChanges] : [logChanges(log, users.length > 0)]),
  );
}

/** No resources from other origins, nothing inline, no framing. A page that needs more sets its own policy. */
const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    objectSrc: ["'none'"],
  },
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // Only the proxy in front knows whether there is TLS.
  strictTransportSecurity: false,
  overwrite: false,
});

/** Pages show current data, which the browser's next user must not see. Assets set their own header. */
const noStore: MiddlewareHandler = async (context, next) => {
  await next();
  if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
};

/**
 * Without users, access is allowed from this machine only. The Host header detects DNS rebinding: it has the name of the
 * foreign site that was made to resolve to this machine.
 */
const loopbackOnly: MiddlewareHandler = async (context, next) => {
  if (isLoopbackHost(context.req.header('host'))) return await next();
  return context.text(
    'Without OPS_USERS these pages are available at http://127.0.0.1 and http://localhost only.\n',
    403,
  );
};

/** Refuses changes requested by other sites (CSRF): browsers send the password with those requests too. */
const sameOriginOnly: MiddlewareHandler = async (context, next) => {
  if (isSafe(context.req.method) || isSameOrigin((name) => context.req.header(name))) return await next();
  return context.text('A request that changes something must come from a page of this address.\n', 403);
};

/**
 * Any site can make the browser of a logged-in user load these pages hundreds of times, as images for example, and each
 * costs a search in Redis. Following a link from another site is allowed.
 */
const noCrossSiteLoads: MiddlewareHandler = async (context, next) => {
  const header = (name: string): string | undefined => context.req.header(name);
  if (isOwnLoad(header)) return await next();
  return context.text('Other sites can link to these pages, but not load them.\n', 403);
};

const refuseChanges: MiddlewareHandler = async (context, next) => {
  if (isSafe(context.req.method)) return await next();
  return context.text('OPS_READ_ONLY is set: nothing can be changed here.\n', 405, { allow: 'GET, HEAD' });
};

/** Logs who changed what. @param authenticated whether requests carry a user */
function logChanges(log: Logger, authenticated: boolean): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { method, path, raw } = context.req;
    if (isSafe(method)) return;
    const user = authenticated ? auth(raw)?.username : undefined;
    log.info({ user, method, path, status: context.res.status }, 'button pressed');
  };
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
