import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A program of the system, not of an npm package. */
const OPENSSL = 'openssl';

export interface Certificates {
  /** PEM of the CA. */
  readonly ca: string;
  readonly caFile: string;
  /** For 127.0.0.1 and the given names, signed by the CA. */
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * Creates a CA and a server certificate; deleted after the test.
 *
 * @param names of hosts; `*.` stands for one label
 */
export async function makeCertificates(names: readonly string[] = []): Promise<Certificates> {
  const alternatives = ['IP:127.0.0.1', ...names.map((name) => `DNS:${name}`)].join(',');
  const dir = await mkdtemp(join(tmpdir(), 'vod-certificates-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [caFile, caKeyFile, certFile, keyFile] = ['ca.pem', 'ca.key', 'cert.pem', 'cert.key'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  const request = (subject: string, out: string, keyOut: string, more: readonly string[]): void => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync(
      OPENSSL,
      ['req', '-x509', ...curve, '-subj', subject, '-out', out, '-keyout', keyOut, ...more],
      { stdio: 'ignore' },
    );
  };
  request('/CN=vod-test-authority', caFile, caKeyFile, ['-addext', 'keyUsage=keyCertSign']);
  request('/CN=vod-test-redis', certFile, keyFile, [
    ...['-CA', caFile, '-CAkey', caKeyFile],
    ...['-addext', `subjectAltName=${alternatives}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
  ]);
  return { ca: await readFile(caFile, 'utf8'), caFile, certFile, keyFile };
}
