import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hasProgram } from './programs.ts';

/** A network of its own, with one line to this machine. */
export interface Network {
  /** Of the other end of the line, where programs run with {@link command}. */
  readonly address: string;
  /** What a program there is run by, before its name and arguments. */
  readonly command: readonly string[];
  /** What this machine has sent over the line, all protocols included. */
  sentBytes(): number;
  close(): void;
}

/** Whether this process may make networks. */
export function canMakeNetworks(): boolean {
  if (process.getuid?.() !== 0 || !hasProgram('ip') || !hasProgram('tc')) return false;
  const name = nameOf();
  try {
    run('ip', 'netns', 'add', name);
    run('ip', 'netns', 'del', name);
    return true;
  } catch {
    // A container that may not.
    return false;
  }
}

/** @param line what this machine's packets go through, as tc says it: `tbf rate 1mbit …` */
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
