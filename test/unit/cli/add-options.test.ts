import { expect, test } from 'vitest';
import { type AddOptions, toUploadOptions } from '../../../src/cli/add-options.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { memoryContext } from './memory-output.ts';

test.each([
  [[], {}],
  [['--rehash'], { rehash: true }],
])('add a.mp4 %j asks for it', async (flags, more) => {
  const program = createProgram(memoryContext(), () => {});
  const asked: object[] = [];
  program.commands
    .find((command) => command.name() === 'add')
    ?.action((files: string[], options: AddOptions) => {
      asked.push(...files.map((file) => toUploadOptions(file, options)));
    });
  await program.parseAsync(['add', 'a.mp4', ...flags], { from: 'user' });
  expect(asked).toEqual([{ source: 'a.mp4', checkSource: true, onConflict: 'ignore', ...more }]);
});
