import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import type { Logger } from '../../../src/process/log.ts';
import type { Stage } from '../../../src/queue/names.ts';
import { checkRequirements } from '../../../workers/requirements.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'requirements-')));
afterAll(() => rmSync(root, { recursive: true }));

async function directoriesOf(stages: Stage[], env: Record<string, string>) {
  const warnings: unknown[] = [];
  const log = { warn: (...fields: unknown[]) => warnings.push(fields) } as unknown as Logger;
  const config = loadConfig({ VOD_SECRET_ID: 'id', VOD_SECRET_KEY: 'key', ...env });
  const { directories } = await checkRequirements(config, new Set(stages), log);
  return { directories, warnings };
}

const API3 = { VOD_API: '2018-07-17' };

test('the stage init reads covers in the roots with API 3.0', async () => {
  expect(await directoriesOf(['init'], { ...API3, SOURCE_ROOTS: root })).toEqual({
    directories: [root],
    warnings: [],
  });
});

test.each([
  ['with v2', ['init'], { SOURCE_ROOTS: '/nowhere' }],
  ['without SOURCE_ROOTS', ['init'], API3],
  ['with other stages', ['finish', 'upload'], { ...API3, SOURCE_ROOTS: '/nowhere' }],
] as const)('a worker that reads no files needs no roots: %s', async (_, stages, env) => {
  expect(await directoriesOf([...stages], env)).toEqual({ directories: [], warnings: [] });
});

test('roots that do not exist keep only covers from a worker that reads no videos', async () => {
  const { directories, warnings } = await directoriesOf(['init'], { ...API3, SOURCE_ROOTS: '/nowhere' });
  expect(directories).toEqual([]);
  expect(warnings).toEqual([
    [
      { reason: 'SOURCE_ROOTS must name existing directories, joined by colons: /nowhere does not exist' },
      'covers are left to other workers',
    ],
  ]);
  await expect(directoriesOf(['init', 'part'], { ...API3, SOURCE_ROOTS: '/nowhere' })).rejects.toMatchObject({
    code: 'SOURCE_ROOTS_INVALID',
  });
});
