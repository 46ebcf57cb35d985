import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** What workers of one process are called, in Redis's list of clients and to people. */
export interface WorkerIdentity {
  readonly host: string;
  readonly pid: number;
  /** Of this process and no other, before or after. */
  readonly name: string;
}

export function workerIdentity(): WorkerIdentity {
  const [host, { pid }] = [hostname(), process];
  // Redis takes no spaces and no control characters.
  const readable = `${host}.${pid}`.replace(/[^\w.-]/g, '_').slice(-80);
  return { host, pid, name: `${readable}.${randomBytes(6).toString('base64url')}` };
}
