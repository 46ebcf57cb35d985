/** `npm run chaos`. Exit code 1: the run found errors; 2: wrong usage. */
import { randomInt } from 'node:crypto';
import { Command, Option } from 'commander';
import { VOD_APIS, type VodApi } from '../../src/vod/wire/protocol.ts';
import { exitOnSignals } from '../support/whole-run.ts';
import { runChaos } from './chaos.ts';
import { formatReport } from './table.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const program = new Command('npm run chaos --')
  .description('Disturbs workers, Redis and VOD while uploads run, and verifies all results.')
  .option('--minutes <n>', 'duration of the disturbances, 0.2 to 1440', '1.5')
  .option('--seed <n>', 'repeats a run with its seed, 0 to 1000000000; default random')
  .addOption(new Option('--api <api>', 'which of the APIs').choices(VOD_APIS).default('v2'))
  .option('--trace', 'print each disturbance')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{ minutes: string; seed?: string; api: VodApi; trace?: boolean }>();
const minutes = Number(options.minutes);
const seed = Number(options.seed ?? randomInt(1_000_000));
if (!(minutes >= 0.2 && minutes <= 1440)) program.error('error: --minutes must be a number from 0.2 to 1440');
if (!(Number.isInteger(seed) && seed >= 0 && seed <= 1e9))
  program.error('error: --seed must be an integer from 0 to 1000000000');

exitOnSignals();
const { api } = options;
print(
  `seed ${seed}, ${minutes} min; to repeat: npm run chaos -- --api ${api} --minutes ${minutes} --seed ${seed}`,
);
const report = await runChaos({
  api,
  seed,
  durationMs: minutes * 60_000,
  onProgress: print,
  ...(options.trace && { onTrouble: (trouble) => print(JSON.stringify(trouble)) }),
});
print(`\n${formatReport(report)}`);
if (report.findings.length > 0) process.exitCode = 1;
