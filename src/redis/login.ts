import { readFile } from 'node:fs/promises';
import { operationBegins } from '../process/exit.ts';
import { locationProblem, type RedisLocation, urlsOf } from './location.ts';

/** Files that hold what Redis asks for. */
export interface LoginFiles {
  /** Of the location; its user and password are used, and nothing else of it. */
  readonly locationFile?: string;
  readonly sentinelPasswordFile?: string;
}

/** User and passwords, by the names that the Redis client has for them. */
type Known = Partial<Record<'username' | 'password' | 'sentinelPassword', string | null | undefined>>;

/**
 * How to log in to Redis, as the files say now. One that is missing, empty or wrong, as while it is being replaced,
 * leaves what was known.
 */
export class Login {
  /** Only what was read from files since the start; the rest is as it was then. */
  readonly #latest: Known = {};
  readonly #location: RedisLocation;
  readonly #files: LoginFiles;
  #reading: Promise<void> | undefined;

  constructor(location: RedisLocation, files: LoginFiles) {
    this.#location = location;
    this.#files = files;
  }

  /** Has the options of a connection say what is known at any time: the client looks whenever it connects. */
  bind(options: Known): void {
    for (const name of ['username', 'password', 'sentinelPassword'] as const) {
      const atStart = options[name];
      const get = () => (name in this.#latest ? this.#latest[name] : atStart);
      Object.defineProperty(options, name, { get, enumerable: true, configurable: true });
    }
  }

  /** Reads the files again; never rejects. Of a disk that hangs it waits for one look at a time. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { locationFile, sentinelPasswordFile } = this.#files;
    const text = await readSecret(locationFile);
    const [url] = text === undefined ? [] : urlsWithin(text, this.#location);
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
  const returned = operationBegins();
  try {
    return (await readFile(path, 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  } finally {
    returned();
  }
}

/** @param like of the kind that the text is */
function urlsWithin(text: string, like: RedisLocation): URL[] {
  const location =
    typeof like === 'string' ? text : 'cluster' in like ? { cluster: text } : { sentinels: text };
  return locationProblem(location) === undefined ? urlsOf(location) : [];
}
