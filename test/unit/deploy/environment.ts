import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { onTestFinished } from 'vitest';
import { type Config, loadConfig } from '../../../src/config/config.ts';
import { type Manifests, type Pod, PRODUCTION_SECRETS } from './manifests.ts';

/** Any authority's certificate. */
const [AUTHORITY = ''] = rootCertificates;

/** The contents of a Secret by key, made by kustomize or, in production, as in the example. */
export function secret(manifests: Manifests, name: string): Readonly<Record<string, string>> {
  const made = manifests.of('v1 Secret').find(({ metadata }) => metadata.name === name);
  const { data = {}, stringData = {} } = made ?? PRODUCTION_SECRETS.one('v1 Secret', name);
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
  return { ...Object.fromEntries(decoded), ...stringData };
}

/** The variables that a pod's container has, as Kubernetes puts them together. */
export function environmentOf(manifests: Manifests, { container }: Pod): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom ?? [])
    Object.assign(env, manifests.one('v1 ConfigMap', configMapRef?.name ?? '').data);
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { name: of = '', key = '' } = valueFrom?.secretKeyRef ?? {};
    env[name] = value ?? secret(manifests, of)[key] ?? '';
  }
  return env;
}

/** What the program makes of these variables. @throws {ConfigError} when it would not start with them */
export function configOf(manifests: Manifests, pod: Pod): Config {
  const dir = mkdtempSync(join(tmpdir(), 'vod-secrets-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  /** Where a mounted file is on this machine. */
  const places = new Map<string, string>();
  for (const { name, mountPath } of pod.container.volumeMounts ?? []) {
    const source = pod.spec.volumes?.find((volume) => volume.name === name)?.secret;
    if (source?.secretName === undefined) continue;
    const contents = secret(manifests, source.secretName);
    for (const { key, path } of source.items ??
      Object.keys(contents).map((one) => ({ key: one, path: one }))) {
      const file = join(dir, `${name}-${path}`);
      // The example has no certificate, for it would be somebody's.
      writeFileSync(file, (key === 'ca.crt' ? AUTHORITY : contents[key]) ?? '');
      places.set(`${mountPath}/${path}`, file);
    }
  }
  const env = Object.entries(environmentOf(manifests, pod));
  return loadConfig(Object.fromEntries(env.map(([name, value]) => [name, places.get(value) ?? value])));
}
