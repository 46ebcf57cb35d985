import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeSample } from '../../../src/demo/sample.ts';

test('the sample has the given size and valid boxes, and is the same every time', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vod-sample-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [one, two] = [join(dir, 'one.mp4'), join(dir, 'two.mp4')];
  await writeSample(one, 100_000);
  await writeSample(two, 100_000);
  const bytes = await readFile(one);
  expect(bytes.length).toBe(100_000);
  expect(bytes.toString('latin1', 4, 12)).toBe('ftypisom');
  const second = bytes.readUInt32BE(0);
  expect(bytes.toString('latin1', second + 4, second + 8)).toBe('mdat');
  expect(second + bytes.readUInt32BE(second)).toBe(100_000);
  expect(bytes.equals(await readFile(two))).toBe(true);
});
