import { execFileSync } from 'node:child_process';
import type { Redis } from 'ioredis';
import type { Certificates } from './certificates.ts';

/** A program of the system, not of an npm package. */
const REDIS_SERVER = 'redis-server';

/** @returns why tests with TLS must be skipped: Redis may be built without TLS */
export function tlsIsMissing(): string | undefined {
  try {
    execFileSync(REDIS_SERVER, ['--tls-port', '0', '--port', '-1'], { encoding: 'utf8', stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return /Bad directive|without TLS/i.test(`${stdout}${stderr}`)
      ? 'this redis-server has no TLS'
      : undefined;
  }
}

/** Settings of a TLS-only server. */
export function tlsSettings({ caFile, certFile, keyFile }: Certificates): Record<string, string> {
  return {
    port: '0',
    'tls-port': '{port}',
    'tls-cert-file': certFile,
    'tls-key-file': keyFile,
    'tls-ca-cert-file': caFile,
    'tls-auth-clients': 'no',
  };
}

/** Commands that the server has denied, without those that clients can do without. */
export async function deniedCommands(admin: Redis): Promise<unknown[]> {
  const denied = (await admin.acl('LOG')) as unknown[][];
  // The project reads the configuration if it may, and works without it.
  return denied.map((entry) => entry[7]).filter((command) => !/^config/.test(String(command)));
}
