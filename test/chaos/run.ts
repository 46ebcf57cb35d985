import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';
import { formatReport } from './table.ts';

/** `npm run chaos [-- --minutes N --seed S --trace]`; ends with 1 when something is not as it must be, with 2 at wrong usage. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes ?? 1.5);
const seed = Number(values.seed ?? randomInt(1_000_000));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

if (!(minutes >= 0.2 && minutes <= 24 * 60) || !Number.isInteger(seed) || seed < 0 || seed > 1e9) {
  process.stderr.write('--minutes takes a number from 0.2, --seed a whole number from 0 to 1000000000\n');
  process.exitCode = 2;
} else {
  print(`seed ${seed}, ${minutes} min; once more: npm run chaos -- --minutes ${minutes} --seed ${seed}`);
  const report = await runChaos({
    seed,
    durationMs: minutes * 60_000,
    onProgress: print,
    ...(values.trace && { onTrouble: (trouble) => print(JSON.stringify(trouble)) }),
  });
  print(`\n${formatReport(report)}`);
  if (report.findings.length > 0) process.exitCode = 1;
}
