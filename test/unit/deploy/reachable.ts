import { BlockList, isIPv4 } from 'node:net';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { type Manifests, type Pod, podsOf, selects } from './manifests.ts';

/*
 * What a network plugin makes of the NetworkPolicies, as far as ours go.
 */

/** One end of a connection: a pod of these manifests, a pod of another namespace, or an address outside. */
export type End =
  | { readonly pod: string }
  | { readonly namespace: string; readonly labels?: Readonly<Record<string, string>> }
  | { readonly address: string };

type Spec = NonNullable<INetworkPolicy['spec']>;
type Peer = NonNullable<NonNullable<Spec['egress']>[number]['to']>[number];
type Selector = NonNullable<Spec['podSelector']>;
type Port = NonNullable<NonNullable<Spec['egress']>[number]['ports']>[number];

/** Whether `from` gets through to this port of `to`: both ends must let it. */
export function reaches(manifests: Manifests, from: End, to: End, port: number, protocol = 'TCP'): boolean {
  const podNamed = (name: string): Pod => podsOf(manifests).find(({ owner }) => owner === name) as Pod;
  const policies = manifests.of('networking.k8s.io/v1 NetworkPolicy').map(({ spec }) => spec as Spec);
  const portsOf = (target: End): Pod['container']['ports'] =>
    'pod' in target ? podNamed(target.pod).container.ports : [];
  const opens = ({ port: opened, protocol: over = 'TCP' }: Port): boolean =>
    over === protocol &&
    (opened === port || portsOf(to)?.find(({ name }) => name === opened)?.containerPort === port);
  const lets = (one: End, direction: 'Ingress' | 'Egress', other: End): boolean => {
    if (!('pod' in one)) return true;
    const { labels } = podNamed(one.pod);
    const own = policies.filter(
      ({ podSelector = {}, policyTypes }) => policyTypes?.includes(direction) && matches(podSelector, labels),
    );
    const rules = own.flatMap(({ egress = [], ingress = [] }) =>
      direction === 'Egress'
        ? egress.map(({ to: peers = [], ports = [] }) => ({ peers, ports }))
        : ingress.map(({ from: peers = [], ports = [] }) => ({ peers, ports })),
    );
    const allowed = rules.some(
      ({ peers, ports }) => ports.some(opens) && peers.some((peer) => includes(peer, other)),
    );
    return own.length === 0 || allowed;
  };
  const includes = (peer: Peer, end: End): boolean => {
    if ('address' in end) return peer.ipBlock !== undefined && inBlock(peer.ipBlock, end.address);
    if (peer.ipBlock !== undefined) return false;
    if ('pod' in end)
      return (
        peer.namespaceSelector === undefined && matches(peer.podSelector ?? {}, podNamed(end.pod).labels)
      );
    const named = { 'kubernetes.io/metadata.name': end.namespace };
    return (
      peer.namespaceSelector !== undefined &&
      matches(peer.namespaceSelector, named) &&
      matches(peer.podSelector ?? {}, end.labels ?? {})
    );
  };
  return lets(from, 'Egress', to) && lets(to, 'Ingress', from);
}

function matches(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    selects(matchLabels, labels) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`${operator} is not known here`);
      return values.includes(labels[key] ?? '');
    })
  );
}

function inBlock({ cidr, except = [] }: { cidr: string; except?: string[] }, address: string): boolean {
  const within = (block: string): boolean => {
    const [network = '', bits] = block.split('/');
    const list = new BlockList();
    list.addSubnet(network, Number(bits), 'ipv4');
    return isIPv4(address) && list.check(address);
  };
  return within(cidr) && !except.some(within);
}
