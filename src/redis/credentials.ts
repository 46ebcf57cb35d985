import { readFile } from 'node:fs/promises';
import { trackFileOperation } from '../process/exit.ts';
import { locationProblem, locationUrls, type RedisLocation } from './location.ts';

/** Files that hold Redis credentials. */
export interface CredentialFiles {
  /** A file with the location; only its user and password are used. */
  readonly locationFile?: string;
  readonly sentinelPasswordFile?: string;
}

/** User and passwords, by the names of the ioredis options. */
type CredentialOptions = Partial<
  Record<'username' | 'password' | 'sentinelPassword', string | null | undefined>
>;

/**
 * The current Redis credentials. A file that is missing, empty or invalid, for example while it is being replaced, leaves
 * the values as they were.
 */
export class RedisCredentials {
  /** Values read from files since the start; the others keep their initial value. */
  readonly #latest: CredentialOptions = {};
  readonly #location: RedisLocation;
  readonly #files: CredentialFiles;
  #reading: Promise<void> | undefined;

  constructor(location: RedisLocation, files: CredentialFiles) {
    this.#location = location;
    this.#files = files;
  }

  /** Makes the options return the current values: ioredis reads them at each connect. */
  bind(options: CredentialOptions): void {
    for (const name of ['username', 'password', 'sentinelPassword'] as const) {
      const initial = options[name];
      const get = () => (name in this.#latest ? this.#latest[name] : initial);
      Object.defineProperty(options, name, { get, enumerable: true, configurable: true });
    }
  }

  /** Reads the files again. Never rejects. Only one read runs at a time, also when the disk hangs. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { locationFile, sentinelPasswordFile } = this.#files;
    const text = await readSecret(locationFile);
    const [url] = text === undefined ? [] : parseUrls(text, this.#location);
    if (url !== undefined) {
      const { username, password } = url;
      this.#latest.username = decodeURIComponent(username) || null;
      this.#latest.password = decodeURIComponent(password) || null;
    }
    const sentinelPassword = await readSecret(sentinelPasswordFile);
    if (sentinelPassword !== undefined) this.#latest.sentinelPassword = sentinelPassword;
  }
}

async function readSecret(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const operationEnded = trackFileOperation();
  try {
    return (await readFile(path, 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  } finally {
    operationEnded();
  }
}

/** The URLs of a location text of the same kind as `current`; none when it is invalid. */
function parseUrls(text: string, current: RedisLocation): URL[] {
  const location =
    typeof current === 'string' ? text : 'cluster' in current ? { cluster: text } : { sentinels: text };
  return locationProblem(location) === undefined ? locationUrls(location) : [];
}
