import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellCommand } from '../../../src/demo/shell-command.ts';

test('a shell passes the words and variables on unchanged', () => {
  const words = ['plain', 'two words', "it's", '$HOME', '*', ''];
  const command = shellCommand(
    [process.execPath, '-p', 'JSON.stringify([process.env.X, ...process.argv.slice(1)])', '--', ...words],
    {
      X: 'a "b" \\ c',
    },
  );
  expect(JSON.parse(execFileSync('sh', ['-c', command], { encoding: 'utf8' }))).toEqual([
    'a "b" \\ c',
    ...words,
  ]);
});
