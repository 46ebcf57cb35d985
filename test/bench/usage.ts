import { readFile } from 'node:fs/promises';

/** The kernel counts processor time in ticks of 10 ms, on every usual Linux. */
const TICK_MS = 10;

/** Processor time that a process has used so far, all its threads, in ms. Linux only. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The program's name, in parentheses, may hold spaces; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
