import { readFile, stat } from 'node:fs/promises';
import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { trackFileOperation } from '../process/exit.ts';
import type { Logger } from '../process/log.ts';
import type { VodCredentials } from '../vod/wire/params.ts';
import { type Config, requireCredentials } from './config.ts';

/** The files are checked at most this often, and only when a request needs the credentials. */
const CHECK_INTERVAL_MS = 1000;

/** How long requests wait for a check before they use the known values. */
const CHECK_TIMEOUT_MS = 1000;

/** A secret in a file. */
interface SecretFile {
  readonly path: string;
  value: string;
  /** Inode, mtime and size of the file when it was read last; the file is read when they differ. */
  stamp: string;
  /** Whether it was logged that the file can't be read. */
  isUnreadable: boolean;
}

/** Stores the value that was read. @returns whether it differs from the value before */
type Apply = () => boolean;

/**
 * Creates a function that returns the current credentials of the account. Changed files are read again, so that a new key
 * needs no restart. While a file is missing or empty, for example because it is being replaced, or its disk hangs, the
 * last value stays in use.
 * @throws {ConfigError} when the configuration has no credentials
 */
export function createCredentialsReader(
  config: Config,
  options: { readonly log: Logger; readonly now?: () => number },
): () => Promise<VodCredentials> {
  const { log, now = () => performance.now() } = options;
  const initial = requireCredentials(config);
  const { secretIdFile, secretKeyFile } = config.vod;
  const id = secretFile(secretIdFile, initial.secretId);
  const key = secretFile(secretKeyFile, initial.secretKey);
  const files = [id, key].filter((file) => file !== undefined);
  let checkedAt = now();
  let check: Promise<void> = Promise.resolve();
  let isReading = false;

  // One call at a time: a disk that hangs then blocks only one of libuv's few threads, which DNS lookups need, too.
  const readAll = async (): Promise<void> => {
    isReading = true;
    const operationEnded = trackFileOperation();
    const applies: Apply[] = [];
    for (const file of files) applies.push(await readIfChanged(file, log));
    operationEnded();
    isReading = false;
    // Both values at once, to keep the time short in which requests see one new and one old value.
    const changed = applies.map((apply) => apply());
    if (changed.includes(true)) log.info('credentials were read again: their files have changed');
  };

  const checkAll = async (): Promise<void> => {
    if (await fulfilledWithin(readAll(), CHECK_TIMEOUT_MS)) return;
    const paths = files.map(({ path }) => path);
    log.warn({ paths }, 'the disk of the credentials files hangs; their last values stay in use');
  };

  return async () => {
    if (files.length > 0 && !isReading && now() - checkedAt >= CHECK_INTERVAL_MS) {
      checkedAt = now();
      check = checkAll();
    }
    await check;
    return { secretId: id?.value ?? initial.secretId, secretKey: key?.value ?? initial.secretKey };
  };
}

/** Without a stamp, the first check reads the file, which may have changed since the configuration was loaded. */
function secretFile(path: string | undefined, value: string): SecretFile | undefined {
  return path === undefined ? undefined : { path, value, stamp: '', isUnreadable: false };
}

async function readIfChanged(file: SecretFile, log: Logger): Promise<Apply> {
  const { path } = file;
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    const stamp = `${ino} ${mtimeNs} ${size}`;
    if (stamp === file.stamp) return () => false;
    const value = (await readFile(path, 'utf8')).trim();
    if (value === '') throw Object.assign(new Error('it is empty'), { code: 'EMPTY' });
    return () => {
      const changed = value !== file.value;
      Object.assign(file, { stamp, value, isUnreadable: false });
      return changed;
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!file.isUnreadable)
      log.warn({ path, code }, "a credentials file can't be read; its last value stays in use");
    file.isUnreadable = true;
    return () => false;
  }
}
