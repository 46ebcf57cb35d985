import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { IPodSpec } from 'kubernetes-models/v1';
import { parseAllDocuments, stringify } from 'yaml';
import { findKubectl } from '../../../deploy/kubectl.ts';
import { ROOT } from '../../support/process.ts';
import type { Kinds } from './manifest-kinds.ts';

export const KUBERNETES = join(ROOT, 'deploy/kubernetes');

const kubectl = findKubectl();
if (kubectl === undefined && process.env.CI) throw new Error('there is no kubectl, and in CI there must be');

/** Whether there is something to render with; without it the tests of manifests are skipped. */
export const CAN_RENDER: boolean = kubectl !== undefined;

/** One object of any kind. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** What `kubectl apply -k` would send to a cluster. */
export class Manifests {
  readonly all: readonly Manifest[];

  constructor(yaml: string) {
    this.all = parseAllDocuments(yaml).map((document) => document.toJS() as Manifest);
  }

  /** Those of a kind, such as `apps/v1 Deployment`. */
  of<Kind extends keyof Kinds>(kind: Kind): (Manifest & Kinds[Kind])[] {
    return this.all.filter((one) => kindOf(one) === kind) as (Manifest & Kinds[Kind])[];
  }

  /** @throws when there is none of that name */
  one<Kind extends keyof Kinds>(kind: Kind, name: string): Manifest & Kinds[Kind] {
    const found = this.of(kind).find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new Error(`no ${kind} ${name}`);
    return found;
  }
}

export function kindOf({ apiVersion, kind }: Manifest): string {
  return `${apiVersion} ${kind}`;
}

export function readManifests(file: string): Manifests {
  return new Manifests(readFileSync(join(KUBERNETES, file), 'utf8'));
}

/** Renders a folder that has a kustomization, as the cluster gets it. */
function render(dir: string): Manifests {
  if (kubectl === undefined) return new Manifests('');
  return new Manifests(execFileSync(kubectl, ['kustomize', dir], { encoding: 'utf8', maxBuffer: 2 ** 26 }));
}

/** What an operator without KEDA makes of the overlay for production. */
function renderWith(component: string): Manifests {
  // Kustomize follows paths from where a folder really is.
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'vod-kustomize-')));
  try {
    const at = (path: string): string => relative(dir, join(realpathSync(KUBERNETES), path));
    const kustomization = { namespace: 'vod-upload', resources: [at('base')], components: [at(component)] };
    writeFileSync(join(dir, 'kustomization.yaml'), stringify(kustomization));
    return render(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export const DEV: Manifests = render(join(KUBERNETES, 'overlays/dev'));
export const PRODUCTION: Manifests = render(join(KUBERNETES, 'overlays/production'));
export const WITH_HPA: Manifests = renderWith('components/hpa');

/** What production finds in its namespace beside what is applied. */
export const PRODUCTION_SECRETS: Manifests = readManifests('overlays/production/secrets.example.yaml');

export interface Pod {
  /** Of the Deployment or StatefulSet. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly spec: IPodSpec;
  readonly container: IPodSpec['containers'][number];
  /** Whether it runs this project's program. */
  readonly ours: boolean;
}

export function podsOf(manifests: Manifests): Pod[] {
  const owners = [...manifests.of('apps/v1 Deployment'), ...manifests.of('apps/v1 StatefulSet')];
  return owners.map(({ metadata, spec: owner }) => {
    const spec = owner?.template.spec as IPodSpec;
    const [container, ...more] = spec.containers;
    if (container === undefined || more.length > 0) throw new Error('one container in each pod');
    return {
      owner: metadata.name,
      labels: owner?.template.metadata?.labels ?? {},
      selector: owner?.selector.matchLabels ?? {},
      spec,
      container,
      ours: /(^|\/)vod-upload-worker[:@]?/.test(container.image ?? ''),
    };
  });
}

/** Whether all of the selector's labels are there; an empty selector selects everything. */
export function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
