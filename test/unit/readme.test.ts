import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

test('README names the versions of Node that package.json has, and no other', () => {
  const { engines, devDependencies } = JSON.parse(read('package.json'));
  const ofPackage = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1];
  const ofScripts = /^\^(\d+)\./.exec(devDependencies.node)?.[1];
  const named = [...read('README.md').matchAll(/\bNode\s+(\d+(?:\.\d+)?)/g)].map(([, version]) => version);
  expect(new Set(named)).toEqual(new Set([ofPackage, ofScripts]));
});
