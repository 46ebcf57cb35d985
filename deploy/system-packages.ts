/*
 * `node deploy/system-packages.ts redis [--optional prometheus chromium]`: checks for the programs that the npm scripts
 * need. As root on Debian or Ubuntu it installs missing ones; otherwise it prints the install command, and exits with 1
 * when a required program is missing. Prints nothing when nothing is missing. Runs before the build, so it imports
 * nothing from the project.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface SystemPackage {
  /** One of these on PATH is enough. */
  readonly programs: readonly string[];
  /** An environment variable with the URL of a running server, used instead of the program. */
  readonly variable?: string;
  readonly apt: string;
  readonly dnf: string;
  /** Absent for Linux-only programs. */
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

/** State of this machine. */
export interface Machine {
  readonly isRoot: boolean;
  readonly hasProgram: (name: string) => boolean;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** What to do; `missing` has apt package names. */
export type Decision =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'install'; readonly missing: readonly string[] }
  | { readonly kind: 'print'; readonly text: string };

/** @throws {Error} with all known names when a name is unknown */
export function decide(names: readonly string[], machine: Machine): Decision {
  const wanted = names.map((name) => {
    const found = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
    if (found === undefined)
      throw new Error(`unknown package "${name}"; known are: ${Object.keys(PACKAGES).join(', ')}`);
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
  return { kind: 'print', text: instructions(missing, machine) };
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
    ...variables.map((name) => `or set ${name} to a running server.`),
  ].join('\n');
}

/** Packages after this argument are optional. */
const OPTIONAL = '--optional';

/** A script whose exit code 101 keeps package scripts from starting services; otherwise apt starts Redis. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

async function install(missing: readonly string[]): Promise<void> {
  log(`installing ${missing.join(' ')} with apt-get`);
  const ownPolicy = !existsSync(POLICY_FILE);
  // A signal must not leave that file behind. apt-get gets the signal too and ends, and with it the wait below.
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

/** Prints the output of apt-get only when it fails. */
async function aptGet(args: readonly string[]): Promise<void> {
  const output: Buffer[] = [];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn('apt-get', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', forward);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => output.push(bytes));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  process.off('SIGTERM', forward);
  if (code === 0) return;
  process.stderr.write(Buffer.concat(output));
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

function log(text: string): void {
  process.stderr.write(`system-packages: ${text}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const machine: Machine = { isRoot: process.getuid?.() === 0, hasProgram: isOnPath, variables: process.env };
  const at = args.indexOf(OPTIONAL);
  const required = at === -1 ? args : args.slice(0, at);
  const names = args.filter((arg) => arg !== OPTIONAL);
  const decision = decide(names, machine);
  if (decision.kind === 'nothing') return 0;
  if (decision.kind === 'print') log(decision.text);
  else {
    await install(decision.missing).catch((error: Error) => log(error.message));
    if (decide(names, machine).kind === 'nothing') return 0;
    log(`could not install all of: ${decision.missing.join(' ')}`);
  }
  if (decide(required, machine).kind !== 'nothing') return 1;
  log('continuing without optional programs; what needs them will be skipped');
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    log((error as Error).message);
    process.exitCode = 1;
  }
}
