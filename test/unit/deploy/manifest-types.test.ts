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
async function complaintsAbout(manifests: readonly Manifest[]): Promise<Record<string, string[]>> {
  const literals = manifests.map((manifest, index) => {
    const name = `${manifest.kind}-${manifest.metadata.name}-${index}`.replace(/\W/g, '-');
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

describe.skipIf(!CAN_RENDER)('manifests', () => {
  it.each<[string, Manifests, number]>([
    ['dev', DEV, 20],
    ['production', PRODUCTION, 20],
    ['production with an HPA', WITH_HPA, 10],
    ['the example of Secrets', PRODUCTION_SECRETS, 3],
  ])('of %s are what Kubernetes and its operators take', async (_, { all }, atLeast) => {
    expect(all.length).toBeGreaterThanOrEqual(atLeast);
    expect(all.flatMap(problemsOf)).toEqual([]);
    expect(await complaintsAbout(all)).toEqual({});
  });

  it('would be found wrong with a wrong type, word, quantity or field in them', async () => {
    expect(
      problemsOf(changed('parts', (text) => text.replace('"9322"', '9322').replace(':9322', ':"a"'))),
    ).toEqual([expect.stringContaining('containerPort')]);
    expect(problemsOf(changed('parts', (text) => text.replace('"512Mi"', '"512 MB"')))).toEqual([
      expect.stringContaining('memory'),
    ]);
    const misspelt = changed('parts', (text) =>
      text.replace('"readOnlyRootFilesystem"', '"readOnlyRootFileSystem"'),
    );
    expect(Object.values(await complaintsAbout([misspelt])).flat()).toEqual([
      expect.stringContaining('readOnlyRootFileSystem'),
    ]);
  });
});
