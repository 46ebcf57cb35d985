/*
 * `node deploy/system-packages.ts redis [--optional prometheus chromium]`: makes sure that the programs that the npm
 * scripts need are there. As root on Debian or Ubuntu it installs what is missing; elsewhere it prints the command that
 * does, and exits with 1 when something is missing that is not optional. Quiet when nothing is missing. Runs before anything is built, so it imports nothing of the project.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface SystemPackage {
  /** Any one of these on PATH will do. */
  readonly programs: readonly string[];
  /** An environment variable that names one that runs elsewhere. */
  readonly variable?: string;
  readonly apt: string;
  readonly dnf: string;
  /** Absent where it is for Linux only. */
  readonly brew?: string;
}

const PACKAGES: Readonly<Record<string, SystemPackage>> = {
  redis: {
    programs: ['redis-server', 'valkey-server'],
    variable: 'REDIS_URL',
    apt: 'redis-server',
    dnf: 'valkey',
    brew: 'redis',
  },
  prometheus: {
    programs: ['promtool'],
    apt: 'prometheus',
    dnf: 'golang-github-prometheus',
    brew: 'prometheus',
  },
  chromium: {
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    apt: 'chromium',
    dnf: 'chromium',
    brew: 'chromium',
  },
  nginx: { programs: ['nginx'], apt: 'nginx-light', dnf: 'nginx', brew: 'nginx' },
  iproute2: { programs: ['tc'], apt: 'iproute2', dnf: 'iproute-tc' },
  buildah: { programs: ['buildah'], apt: 'buildah', dnf: 'buildah' },
  podman: { programs: ['podman'], apt: 'podman', dnf: 'podman' },
  runc: { programs: ['runc'], apt: 'runc', dnf: 'runc' },
  debootstrap: { programs: ['debootstrap'], apt: 'debootstrap', dnf: 'debootstrap' },
};

/** What there is on this machine. */
export interface Machine {
  readonly isRoot: boolean;
  readonly hasProgram: (name: string) => boolean;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** What to do; `missing` are packages' names in apt. */
export type Decision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'install'; readonly missing: readonly string[] }
  | { readonly kind: 'tell'; readonly text: string };

/** @throws {Error} naming the packages there are, when a name is not among them. */
export function decide(names: readonly string[], machine: Machine): Decision {
  const wanted = names.map((name) => {
    const found = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
    if (found === undefined)
      throw new Error(`there is no "${name}"; there are: ${Object.keys(PACKAGES).join(', ')}`);
    return found;
  });
  const missing = wanted.filter(({ programs, variable }) => {
    if (variable !== undefined && machine.variables[variable]) return false;
    return !programs.some(machine.hasProgram);
  });
  if (missing.length === 0) return { kind: 'nothing' };
  if (machine.isRoot && machine.hasProgram('apt-get')) {
    return { kind: 'install', missing: missing.map(({ apt }) => apt) };
  }
  return { kind: 'tell', text: instructions(missing, machine) };
}

function instructions(missing: readonly SystemPackage[], { isRoot }: Machine): string {
  const sudo = isRoot ? '' : 'sudo ';
  const all = (tool: 'apt' | 'dnf' | 'brew'): string => missing.map((one) => one[tool]).join(' ');
  const variables = missing.flatMap(({ variable }) => (variable === undefined ? [] : [variable]));
  return [
    `not found on PATH: ${missing.map(({ programs }) => programs.join(' or ')).join(', ')}. Install with one of`,
    `  ${sudo}apt-get install -y ${all('apt')}    (Debian, Ubuntu)`,
    `  ${sudo}dnf install -y ${all('dnf')}    (Fedora)`,
    ...(missing.every(({ brew }) => brew !== undefined) ? [`  brew install ${all('brew')}    (macOS)`] : []),
    ...variables.map((name) => `or set ${name} to one that runs already.`),
  ].join('\n');
}

/** What comes after it need not be there. */
const OPTIONAL = '--optional';

/** Tells package scripts that services must not be started (exit code 101), without which apt starts a Redis. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

async function install(missing: readonly string[]): Promise<void> {
  say(`installing ${missing.join(' ')} with apt-get`);
  const ownPolicy = !existsSync(POLICY_FILE);
  // A signal must not leave that file behind: apt-get gets it too, ends, and so does the wait for it below.
  const ignore = (): void => {};
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  try {
    if (ownPolicy) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    await aptGet(['update', '-q']);
    await aptGet(['install', '-q', '-y', '--no-install-recommends', ...missing]);
  } finally {
    if (ownPolicy) rmSync(POLICY_FILE, { force: true });
    process.off('SIGINT', ignore).off('SIGTERM', ignore);
  }
}

/** Shows what apt-get says only when it fails. */
async function aptGet(args: readonly string[]): Promise<void> {
  const said: Buffer[] = [];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn('apt-get', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', forward);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => said.push(bytes));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  process.off('SIGTERM', forward);
  if (code === 0) return;
  process.stderr.write(Buffer.concat(said));
  throw new Error(`apt-get ${args.join(' ')} failed`);
}

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return directory !== '';
    } catch {
      return false;
    }
  });
}

function say(text: string): void {
  process.stderr.write(`system-packages: ${text}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const machine: Machine = { isRoot: process.getuid?.() === 0, hasProgram: isOnPath, variables: process.env };
  const at = args.indexOf(OPTIONAL);
  const required = at === -1 ? args : args.slice(0, at);
  const names = args.filter((arg) => arg !== OPTIONAL);
  const decision = decide(names, machine);
  if (decision.kind === 'nothing') return 0;
  if (decision.kind === 'tell') say(decision.text);
  else {
    await install(decision.missing).catch((error: Error) => say(error.message));
    if (decide(names, machine).kind === 'nothing') return 0;
    say(`without all of ${decision.missing.join(' ')}`);
  }
  if (decide(required, machine).kind !== 'nothing') return 1;
  say('going on: what needs them is left out');
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    say((error as Error).message);
    process.exitCode = 1;
  }
}
