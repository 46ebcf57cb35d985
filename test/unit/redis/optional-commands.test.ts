import { expect, test } from 'vitest';
import { optionalReply } from '../../../src/redis/optional-commands.ts';

test('optionalReply is undefined when Redis refuses or does not know the command, and rejects otherwise', async () => {
  expect(await optionalReply(Promise.resolve(3))).toBe(3);
  for (const message of ['NOPERM no permissions', 'ERR unknown command', 'ERR unknown subcommand']) {
    expect(await optionalReply(Promise.reject(new Error(message)))).toBeUndefined();
  }
  await expect(optionalReply(Promise.reject(new Error('LOADING')))).rejects.toThrow('LOADING');
});
