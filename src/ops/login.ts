import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { MiddlewareHandler } from 'hono';
import { auth } from 'hono/utils/basic-auth';
import type { OpsUser } from '../config/ops.ts';
import type { Logger } from '../process/log.ts';

/** Delay of the reply to a wrong password, which slows down guessing. */
const REFUSAL_DELAY_MS = 500;

/**
 * HTTP basic authentication. An unknown name and a wrong password can't be told apart, not even by timing. The log shows
 * only known names, because people type passwords into the wrong field.
 */
export function createLogin(options: {
  readonly users: readonly OpsUser[];
  readonly log: Logger;
  readonly sleep?: (ms: number) => Promise<unknown>;
}): MiddlewareHandler {
  const { users, log, sleep = setTimeout } = options;
  const known = users.map(({ name, password }) => digest(name, password));
  let refusals = 0;
  return async (context, next) => {
    const given = auth(context.req.raw);
    if (given !== undefined) {
      const { username, password } = given;
      const hashed = digest(username, password);
      if (known.filter((one) => timingSafeEqual(one, hashed)).length > 0) return await next();
      refusals++;
      const user = users.find(({ name }) => name === username)?.name;
      log.warn({ user, from: getConnInfo(context).remote.address, refusals }, 'login refused');
      await sleep(REFUSAL_DELAY_MS);
    }
    const challenge = { 'www-authenticate': 'Basic realm="vod-upload", charset="UTF-8"' };
    return context.text('Log in as one of OPS_USERS.\n', 401, challenge);
  };
}

/** Fixed length, for `timingSafeEqual`; unambiguous, because names contain no colon. */
function digest(name: string, password: string): Buffer {
  return createHash('sha256').update(`${name}:${password}`).digest();
}
