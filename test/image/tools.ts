import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../support/process.ts';
import { hasProgram } from '../support/programs.ts';

/*
 * Builds images and runs containers on a machine without a Docker engine, and without a registry to have a base image
 * from: as root, with Debian's buildah, podman, runc and debootstrap.
 */

const run = promisify(execFile);

/** Whether there is what it takes. */
export const CAN_BUILD: boolean =
  process.getuid?.() === 0 && ['buildah', 'podman', 'runc', 'debootstrap'].every(hasProgram);

const IMAGE = 'localhost/vod-upload-worker:test';
const REVISION = 'c0ffee1';

/** Needs no namespaces of its own, so it works in containers and small virtual machines as well. */
const ISOLATION = ['--isolation', 'chroot'];

async function buildah(...args: readonly string[]): Promise<void> {
  await run('buildah', args, { maxBuffer: 2 ** 26 });
}

async function podman(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('podman', ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs', ...args]);
  return stdout.trim();
}

async function exists(image: string): Promise<boolean> {
  return await podman('image', 'exists', image).then(
    () => true,
    () => false,
  );
}

/**
 * An image with what the real base has of use here: Debian, Node, npm. Stays on the machine, for the next time.
 * @returns its name
 */
async function baseImage(): Promise<string> {
  const node = join(ROOT, 'node_modules/node/bin/node');
  const image = `localhost/vod-upload-node:${process.version.slice(1)}`;
  if (await exists(image)) return image;
  const dir = await mkdtemp(join(tmpdir(), 'vod-base-'));
  const root = join(dir, 'root');
  try {
    const [, codename = 'stable'] =
      /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8')) ?? [];
    await run('debootstrap', ['--variant=minbase', codename, root], { maxBuffer: 2 ** 26 });
    const local = join(root, 'usr/local');
    await cp(node, join(local, 'bin/node'));
    const npm = dirname(dirname(process.env.npm_execpath ?? ''));
    await cp(npm, join(local, 'lib/node_modules/npm'), { recursive: true });
    await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
    await trustAsThisMachine(root);
    const file = join(dir, 'Containerfile');
    await writeFile(file, 'FROM scratch\nADD root /\n');
    await buildah('bud', ...ISOLATION, '--tag', image, '--file', file, dir);
    return image;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Where npm of this machine is told of an authority of its own (a proxy's, say), npm in the build must know it too. */
async function trustAsThisMachine(root: string): Promise<void> {
  const { stdout } = await run('npm', ['config', 'get', 'cafile']);
  const cafile = stdout.trim();
  if (cafile === '' || cafile === 'null') return;
  await mkdir(join(root, 'usr/local/etc'), { recursive: true });
  await cp(cafile, join(root, 'usr/local/etc/cafile.pem'));
  await writeFile(join(root, 'usr/local/etc/npmrc'), 'cafile=/usr/local/etc/cafile.pem\n');
}

export interface Image {
  readonly name: string;
  readonly revision: string;
  readonly bytes: number;
  /** Without those of its base. */
  readonly ownBytes: number;
  readonly config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
  remove(): Promise<void>;
}

/** Builds deploy/Dockerfile as it is. */
export async function buildImage(): Promise<Image> {
  const base = await baseImage();
  const args = [`NODE_IMAGE=${base}`, `BUILD_REVISION=${REVISION}`].flatMap((arg) => ['--build-arg', arg]);
  await buildah(
    'bud',
    ...ISOLATION,
    ...args,
    '--tag',
    IMAGE,
    '--file',
    join(ROOT, 'deploy/Dockerfile'),
    ROOT,
  );
  const [image, from] = await Promise.all([IMAGE, base].map(inspect));
  if (image === undefined || from === undefined) throw new Error('an image is missing');
  return {
    name: IMAGE,
    revision: REVISION,
    bytes: image.Size,
    ownBytes: image.Size - from.Size,
    config: image.Config,
    remove: async () => void (await podman('rmi', '--force', IMAGE)),
  };
}

async function inspect(image: string): Promise<{ Size: number; Config: Image['config'] }> {
  const [found] = JSON.parse(await podman('image', 'inspect', image)) as {
    Size: number;
    Config: Image['config'];
  }[];
  if (found === undefined) throw new Error(`no image ${image}`);
  return found;
}

export interface RunOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly memoryMiB?: number;
  /** Of this machine, to be read at the same path. */
  readonly readable?: string;
  /** Where a new volume of its own is mounted. */
  readonly writable?: string;
  readonly entrypoint?: string;
}

/** A container as a restricted pod has it: nothing to write to, no rights, so much memory. */
export class Container {
  readonly #id: string;

  private constructor(id: string) {
    this.#id = id;
  }

  static async start({
    args,
    env = {},
    memoryMiB = 384,
    readable,
    writable,
    entrypoint,
  }: RunOptions): Promise<Container> {
    const id = await podman(
      ...['run', '--detach', '--network', 'host', '--log-driver', 'k8s-file'],
      // Podman would ask for more than the machine may have, and refuse to start.
      ...['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'],
      ...[
        '--read-only',
        '--read-only-tmpfs=false',
        '--cap-drop',
        'all',
        '--security-opt',
        'no-new-privileges',
      ],
      ...['--memory', `${memoryMiB}m`, '--memory-swap', `${memoryMiB}m`],
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...(readable === undefined ? [] : ['--volume', `${readable}:${readable}:ro`]),
      ...(writable === undefined ? [] : ['--volume', writable]),
      ...(entrypoint === undefined ? [] : ['--entrypoint', entrypoint]),
      ...[IMAGE, ...args],
    );
    return new Container(id);
  }

  /** Sends SIGTERM to its process 1, and waits. @returns how it ended */
  async stop(): Promise<number> {
    await podman('kill', '--signal', 'TERM', this.#id);
    return await this.exitCode();
  }

  /** Waits for its end. */
  async exitCode(): Promise<number> {
    return Number(await podman('wait', this.#id));
  }

  /** What it has written, to both streams. */
  async output(): Promise<string> {
    const { stdout, stderr } = await run('podman', ['logs', this.#id], { maxBuffer: 2 ** 26 });
    return stdout + stderr;
  }

  /** Peak resident memory of its process 1. */
  async peakMiB(): Promise<number> {
    const pid = await podman('inspect', '--format', '{{.State.Pid}}', this.#id);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
  }

  async remove(): Promise<void> {
    await podman('rm', '--force', '--volumes', '--time', '0', this.#id);
  }
}
