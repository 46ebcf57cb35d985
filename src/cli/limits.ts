import { Argument, type Command } from 'commander';
import { UploaderError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { limitVariables } from '../config/worker.ts';
import { LIMIT_NAMES, LIMITS, type LimitName, parseLimit } from '../limits/limits.ts';
import { isTimetable } from '../limits/parse-timetable.ts';
import type { StoredLimits } from '../limits/stored-limits.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';
import { describeLimits, limitRecords } from './describe-limits.ts';
import { withStoredLimits } from './producer.ts';

const NAMES = `
Limits:
${LIMIT_NAMES.map((name) => `  ${name.padEnd(30)}${LIMITS[name].description}\n${' '.repeat(32)}not set: ${LIMITS[name].variable} of each worker`).join('\n')}
`;

const EXAMPLES = `${NAMES}
Examples:
  vod-upload limits                                          what is in force, where it comes from, what comes next
  vod-upload limits set max-bytes-per-second 20M             20 MiB per second for all workers together
  vod-upload limits set max-bytes-per-second 08:00-20:00=20M --time-zone Europe/Berlin
  vod-upload limits set max-bytes-per-second 'mon-fri 08:00-20:00=20M,sat-sun=unlimited,else=50M'
  vod-upload limits set part-slots 4-16
  vod-upload limits unset part-slots

Workers obey a change at once, without a restart. It is kept in Redis and beats the workers' variables until it is unset.
VALUE is a single value, or a timetable: ranges of local time, which may cross midnight, with optional days. The first
range that contains the time applies; outside of them "else", or without it the variable.`;

interface LimitOptions {
  readonly json?: boolean;
}

interface SetOptions extends LimitOptions {
  readonly timeZone?: string;
}

/** `vod-upload limits`, `limits set NAME VALUE`, `limits unset NAME` */
export function defineLimits({ command, action, context }: Definition): void {
  const limits = command('limits')
    .description('show or change the limits on bandwidth and part slots, while workers run')
    .addHelpText('after', EXAMPLES);
  const subcommand = (name: string, options: { isDefault?: boolean } = {}): Command =>
    limits.command(name, options).option('--json', 'print one JSON object per limit and line');
  const nameArgument = (): Argument => new Argument('<NAME>', 'the limit').choices(LIMIT_NAMES);
  subcommand('show', { isDefault: true })
    .description('show the limits in force')
    .action(action((options: LimitOptions) => withLimits(context, options, LIMIT_NAMES, async () => {})));
  subcommand('set')
    .description('set a limit for all workers')
    .addArgument(nameArgument())
    .argument('<VALUE...>', 'such as 20M, 4-32, or 08:00-20:00=20M')
    .option('--time-zone <zone>', 'time zone of a timetable, such as Europe/Berlin; default UTC')
    .action(
      action(async (name: LimitName, words: readonly string[], options: SetOptions) => {
        const { timeZone } = options;
        const text = words.join(' ').trim();
        if (timeZone !== undefined && !isTimetable(text)) {
          const message = `--time-zone is for a timetable such as 08:00-20:00=VALUE, and "${text}" is none`;
          throw new UploaderError('INVALID_LIMIT', message);
        }
        const setting = parseLimit(name, { text, timeZone: timeZone ?? 'UTC' });
        return await withLimits(context, options, [name], (stored) => stored.set(name, setting));
      }),
    );
  subcommand('unset')
    .description('let the variables of the workers apply again')
    .addArgument(nameArgument())
    .action(
      action((name: LimitName, options: LimitOptions) =>
        withLimits(context, options, [name], async (stored) => {
          if (!(await stored.unset(name))) context.err.write(`${name} was not set\n`);
        }),
      ),
    );
}

/** Changes the limits, and prints those with the given names as they are then. */
async function withLimits(
  { env, out, err }: CliContext,
  { json = false }: LimitOptions,
  names: readonly LimitName[],
  change: (stored: StoredLimits) => Promise<void>,
): Promise<number> {
  const config: Config = loadConfig(env);
  await withStoredLimits(config, async (stored) => {
    await change(stored);
    const set = await stored.read();
    for (const { limit, reason } of set.ignored) {
      err.write(`vod-upload: ${printable(`${limit} in Redis is ignored: ${reason}`)}\n`);
    }
    const view = { names, set, variables: limitVariables(config), nowMs: Date.now() };
    out.write(json ? limitRecords(view) : describeLimits(view));
  });
  return EXIT.done;
}
