import { expect, test } from 'vitest';
import { mountOf } from '../../../src/source/mounts.ts';

test.runIf(process.platform === 'linux')('a path is in the innermost mount, whether it exists or not', () => {
  const points = ['/proc', '/proc/nothing/of/this/name', '/process/of/another/name', '/'];
  expect(points.map((path) => mountOf(path).point)).toEqual(['/proc', '/proc', '/', '/']);
  expect(mountOf('/proc/a').id).toBe(mountOf('/proc/b').id);
  expect(mountOf('/proc/a').id).not.toBe(mountOf('/process').id);
});
