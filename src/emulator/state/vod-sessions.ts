/** What ApplyUpload returned: paths in the bucket, and temporary credentials for them. Kept in a journal. */
import { randomBytes } from 'node:crypto';
import { appendJournal, readJournal } from './journal.ts';

export interface TempCredentials {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token: string;
  /** Seconds since 1970. */
  readonly expiredTime: number;
}

/** Parameters of ApplyUpload that the video gets. Absent texts are empty. */
export interface MediaProperties {
  readonly mediaName: string;
  /** Extension without a dot. */
  readonly mediaType: string;
  readonly classId: number;
  readonly procedure: string;
  readonly sourceContext: string;
  readonly sessionContext: string;
  /** ISO 8601. */
  readonly expireTime: string;
}

export interface VodSession {
  readonly key: string;
  readonly region: string;
  /** Object keys, without a leading slash. */
  readonly mediaKey: string;
  readonly coverKey?: string;
  /** Empty: no cover. */
  readonly coverType: string;
  readonly credentials: TempCredentials;
  readonly properties: MediaProperties;
}

type JournalLine = { readonly session: VodSession } | { readonly expiredAll: true };

export interface NewSession {
  readonly region: string;
  readonly lifeSeconds: number;
  /** Empty: no cover. */
  readonly coverType: string;
  /** Object key; undefined: a random one. */
  readonly mediaKey: string | undefined;
  readonly properties: MediaProperties;
}

export class VodSessions {
  readonly #file: string;
  readonly #clock: () => number;
  readonly #byKey = new Map<string, VodSession>();
  readonly #keyOfSecretId = new Map<string, string>();

  /** @param clock in ms */
  constructor(file: string, clock: () => number) {
    this.#file = file;
    this.#clock = clock;
    for (const line of readJournal<JournalLine>(file)) this.#replay(line);
  }

  #replay(line: JournalLine): void {
    if ('session' in line) this.#remember(line.session);
    else this.#expireAll();
  }

  create({ region, lifeSeconds, coverType, mediaKey, properties }: NewSession): VodSession {
    const directory = randomBytes(10).toString('hex');
    const session: VodSession = {
      key: randomBytes(48).toString('base64'),
      region,
      mediaKey: mediaKey ?? `${directory}/media.${properties.mediaType}`,
      ...(coverType !== '' && { coverKey: `${directory}/cover.${coverType}` }),
      coverType,
      credentials: {
        secretId: `AKID${randomBytes(24).toString('base64url')}`,
        secretKey: randomBytes(32).toString('base64'),
        token: randomBytes(96).toString('base64url'),
        expiredTime: Math.floor(this.#clock() / 1000) + lifeSeconds,
      },
      properties,
    };
    this.#write({ session });
    return session;
  }

  ofKey(key: string): VodSession | undefined {
    return this.#byKey.get(key);
  }

  ofSecretId(secretId: string): VodSession | undefined {
    return this.#byKey.get(this.#keyOfSecretId.get(secretId) ?? '');
  }

  isExpired({ credentials }: VodSession): boolean {
    return this.#clock() >= credentials.expiredTime * 1000;
  }

  /** Makes all sessions so far expired. */
  expireAll(): void {
    this.#write({ expiredAll: true });
  }

  #write(line: JournalLine): void {
    appendJournal(this.#file, line);
    this.#replay(line);
  }

  #remember(session: VodSession): void {
    this.#byKey.set(session.key, session);
    this.#keyOfSecretId.set(session.credentials.secretId, session.key);
  }

  #expireAll(): void {
    for (const session of this.#byKey.values()) {
      this.#remember({ ...session, credentials: { ...session.credentials, expiredTime: 0 } });
    }
  }
}
