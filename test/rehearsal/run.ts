import { exitOnSignals } from '../support/whole-run.ts';
import { rehearse } from './rehearse.ts';

/** `npm run rehearsal`; ends with 1 when something is not as it must be. */
exitOnSignals();
const { findings, report } = await rehearse((line) => void process.stdout.write(`${line}\n`));
process.stdout.write(`\n${report}\n`);
if (findings.length > 0) process.exitCode = 1;
