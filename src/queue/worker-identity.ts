import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** Identifies the workers of one process. */
export interface WorkerIdentity {
  readonly host: string;
  readonly pid: number;
  /** For Redis's client list. Unique: no other process, earlier or later, has the same name. */
  readonly name: string;
}

export function workerIdentity(): WorkerIdentity {
  const [host, { pid }] = [hostname(), process];
  // Redis allows no spaces or control characters in client names.
  const readable = `${host}.${pid}`.replace(/[^\w.-]/g, '_').slice(-80);
  return { host, pid, name: `${readable}.${randomBytes(6).toString('base64url')}` };
}
