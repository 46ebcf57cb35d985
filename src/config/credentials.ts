import { readFile, stat } from 'node:fs/promises';
import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { trackFileOperation } from '../process/exit.ts';
import type { Logger } from '../process/log.ts';
import type { VodCredentials } from '../vod/wire/params.ts';
import { type Config, requireCredentials } from './config.ts';

/** The files are looked at this often at most, and only while requests are made. */
const CHECK_INTERVAL_MS = 1000;

/** Requests wait so long for a look, and then go with what is known. */
const CHECK_TIMEOUT_MS = 1000;

/** A secret that a file holds. */
interface SecretFile {
  readonly path: string;
  value: string;
  /** Identity of what was read last; another one is read. */
  stamp: string;
  /** Whether the log says already that it can't be read. */
  missing: boolean;
}

/**
 * Tells the account's credentials whenever it is called. Those that files hold are read again when their files have
 * changed, so that a new key needs no restart. A file that is missing or empty for a moment, as while it is being
 * replaced, or whose disk hangs, leaves the value as it was.
 * @throws {ConfigError} when there are none to begin with
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
  let isLooking = false;

  // One call at a time, so that a disk that hangs holds one of the few threads that look-ups of host names need as well.
  const lookAtAll = async (): Promise<void> => {
    isLooking = true;
    const returned = trackFileOperation();
    const seen: Seen[] = [];
    for (const file of files) seen.push(await lookAt(file, log));
    returned();
    isLooking = false;
    // Both at once, so that requests see as little as possible of a pair half replaced.
    const changed = seen.map((take) => take());
    if (changed.includes(true)) log.info('credentials were read again: their files have changed');
  };

  const checkAll = async (): Promise<void> => {
    if (await fulfilledWithin(lookAtAll(), CHECK_TIMEOUT_MS)) return;
    const paths = files.map(({ path }) => path);
    log.warn({ paths }, 'the disk of the credentials files hangs; their last values stay');
  };

  return async () => {
    if (files.length > 0 && !isLooking && now() - checkedAt >= CHECK_INTERVAL_MS) {
      checkedAt = now();
      check = checkAll();
    }
    await check;
    return { secretId: id?.value ?? initial.secretId, secretKey: key?.value ?? initial.secretKey };
  };
}

/** Takes what was seen in a file. @returns whether it is another value than before */
type Seen = () => boolean;

/** With no stamp yet, the first check reads it: it may have changed since the configuration was loaded. */
function secretFile(path: string | undefined, value: string): SecretFile | undefined {
  return path === undefined ? undefined : { path, value, stamp: '', missing: false };
}

async function lookAt(file: SecretFile, log: Logger): Promise<Seen> {
  const { path } = file;
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    const stamp = `${ino} ${mtimeNs} ${size}`;
    if (stamp === file.stamp) return () => false;
    const value = (await readFile(path, 'utf8')).trim();
    if (value === '') throw Object.assign(new Error('it is empty'), { code: 'EMPTY' });
    return () => {
      const changed = value !== file.value;
      Object.assign(file, { stamp, value, missing: false });
      return changed;
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!file.missing) log.warn({ path, code }, 'a credentials file can not be read; its last value stays');
    file.missing = true;
    return () => false;
  }
}
