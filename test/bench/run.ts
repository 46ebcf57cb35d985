/** `npm run bench`: measures the worker on this machine, without network. Exit code 2: wrong usage. */
import { writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { Command } from 'commander';
import { exitOnSignals } from '../support/whole-run.ts';
import { backlog } from './backlog.ts';
import { batch } from './batch.ts';
import type { Benchmark, Row } from './benchmark.ts';
import { clip } from './clip.ts';
import { fairness } from './fairness.ts';
import { hash } from './hash.ts';
import { largeUpload } from './large-upload.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { pages } from './pages.ts';
import { parts } from './parts.ts';
import { scale } from './scale.ts';
import { slots } from './slots.ts';
import { smallFiles } from './small-files.ts';
import { upload } from './upload.ts';
import { vendorClients } from './vendor-clients.ts';

const BENCHMARKS: readonly Benchmark[] = [
  hash,
  parts,
  upload,
  latency,
  slots,
  clip,
  smallFiles,
  batch,
  backlog,
  scale,
  fairness,
  memory,
  largeUpload,
  pages,
  vendorClients,
];

/** The built program, as it is shipped. */
const PROGRAM = 'dist/workers/main.js';

interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

const program = new Command('npm run bench --')
  .description(
    'Measures the worker on this machine and compares the results to goals. A missed goal is no failure.',
  )
  .argument('[names...]', `benchmarks: ${BENCHMARKS.map(({ name }) => name).join(', ')}; default all`)
  .option('--full', 'large files and many jobs, as documented; takes almost an hour')
  .option('--samples <n>', 'samples per measurement, at least 1', '5')
  .option('--json <file>', 'write the measurements to this file; - prints only them to standard output')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(async (names: string[], options: { full?: boolean; samples: string; json?: string }) => {
    const unknown = names.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
    if (unknown.length > 0) program.error(`error: unknown benchmark ${unknown.join(', ')}`);
    const samples = Number(options.samples);
    if (!Number.isInteger(samples) || samples < 1) program.error('error: --samples must be at least 1');
    if (process.platform !== 'linux') program.error('error: needs Linux, because it reads /proc');
    await measure({ names, full: options.full ?? false, samples, json: options.json });
  });
exitOnSignals();
await program.parseAsync();

async function measure(options: {
  readonly names: readonly string[];
  readonly full: boolean;
  readonly samples: number;
  readonly json: string | undefined;
}): Promise<void> {
  const { names, full, samples, json } = options;
  const say = (text: string): void => void (json === '-' || process.stdout.write(`${text}\n`));
  const onStep = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${text}`);
  };
  const machine = machineOf();
  say(`${machine}\n${full ? 'full' : 'quick'}, medians of ${samples}`);
  const outcomes: Outcome[] = [];
  for (const benchmark of BENCHMARKS) {
    if (names.length > 0 && !names.includes(benchmark.name)) continue;
    const rows = await benchmark.run({ program: PROGRAM, full, samples, onStep });
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    outcomes.push({ name: benchmark.name, title: benchmark.title, rows });
    say(`\n## ${benchmark.name}: ${benchmark.title}\n\n${table(rows)}`);
  }
  if (json === undefined) return;
  const text = `${JSON.stringify({ machine, full, samples, benchmarks: outcomes }, undefined, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else await writeFile(json, text);
}

function machineOf(): string {
  const all = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${all.length} × ${all[0]?.model ?? 'unknown CPU'}, ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}

function table(rows: readonly Row[]): string {
  const verdict = ({ met }: Row): string => (met === undefined ? '' : met ? 'yes' : '**no**');
  const cells = rows.map((row) => [row.subject, row.result, row.goal ?? '', verdict(row)]);
  const all = [['what', 'result', 'goal', 'met'], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(all[0] ?? []), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}
