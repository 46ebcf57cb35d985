/** `npm run chaos`; ends with 1 when something is not as it must be, with 2 at wrong usage. */
import { randomInt } from 'node:crypto';
import { Command } from 'commander';
import { exitOnSignals } from '../support/whole-run.ts';
import { runChaos } from './chaos.ts';
import { formatReport } from './table.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const program = new Command('npm run chaos --')
  .description(
    'Makes trouble for workers, Redis and VOD while uploads run, and checks that all end as they should.',
  )
  .option('--minutes <n>', 'how long trouble is made, 0.2 to 1440', '1.5')
  .option('--seed <n>', 'a run is repeated with its seed, 0 to 1000000000; default random')
  .option('--trace', 'print each trouble as it is made')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = program.opts<{ minutes: string; seed?: string; trace?: boolean }>();
const minutes = Number(options.minutes);
const seed = Number(options.seed ?? randomInt(1_000_000));
if (!(minutes >= 0.2 && minutes <= 1440)) program.error('error: --minutes takes a number from 0.2 to 1440');
if (!(Number.isInteger(seed) && seed >= 0 && seed <= 1e9))
  program.error('error: --seed takes a whole number from 0 to 1000000000');

exitOnSignals();
print(`seed ${seed}, ${minutes} min; once more: npm run chaos -- --minutes ${minutes} --seed ${seed}`);
const report = await runChaos({
  seed,
  durationMs: minutes * 60_000,
  onProgress: print,
  ...(options.trace && { onTrouble: (trouble) => print(JSON.stringify(trouble)) }),
});
print(`\n${formatReport(report)}`);
if (report.findings.length > 0) process.exitCode = 1;
