import { Command } from 'commander';
import { printableLines } from '../base/printable.ts';
import { VERSION } from '../base/version.ts';
import type { CliContext } from '../terminal/context.ts';
import { defineAdd } from './add.ts';
import { defineCancel } from './cancel.ts';
import type { Definition } from './definition.ts';
import { defineDemo } from './demo.ts';
import { defineEmulator } from './emulator.ts';
import { defineLimits } from './limits.ts';
import { defineList } from './list.ts';
import { defineOps } from './ops.ts';
import { defineRetry } from './retry.ts';
import { defineStatus } from './status.ts';
import { defineTranscode } from './transcode.ts';
import { defineVerifyAccount } from './verify-account.ts';
import { defineWorker } from './worker.ts';

const EXAMPLES = `
Examples:
  vod-upload demo                                  show a complete upload on this machine
  vod-upload worker                                process uploads
  vod-upload ops                                   serve web pages and metrics
  vod-upload add launch.mp4 --tag launch --wait    upload a video and show progress
  vod-upload status ID                             show the state of an upload

Exit codes:
  0 done   1 an upload failed, or Redis is unavailable   2 wrong usage or configuration   130 interrupted

Environment variables: REDIS_URL, QUEUE_PREFIX, SOURCE_ROOTS and, for workers, VOD_SECRET_ID, VOD_SECRET_KEY
and more; .env.example lists all of them.`;

/** @throws {CommanderError} from parseAsync, instead of exiting */
export function createProgram(context: CliContext, setExitCode: (code: number) => void): Command {
  const program = new Command('vod-upload')
    .description('Uploads videos to Tencent Cloud VOD through a durable queue in Redis.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [COMMAND]', 'print the help of a command')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError(false)
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
      // The message quotes the arguments, which may contain control characters.
      outputError: (text, write) => write(`vod-upload: ${printableLines(text.replace(/^error: /, ''))}`),
    })
    .exitOverride();
  const definition: Definition = {
    context,
    command: (nameAndArguments) => {
      const command = program.command(nameAndArguments);
      return command
        .helpOption('-h, --help', 'print this help')
        .showHelpAfterError(`(vod-upload ${command.name()} --help tells more)`);
    },
    action:
      (action) =>
      async (...args) =>
        setExitCode(await action(...args)),
  };
  defineAdd(definition);
  defineStatus(definition);
  defineList(definition);
  defineRetry(definition);
  defineCancel(definition);
  defineTranscode(definition);
  defineWorker(definition);
  defineLimits(definition);
  defineOps(definition);
  defineEmulator(definition);
  defineDemo(definition);
  defineVerifyAccount(definition);
  return program;
}
