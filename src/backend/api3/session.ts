import { z } from 'zod';
import { openSealed, seal } from '../../vod/api3/seal.ts';
import type { Session } from '../backend.ts';

const text = z.string().min(1).max(8192);

const session = z.object({
  version: z.literal(1),
  bucket: text,
  region: text,
  key: text,
  /** For CommitUpload. */
  sessionKey: text,
  credentials: z.object({ secretId: text, secretKey: text, token: text, expiresAtMs: z.int() }),
  /** What finds the video if the reply to CommitUpload is lost. */
  sourceContext: z.string(),
  name: z.string(),
  /** When ApplyUpload was called, in milliseconds since 1970. */
  appliedAtMs: z.int(),
  fileSize: z.int().min(1),
  partSize: z.int().min(1),
  /** Absent until there is one, and if the file is one part. */
  multipartId: text.exactOptional(),
  coverKey: text.exactOptional(),
});

/** What API 3.0 needs of one upload, from ApplyUpload to CommitUpload. A secret as a whole. */
export type Api3Session = Readonly<z.infer<typeof session>>;

/** Encrypts sessions, because they go through Redis. */
export class SessionSeal {
  readonly #secretKey: () => Promise<string>;

  /** @param secretKey the account's */
  constructor(secretKey: () => Promise<string>) {
    this.#secretKey = secretKey;
  }

  async seal(uploadId: string, opened: Api3Session): Promise<Session> {
    return seal(await this.#secretKey(), uploadId, JSON.stringify(opened));
  }

  /** @returns undefined if another account, another key or another upload sealed it, or it was changed */
  async open(uploadId: string, sealed: Session | undefined): Promise<Api3Session | undefined> {
    if (sealed === undefined) return undefined;
    const json = openSealed(await this.#secretKey(), uploadId, sealed);
    if (json === undefined) return undefined;
    try {
      return session.safeParse(JSON.parse(json)).data;
    } catch {
      return undefined;
    }
  }
}
