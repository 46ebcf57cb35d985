import type { MiddlewareHandler } from 'hono';
import { every } from 'hono/combine';
import { secureHeaders } from 'hono/secure-headers';
import { auth } from 'hono/utils/basic-auth';
import type { OpsUser } from '../config/ops.ts';
import type { Logger } from '../process/log.ts';
import { createLogin } from './login.ts';
import { isLoopbackHost, isOwnLoad, isSameOrigin } from './origin.ts';

export interface AccessOptions {
  /** Empty = nobody is asked who they are; only for a loopback address. */
  readonly users: readonly OpsUser[];
  /** Whether nothing can be changed, by nobody. */
  readonly readOnly: boolean;
  readonly log: Logger;
}

/** What stands before every page: who may see it, from where its buttons may be pressed, what it may load. */
export function access({ users, readOnly, log }: AccessOptions): MiddlewareHandler {
  return every(
    headers,
    cacheNothing,
    ...(users.length === 0 ? [loopbackOnly] : []),
    sameOriginOnly,
    noForeignLoads,
    ...(users.length === 0 ? [] : [createLogin({ users, log })]),
    ...(readOnly ? [lookOnly] : [tellOfChanges(log, users.length > 0)]),
  );
}

/** Nothing from elsewhere, nothing inline, in nobody's frame. A page that needs more sets a policy of its own. */
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
  // Whether there is TLS is for the proxy in front to say.
  strictTransportSecurity: false,
  overwrite: false,
});

/** Pages tell what is true now, and not to whoever uses the browser next. What may be kept says so itself. */
const cacheNothing: MiddlewareHandler = async (context, next) => {
  await next();
  if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
};

/**
 * Where nobody is asked who they are, being on this machine is what lets people in. A page of somewhere else whose name
 * was made to point to this machine (DNS rebinding) is not: its name is in the Host header.
 */
const loopbackOnly: MiddlewareHandler = async (context, next) => {
  if (isLoopbackHost(context.req.header('host'))) return await next();
  return context.text(
    'Without OPS_USERS these pages are for http://127.0.0.1 and http://localhost only, and this address is another.\n',
    403,
  );
};

/** Browsers send along the password with a request that another site has made them send; so such a request changes nothing. */
const sameOriginOnly: MiddlewareHandler = async (context, next) => {
  if (isSafe(context.req.method) || isSameOrigin((name) => context.req.header(name))) return await next();
  return context.text('A request that changes something must come from a page of this address.\n', 403);
};

/**
 * Any site can have a browser of somebody who is logged in load these pages, as images say, hundreds at a time, and each
 * costs Redis a search. People who follow a link from there see the page themselves.
 */
const noForeignLoads: MiddlewareHandler = async (context, next) => {
  const header = (name: string): string | undefined => context.req.header(name);
  if (isOwnLoad(header)) return await next();
  return context.text(
    'These pages can be followed a link to from other sites, and not be loaded by them.\n',
    403,
  );
};

const lookOnly: MiddlewareHandler = async (context, next) => {
  if (isSafe(context.req.method)) return await next();
  return context.text('OPS_READ_ONLY is set: nothing can be changed here.\n', 405, { allow: 'GET, HEAD' });
};

/** Who has changed what is in the log. @param asked whether people were asked who they are */
function tellOfChanges(log: Logger, asked: boolean): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { method, path, raw } = context.req;
    if (isSafe(method)) return;
    const user = asked ? auth(raw)?.username : undefined;
    log.info({ user, method, path, status: context.res.status }, 'button pressed');
  };
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
