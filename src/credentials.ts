import { readFile, stat } from 'node:fs/promises';
import { type Config, requireCredentials } from './config.ts';
import type { Logger } from './log.ts';
import type { VodCredentials } from './vod/params.ts';

/** The files are looked at this often at most, and only while requests are made. */
const CHECK_INTERVAL_MS = 1000;

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
 * replaced, leaves the value as it was.
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

  // Both are looked at together, so that requests see as little as possible of a pair half replaced.
  const checkAll = async (): Promise<void> => {
    const changed = await Promise.all(files.map((file) => refresh(file, log)));
    if (changed.includes(true)) log.info('credentials were read again: their files have changed');
  };

  return async () => {
    if (files.length > 0 && now() - checkedAt >= CHECK_INTERVAL_MS) {
      checkedAt = now();
      check = checkAll();
    }
    await check;
    return { secretId: id?.value ?? initial.secretId, secretKey: key?.value ?? initial.secretKey };
  };
}

/** With no stamp yet, the first check reads it: it may have changed since the configuration was loaded. */
function secretFile(path: string | undefined, value: string): SecretFile | undefined {
  return path === undefined ? undefined : { path, value, stamp: '', missing: false };
}

/** @returns whether it holds another value than before. */
async function refresh(file: SecretFile, log: Logger): Promise<boolean> {
  const { path } = file;
  try {
    const { ino, mtimeNs, size } = await stat(path, { bigint: true });
    const stamp = `${ino} ${mtimeNs} ${size}`;
    if (stamp === file.stamp) return false;
    const value = (await readFile(path, 'utf8')).trim();
    if (value === '') throw Object.assign(new Error('it is empty'), { code: 'EMPTY' });
    file.stamp = stamp;
    file.missing = false;
    const changed = value !== file.value;
    file.value = value;
    return changed;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!file.missing) log.warn({ path, code }, 'a credentials file can not be read; its last value stays');
    file.missing = true;
    return false;
  }
}
