import { describe, expect, it } from 'vitest';
import { MODELS } from './manifest-kinds.ts';
import {
  CAN_RENDER,
  DEV,
  kindOf,
  type Manifest,
  type Manifests,
  PRODUCTION,
  PRODUCTION_SECRETS,
  WITH_HPA,
} from './manifests.ts';
import { complaints } from './tsc.ts';

/** What the schema of its kind finds wrong: types, words, quantities, what is missing. */
function problemsOf(manifest: Manifest): string[] {
  const Model = MODELS[kindOf(manifest)];
  if (Model === undefined) return [`no schema of ${kindOf(manifest)}`];
  try {
    new Model(manifest as never).validate();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** What the type of its kind finds wrong: fields that there are not, which a schema lets through. */
async function complaintsAbout(
  manifests: Readonly<Record<string, Manifest>>,
): Promise<Record<string, string[]>> {
  const literals = Object.entries(manifests).map(([name, manifest]) => {
    return [name, { type: `Kinds['${kindOf(manifest)}']`, literal: JSON.stringify(manifest) }] as const;
  });
  return await complaints({ module: 'manifest-kinds.ts', name: 'Kinds' }, Object.fromEntries(literals));
}

/** A Deployment as it is, but for one change. */
function changed(name: string, change: (text: string) => string): Manifest {
  const text = JSON.stringify(PRODUCTION.one('apps/v1 Deployment', name));
  const after = change(text);
  expect(after).not.toBe(text);
  return JSON.parse(after) as Manifest;
}

const SETS: Readonly<Record<string, Manifests>> = {
  dev: DEV,
  production: PRODUCTION,
  'production-with-an-HPA': WITH_HPA,
  'the-example-of-Secrets': PRODUCTION_SECRETS,
};

describe.skipIf(!CAN_RENDER)('manifests', () => {
  it.each([
    ['dev', 20],
    ['production', 20],
    ['production-with-an-HPA', 10],
    ['the-example-of-Secrets', 3],
  ])('of %s are what Kubernetes and its operators take', (set, atLeast) => {
    const { all = [] } = SETS[set] ?? {};
    expect(all.length).toBeGreaterThanOrEqual(atLeast);
    expect(all.flatMap(problemsOf)).toEqual([]);
  });

  it('would be found wrong with a wrong type, word or quantity in them', () => {
    expect(
      problemsOf(changed('parts', (text) => text.replace('"9322"', '9322').replace(':9322', ':"a"'))),
    ).toEqual([expect.stringContaining('containerPort')]);
    expect(problemsOf(changed('parts', (text) => text.replace('"512Mi"', '"512 MB"')))).toEqual([
      expect.stringContaining('memory'),
    ]);
  });

  it('have no field that there is not, which would be found', async () => {
    const named = Object.entries(SETS).flatMap(([set, { all }]) =>
      all.map((one) => [`${set}-${one.kind}-${one.metadata.name}`.replace(/\W/g, '-'), one] as const),
    );
    const manifests = Object.fromEntries(named);
    expect(Object.keys(manifests)).toHaveLength(named.length);
    const misspelt = changed('parts', (text) =>
      text.replace('"readOnlyRootFilesystem"', '"readOnlyRootFileSystem"'),
    );
    expect(await complaintsAbout({ ...manifests, misspelt })).toEqual({
      misspelt: [expect.stringContaining('readOnlyRootFileSystem')],
    });
  });
});
