import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

test('README names the versions of Node that package.json has, and no other', () => {
  const { engines, devDependencies } = JSON.parse(read('package.json'));
  const ofPackage = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1];
  const ofScripts = /^\^(\d+)\./.exec(devDependencies.node)?.[1];
  const named = [...read('README.md').matchAll(/\bNode\s+(\d+(?:\.\d+)?)/g)].map(([, version]) => version);
  expect(new Set(named)).toEqual(new Set([ofPackage, ofScripts]));
});

test.each([
  'README.md',
  'docs/architecture.md',
  'docs/limits.md',
  'docs/performance.md',
  'docs/runbook.md',
  'deploy/kubernetes/README.md',
])('the files that %s links to exist', (page) => {
  const links = [...read(page).matchAll(/\]\(([^)#\s]+)/g)].map(([, link = '']) => link);
  const files = links.filter((link) => !link.startsWith('https://'));
  expect(files.length).toBeGreaterThan(0);
  const folder = dirname(fileURLToPath(new URL(`../../${page}`, import.meta.url)));
  expect(files.filter((file) => !existsSync(join(folder, file)))).toEqual([]);
});
