import { describe, expect, it } from 'vitest';
import { CAN_RENDER, DEV, type Manifests, PRODUCTION, podsOf } from './manifests.ts';
import { type End, reaches } from './reachable.ts';

const METRICS = 9322;
const OPS = 9323;
const PROGRAMS = ['control', 'hash', 'ops', 'parts'];
const PROMETHEUS: End = { namespace: 'monitoring' };
const STRANGER: End = { namespace: 'default', labels: { 'app.kubernetes.io/part-of': 'vod-upload' } };
const DNS: End = { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } };

/** Pods that get through to it. */
function whoReaches(manifests: Manifests, to: End, port: number, protocol?: string): string[] {
  const names = podsOf(manifests).map(({ owner }) => owner);
  return names.filter((pod) => reaches(manifests, { pod }, to, port, protocol)).sort();
}

describe.skipIf(!CAN_RENDER).each([
  ['dev', DEV],
  ['production', PRODUCTION],
])('the network of %s', (_, manifests) => {
  const pods = podsOf(manifests).map(({ owner }) => owner);
  const ports = [METRICS, OPS, 6379, 9320, 9321];

  it('lets Prometheus scrape every program, and come no further', () => {
    for (const pod of PROGRAMS) {
      const own = pod === 'ops' ? OPS : METRICS;
      expect(
        ports.filter((port) => reaches(manifests, PROMETHEUS, { pod }, port)),
        pod,
      ).toEqual([own]);
    }
  });

  it('lets nobody in from other namespaces, or from outside', () => {
    for (const pod of pods)
      for (const port of ports) {
        expect(reaches(manifests, STRANGER, { pod }, port), pod).toBe(false);
        expect(reaches(manifests, { address: '203.0.113.7' }, { pod }, port), pod).toBe(false);
      }
  });

  it('lets programs look names up', () => {
    expect(whoReaches(manifests, DNS, 53, 'UDP')).toEqual(PROGRAMS);
    expect(whoReaches(manifests, DNS, 53)).toEqual(PROGRAMS);
  });

  it('lets no program talk to another', () => {
    for (const pod of PROGRAMS)
      for (const port of ports) expect(whoReaches(manifests, { pod }, port), pod).toEqual([]);
  });

  it('keeps everybody from the metadata of the cloud, and from neighbours', () => {
    for (const address of ['169.254.169.254', '10.96.0.1', '172.16.0.1', '192.168.1.1'])
      for (const port of [80, 443, 6379])
        expect(whoReaches(manifests, { address }, port), address).toEqual([]);
  });
});

describe.skipIf(!CAN_RENDER)('the network of dev', () => {
  it('leads to Redis, to the emulator from those that call VOD, and nowhere else', () => {
    expect(whoReaches(DEV, { pod: 'redis' }, 6379)).toEqual(PROGRAMS);
    expect(whoReaches(DEV, { pod: 'emulator' }, 9320)).toEqual(['control', 'parts']);
    expect(whoReaches(DEV, { pod: 'emulator' }, 9321)).toEqual([]);
    expect(whoReaches(DEV, { address: '203.0.113.7' }, 443)).toEqual([]);
  });
});

describe.skipIf(!CAN_RENDER)('the network of production', () => {
  it('leads to Redis, to VOD from those that call it, and to ops from the ingress controller', () => {
    expect(whoReaches(PRODUCTION, { address: '192.0.2.10' }, 6379)).toEqual(PROGRAMS);
    expect(whoReaches(PRODUCTION, { address: '203.0.113.7' }, 443)).toEqual(['control', 'parts']);
    expect(whoReaches(PRODUCTION, { address: '203.0.113.7' }, 80)).toEqual([]);
    for (const pod of PROGRAMS)
      expect(
        reaches(PRODUCTION, { namespace: 'ingress-nginx' }, { pod }, pod === 'ops' ? OPS : METRICS),
        pod,
      ).toBe(pod === 'ops');
  });
});
