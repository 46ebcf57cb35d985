import { execFileSync } from 'node:child_process';
import type { Redis } from 'ioredis';
import type { Certificates } from './certificates.ts';

/** Not an npm package's command: the machine's. */
const REDIS_SERVER = 'redis-server';

/** A Redis may be built without TLS; then there is nothing to test here. */
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

/** Settings of a server that listens with TLS only. */
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

/** What a server has refused to carry out for want of rights, but for what is asked for and done without. */
export async function deniedCommands(admin: Redis): Promise<unknown[]> {
  const denied = (await admin.acl('LOG')) as unknown[][];
  // LIB-NAME and so on are good manners of the client.
  return denied.map((entry) => entry[7]).filter((command) => !/^config/.test(String(command)));
}
