import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { requireCredentials, VARIABLES } from '../../../src/config/config.ts';
import { STATUS_PATHS } from '../../../src/ops/status.ts';
import { DEFAULT_STAGES } from '../../../src/queue/names.ts';
import { FLUSH_TIMEOUT_MS } from '../../../src/telemetry/tracing.ts';
import { HAND_BACK_MS } from '../../../workers/shutdown.ts';
import { configOf, environmentOf, secret } from './environment.ts';
import {
  CAN_RENDER,
  DEV,
  type Manifests,
  type Pod,
  PRODUCTION,
  PRODUCTION_SECRETS,
  podsOf,
  readManifests,
  selects,
} from './manifests.ts';

/** Pods with a worker or ops in them. */
function programsOf(manifests: Manifests): Pod[] {
  return podsOf(manifests).filter(({ ours, container }) => ours && container.args?.[0] !== 'emulator');
}

/** The stages of a worker; none of ops. */
function stagesOf({ container: { args = [] } }: Pod): string[] {
  const at = args.indexOf('--stages');
  return at === -1 ? [] : (args[at + 1] ?? '').split(',');
}

/** Stages that ask VOD, and stages that read videos. */
const callsVod = (pod: Pod): boolean =>
  stagesOf(pod).some((stage) => ['init', 'part', 'finish'].includes(stage));
const readsVideos = (pod: Pod): boolean => stagesOf(pod).some((stage) => ['hash', 'part'].includes(stage));

const names = (pods: readonly Pod[]): string[] => pods.map(({ owner }) => owner).sort();

function bytesOf(quantity: unknown): number {
  const [, number, unit = ''] = /^(\d+)(Ki|Mi|Gi)$/.exec(String(quantity)) ?? [];
  return Number(number) * ({ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit] ?? Number.NaN);
}

