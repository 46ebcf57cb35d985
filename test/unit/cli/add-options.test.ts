import { expect, test } from 'vitest';
import { type AddOptions, toUploadOptions } from '../../../src/cli/add-options.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { memoryContext } from './memory-output.ts';

test.each([
  [[], {}],
  [['--rehash'], { rehash: true }],
  [['--procedure', 'LongVideoPreset', '--hash'], { procedure: 'LongVideoPreset', hash: true }],
  [
    ['--storage-region', 'ap-chongqing', '--storage-path', '/a'],
    { storageRegion: 'ap-chongqing', storagePath: '/a' },
  ],
  [['--expire', '2031-01-01T00:00:00Z'], { expireTime: '2031-01-01T00:00:00Z' }],
  [['--source-context', 'order 7', '--cover', 'a.jpg'], { sourceContext: 'order 7', cover: 'a.jpg' }],
  [['--part-size', '16m'], { partSize: 16_777_216 }],
])('parses add a.mp4 %j', async (flags, more) => {
  const program = createProgram(memoryContext(), () => {});
  const parsed: object[] = [];
  program.commands
    .find((command) => command.name() === 'add')
    ?.action((files: string[], options: AddOptions) => {
      parsed.push(...files.map((file) => toUploadOptions(file, options)));
    });
  await program.parseAsync(['add', 'a.mp4', ...flags], { from: 'user' });
  expect(parsed).toEqual([{ source: 'a.mp4', checkSource: true, onConflict: 'ignore', ...more }]);
});
