import { readFile } from 'node:fs/promises';

/** The kernel counts CPU time in ticks of 10 ms. */
const TICK_MS = 10;

/** CPU time of a process with all its threads, in ms. Linux only. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The program's name, in parentheses, may contain spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory of a process, including the pages of Node itself, which all processes of a machine share. Linux only. */
export async function residentBytes(pid: number, when: 'now' | 'peak' = 'now'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const pattern = when === 'now' ? /VmRSS:\s+(\d+) kB/ : /VmHWM:\s+(\d+) kB/;
  return Number(pattern.exec(status)?.[1]) * 1024;
}
