import { UploaderError } from '../base/errors.ts';
import type { Logger } from '../process/log.ts';
import { callOnKeyNode, type RedisClient } from './client.ts';

/** The reply to a command that uploads don't need; undefined when Redis refuses it to this user or does not know it. */
export async function optionalReply<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (isCommandRefused(error)) return undefined;
    throw error;
  }
}

/** Refused by an ACL, or unknown: managed Redis services leave out some commands. */
function isCommandRefused(error: unknown): boolean {
  return error instanceof Error && /^(NOPERM|ERR unknown (sub)?command)/i.test(error.message);
}

/** @throws {UploaderError} `REDIS_PERMISSION` when Redis refuses TIME to this user, or the error of Redis */
export async function requireTime(redis: RedisClient, queuePrefix: string): Promise<void> {
  const time = callOnKeyNode(redis, `${queuePrefix}:`, ['time']).then(() => true);
  if (await optionalReply(time)) return;
  throw new UploaderError(
    'REDIS_PERMISSION',
    "Redis refuses the command TIME to this user. Workers need it to stay within the account's quota: grant +time.",
  );
}

/** Commands for pages and metrics beside those on the queues, and what is missing without them. */
const OPTIONAL_COMMANDS = [
  { command: ['client', 'LIST'], right: '+client|list', without: 'the number of workers is not shown' },
  { command: ['info', 'memory'], right: '+info', without: "Redis's memory use is not shown" },
  { command: ['time'], right: '+time', without: 'the used quota is not shown' },
] as const;

/** Logs each optional command that Redis refuses to this user. @throws other errors of Redis */
export async function warnOfRefusedCommands(
  redis: RedisClient,
  { queuePrefix, log }: { readonly queuePrefix: string; readonly log: Logger },
): Promise<void> {
  for (const { command, right, without } of OPTIONAL_COMMANDS) {
    const succeeded = callOnKeyNode(redis, `${queuePrefix}:`, command).then(() => true);
    if (await optionalReply(succeeded)) continue;
    log.warn(
      { command: command.join(' ').toUpperCase(), fix: `grant ${right}`, without },
      'redis refuses a command',
    );
  }
}
