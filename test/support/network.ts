import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hasProgram } from './programs.ts';

/** A network namespace connected to this machine. */
export interface Network {
  /** IP address in the namespace, where programs run with {@link command}. */
  readonly address: string;
  /** Words before a program and its arguments that run it in the namespace. */
  readonly command: readonly string[];
  /** Bytes that this machine has sent to the namespace, of all protocols. */
  sentBytes(): number;
  close(): void;
}

/** Whether this process may create network namespaces. */
export function canMakeNetworks(): boolean {
  if (process.getuid?.() !== 0 || !hasProgram('ip') || !hasProgram('tc')) return false;
  const name = nameOf();
  try {
    run('ip', 'netns', 'add', name);
    run('ip', 'netns', 'del', name);
    return true;
  } catch {
    // A container without the permission.
    return false;
  }
}

/** @param line tc qdisc of the packets from this machine: `tbf rate 1mbit …` */
export function makeNetwork(line: string): Network {
  const name = nameOf();
  const subnet = `10.${randomInt(64, 128)}.${randomInt(256)}`;
  const here = `${name}-h`;
  const there = `${name}-n`;
  run('ip', 'netns', 'add', name);
  const close = (): void => {
    run('ip', 'netns', 'del', name);
  };
  try {
    run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
    run('ip', 'address', 'add', `${subnet}.1/24`, 'dev', here);
    run('ip', 'link', 'set', here, 'up');
    run('ip', '-n', name, 'address', 'add', `${subnet}.2/24`, 'dev', there);
    run('ip', '-n', name, 'link', 'set', there, 'up');
    run('tc', 'qdisc', 'add', 'dev', here, 'root', ...line.split(' '));
  } catch (error) {
    close();
    throw error;
  }
  return {
    address: `${subnet}.2`,
    command: ['ip', 'netns', 'exec', name],
    sentBytes: () => Number(readFileSync(`/sys/class/net/${here}/statistics/tx_bytes`, 'utf8')),
    close,
  };
}

const nameOf = (): string => `vod${randomInt(2 ** 24).toString(36)}`;

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' });
}