describe.skipIf(!CAN_RENDER).each([
  ['dev', DEV],
  ['production', PRODUCTION],
])('the overlay %s', (_, manifests) => {
  const pods = podsOf(manifests);
  const programs = programsOf(manifests);

  it('has every usual stage once, and one ops', () => {
    expect(programs.flatMap(stagesOf).sort()).toEqual([...DEFAULT_STAGES].sort());
    const ops = programs.filter(({ container }) => container.args?.[0] === 'ops');
    expect(names(ops)).toEqual(['ops']);
    expect(manifests.one('apps/v1 Deployment', 'ops').spec?.replicas).toBe(1);
  });

  it('has everything in one namespace, which takes restricted pods only', () => {
    const [namespace, ...more] = manifests.of('v1 Namespace');
    expect(more).toEqual([]);
    expect(namespace?.metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    for (const { kind, metadata } of manifests.all)
      if (kind !== 'Namespace') expect(metadata.namespace, metadata.name).toBe(namespace?.metadata.name);
  });

  it('selects its pods and no others', () => {
    for (const { owner, selector } of pods)
      expect(names(pods.filter(({ labels }) => selects(selector, labels)))).toEqual([owner]);
    for (const { metadata, spec } of manifests.of('v1 Service')) {
      const selected = pods.filter(({ labels }) => selects(spec?.selector ?? {}, labels));
      expect(names(selected)).toEqual([metadata.name]);
      const ports = selected[0]?.container.ports?.map((port) => port.name);
      for (const { targetPort } of spec?.ports ?? []) expect(ports, metadata.name).toContain(targetPort);
    }
    for (const { metadata, spec } of manifests.of('policy/v1 PodDisruptionBudget')) {
      const selected = pods.filter(({ labels }) => selects(spec?.selector?.matchLabels ?? {}, labels));
      expect(names(selected)).toEqual([metadata.name]);
    }
  });

  it('refers only to what there is', () => {
    for (const { spec, container } of pods) {
      if (spec.serviceAccountName !== undefined) manifests.one('v1 ServiceAccount', spec.serviceAccountName);
      for (const { configMapRef } of container.envFrom ?? [])
        manifests.one('v1 ConfigMap', configMapRef?.name ?? 'none');
      for (const { name, valueFrom } of container.env ?? []) {
        if (valueFrom === undefined) continue;
        const { name: of = 'none', key = 'none' } = valueFrom.secretKeyRef ?? {};
        expect(secret(manifests, of)[key], name).toMatch(/\S/);
      }
      const claimed = (spec.volumes ?? []).flatMap(
        ({ persistentVolumeClaim: claim }) => claim?.claimName ?? [],
      );
      for (const claim of claimed) manifests.one('v1 PersistentVolumeClaim', claim);
      for (const { secret: source } of spec.volumes ?? []) {
        if (source === undefined) continue;
        const keys = Object.keys(secret(manifests, source.secretName ?? 'none'));
        for (const { key } of source.items ?? []) expect(keys).toContain(key);
      }
      const templates = manifests
        .of('apps/v1 StatefulSet')
        .flatMap((set) => set.spec?.volumeClaimTemplates ?? []);
      const volumes = [
        ...(spec.volumes ?? []),
        ...templates.map(({ metadata }) => ({ name: metadata?.name })),
      ];
      for (const { name } of container.volumeMounts ?? [])
        expect(volumes.map((one) => one.name)).toContain(name);
    }
  });

  it('has pods that are restricted, as Kubernetes means it, and then some', () => {
    for (const { owner, spec, container } of pods) {
      expect(spec, owner).toMatchObject({
        automountServiceAccountToken: false,
        // They would set OPS_PORT and REDIS_PORT, after the Services of these names.
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(spec.securityContext?.runAsUser, owner).toBeGreaterThan(0);
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers'])
        expect(spec, owner).not.toHaveProperty(field);
      for (const volume of spec.volumes ?? []) expect(volume, owner).not.toHaveProperty('hostPath');
      expect(container.securityContext, owner).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('has images of one version each, and none of whichever is newest', () => {
    for (const { container } of pods)
      expect(container.image).toMatch(/:(?!latest$)[\w.-]+$|@sha256:[0-9a-f]{64}$/);
    expect(new Set(pods.filter(({ ours }) => ours).map(({ container }) => container.image)).size).toBe(1);
  });

  it('gives pods the memory that they ask for, and all the CPU that is free', () => {
    for (const { owner, container } of pods) {
      const { requests = {}, limits = {} } = container.resources ?? {};
      expect(Object.keys(limits), owner).toEqual(['memory']);
      expect(limits.memory, owner).toBe(requests.memory);
      expect(bytesOf(limits.memory), owner).toBeGreaterThan(0);
      expect(requests, owner).toHaveProperty('cpu');
    }
  });

  it('probes ports and paths that the program answers at', () => {
    for (const pod of programs) {
      const { owner, container } = pod;
      const config = configOf(manifests, pod);
      const { port, host } = container.args?.[0] === 'ops' ? config.ops : config.metrics;
      expect(host, owner).toBe('0.0.0.0');
      expect(container.ports, owner).toEqual([{ name: 'http', containerPort: port }]);
      expect(container.livenessProbe?.httpGet, owner).toEqual({ path: '/healthz', port: 'http' });
      expect(container.readinessProbe?.httpGet, owner).toEqual({ path: '/readyz', port: 'http' });
      expect(STATUS_PATHS).toEqual(expect.arrayContaining(['/healthz', '/readyz']));
    }
  });

  it('sets only variables that there are, each to what the program takes', () => {
    for (const pod of programs) {
      const env = environmentOf(manifests, pod);
      const strange = Object.keys(env).filter(
        (name) => !VARIABLES.includes(name) && !/^OTEL_|^NODE_OPTIONS$/.test(name),
      );
      expect(strange, pod.owner).toEqual([]);
      const config = configOf(manifests, pod);
      expect(config, pod.owner).toMatchObject({ requireDurableRedis: true, logFormat: 'json' });
      expect(String(config.redis.location).startsWith('rediss:'), pod.owner).toBe(manifests === PRODUCTION);
      expect(config.redis.ca !== undefined, pod.owner).toBe(manifests === PRODUCTION);
      if (callsVod(pod)) requireCredentials(config);
      // Nobody has more secrets than they use.
      else expect(config.vod, pod.owner).not.toHaveProperty('secretKey');
      expect(config.ops.users.length > 0, pod.owner).toBe(pod.owner === 'ops');
    }
  });

  it('gives options to Node that it has', () => {
    const options = programs.map((pod) => environmentOf(manifests, pod).NODE_OPTIONS ?? '');
    for (const NODE_OPTIONS of new Set(options)) {
      expect(NODE_OPTIONS).toMatch(/^--max-old-space-size-percentage=\d\d$/);
      execFileSync(process.execPath, ['--eval', '0'], { env: { NODE_OPTIONS } });
    }
  });

  it('mounts videos where they are read, and to be read only', () => {
    for (const pod of programs) {
      const mounts = (pod.container.volumeMounts ?? []).filter(({ name }) => name === 'sources');
      expect(mounts.length > 0, pod.owner).toBe(readsVideos(pod));
      for (const { mountPath, readOnly } of mounts) {
        expect(environmentOf(manifests, pod).SOURCE_ROOTS?.split(':')).toContain(mountPath);
        expect(readOnly).toBe(true);
        const volume = pod.spec.volumes?.find(({ name }) => name === 'sources');
        expect(volume?.persistentVolumeClaim?.readOnly).toBe(true);
      }
    }
  });

  it('waits longer for a pod to end than it takes to drain, hand jobs back and send the last traces', () => {
    for (const pod of programs) {
      const { shutdownTimeoutMs } = configOf(manifests, pod);
      const graceMs = (pod.spec.terminationGracePeriodSeconds ?? 0) * 1000;
      expect(graceMs, pod.owner).toBeGreaterThan(shutdownTimeoutMs + HAND_BACK_MS + FLUSH_TIMEOUT_MS + 5000);
    }
  });

  it('spreads each kind of pod over nodes and zones', () => {
    for (const { spec, labels } of programs) {
      const spread = spec.topologySpreadConstraints ?? [];
      expect(spread.map(({ topologyKey }) => topologyKey)).toEqual([
        'kubernetes.io/hostname',
        'topology.kubernetes.io/zone',
      ]);
      for (const { labelSelector, matchLabelKeys, whenUnsatisfiable } of spread) {
        expect(selects(labelSelector?.matchLabels ?? {}, labels)).toBe(true);
        expect(matchLabelKeys).toContain('app.kubernetes.io/component');
        expect(whenUnsatisfiable).toBe('ScheduleAnyway');
      }
    }
  });

  it('lets nodes be drained, one pod at a time', () => {
    const budgets = manifests.of('policy/v1 PodDisruptionBudget');
    // One ops is all that there is: a budget for it would let it go, or stop the drain.
    expect(budgets.map(({ metadata }) => metadata.name).sort()).toEqual(['control', 'hash', 'parts']);
    for (const { spec } of budgets)
      expect(spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  });
});

describe.skipIf(!CAN_RENDER)('the overlay dev', () => {
  it('has a Redis that loses nothing, with room to write its file anew', () => {
    const { container } = podsOf(DEV).find(({ owner }) => owner === 'redis') as Pod;
    const args = container.args ?? [];
    const settings = new Map(
      args.flatMap((arg, at) => (arg.startsWith('--') ? [[arg.slice(2), args[at + 1] ?? '']] : [])),
    );
    expect(Object.fromEntries(settings)).toMatchObject({
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
    });
    const share =
      bytesOf(settings.get('maxmemory')?.replace(/mb$/, 'Mi')) / bytesOf(container.resources?.limits?.memory);
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(0.66);
  });
});

describe.skipIf(!CAN_RENDER)('the overlay production', () => {
  it('has no secret in it', () => {
    expect(PRODUCTION.of('v1 Secret')).toEqual([]);
  });

  it('can get its Secrets from a vault as well, with the same keys', () => {
    const external = readManifests('overlays/production/external-secrets.example.yaml').all as unknown as {
      metadata: { name: string; namespace: string };
      spec: { data: { secretKey: string }[] };
    }[];
    const keys = external.map(({ metadata, spec }) => [
      metadata.name,
      spec.data.map(({ secretKey }) => secretKey),
    ]);
    const byHand = PRODUCTION_SECRETS.of('v1 Secret');
    expect(keys).toEqual(
      byHand.map(({ metadata, stringData = {} }) => [metadata.name, Object.keys(stringData)]),
    );
    for (const { metadata } of [...external, ...byHand]) expect(metadata.namespace).toBe('vod-upload');
  });

  it('shows the pages to people, and to nobody what asks for no password', () => {
    const { spec } = PRODUCTION.one('networking.k8s.io/v1 Ingress', 'ops');
    expect(spec?.tls).toHaveLength(1);
    for (const { host, http } of spec?.rules ?? []) {
      expect(spec?.tls?.[0]?.hosts).toContain(host);
      for (const { path = '/', pathType, backend } of http?.paths ?? []) {
        const shown = STATUS_PATHS.filter((one) =>
          pathType === 'Exact' ? one === path : one.startsWith(path),
        );
        expect(shown).toEqual([]);
        const service = PRODUCTION.one('v1 Service', backend.service?.name ?? 'none');
        expect(service.spec?.ports?.map(({ name }) => name)).toContain(backend.service?.port?.name);
      }
    }
  });
});
