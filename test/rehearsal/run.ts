import { exitOnSignals } from '../support/whole-run.ts';
import { rehearse } from './rehearse.ts';

/** `npm run rehearsal`. Exit code 1: something is wrong. */
exitOnSignals();
const { findings, report } = await rehearse((line) => void process.stdout.write(`${line}\n`));
process.stdout.write(`\n${report}\n`);
if (findings.length > 0) process.exitCode = 1;
