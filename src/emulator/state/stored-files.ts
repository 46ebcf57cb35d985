/**
 * Stored videos on disk: `files/<fileId>`, with the properties in `files/<fileId>.json`. The bytes of a video that came
 * by API 3.0 stay where COS stored them.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { PartSize } from '../../vod/wire/protocol.ts';
import type { InitParameters, VideoProperties } from '../protocol/upload-parameters.ts';
import type { Objects } from './objects.ts';
import type { MediaProperties } from './vod-sessions.ts';

export interface StoredFile extends VideoProperties {
  /** 19 digits. */
  readonly fileId: string;
  /** Part size of its upload; 0 for a video that came by API 3.0. */
  readonly dataSize: PartSize | 0;
  /** How many times it was stored. */
  readonly finishes: number;
  /** Only of a video that came by API 3.0. Its `fileSha` is empty. */
  readonly media?: Media;
}

/** How a video came by API 3.0. */
export interface Media {
  /** The session that CommitUpload named: each has at most one video. */
  readonly sessionKey: string;
  /** Of the stored object. */
  readonly objectId: string;
  readonly coverId?: string;
  /** Extension without a dot; empty without a cover. */
  readonly coverType: string;
  /** The object's key, without a leading slash. */
  readonly key: string;
  /** Decimal. */
  readonly crc64: string;
  readonly properties: MediaProperties;
  readonly region: string;
  /** Ms since 1970. */
  readonly createdAtMs: number;
}

export class StoredFiles {
  readonly #directory: string;
  readonly #objects: Objects;
  readonly #bySha = new Map<string, StoredFile>();
  readonly #byId = new Map<string, StoredFile>();
  readonly #bySession = new Map<string, StoredFile>();

  /** Loads the directory. Deletes properties without a video: a crash left them. */
  constructor(directory: string, objects: Objects) {
    this.#directory = directory;
    this.#objects = objects;
    fs.mkdirSync(directory, { recursive: true });
    for (const name of fs.readdirSync(directory)) {
      const file = path.join(directory, name);
      if (name.endsWith('.tmp')) fs.rmSync(file);
      if (!name.endsWith('.json')) continue;
      const stored = JSON.parse(fs.readFileSync(file, 'utf8')) as StoredFile;
      if (stored.media !== undefined || fs.existsSync(this.#pathOf(stored))) this.#remember(stored);
      else fs.rmSync(file);
    }
  }

  ofSha(fileSha: string): StoredFile | undefined {
    return this.#bySha.get(fileSha);
  }

  ofSession(sessionKey: string): StoredFile | undefined {
    return this.#bySession.get(sessionKey);
  }

  ofId(fileId: string): StoredFile | undefined {
    return this.#byId.get(fileId);
  }

  all(): readonly StoredFile[] {
    return [...this.#byId.values()];
  }

  /** @param end included */
  read(file: StoredFile, start: number, end: number): Readable {
    const object = file.media && this.#objects.ofId(file.media.objectId);
    if (object !== undefined) return this.#objects.read(object, start, end);
    return fs.createReadStream(this.#pathOf(file), { start, end });
  }

  /** @returns undefined when the video has no cover */
  cover(file: StoredFile): { readonly bytes: number; read(): Readable } | undefined {
    const object = this.#objects.ofId(file.media?.coverId ?? '');
    if (object === undefined) return undefined;
    return { bytes: object.bytes, read: () => this.#objects.read(object, 0, object.bytes - 1) };
  }

  #pathOf(file: StoredFile): string {
    return path.join(this.#directory, file.fileId);
  }

  /** Moves the file at `dataPath`, without copying. Properties are written first: see the constructor. */
  add({ properties, dataSize }: InitParameters, dataPath: string): StoredFile {
    const finishes = (this.#bySha.get(properties.fileSha)?.finishes ?? 0) + 1;
    const file: StoredFile = { fileId: this.#newFileId(), ...properties, dataSize, finishes };
    this.#writeProperties(file);
    fs.renameSync(dataPath, this.#pathOf(file));
    this.#remember(file);
    return file;
  }

  /** Adds a video that consists of an object in the bucket. */
  addMedia(media: Media, bytes: number): StoredFile {
    const { mediaName, mediaType, classId, procedure } = media.properties;
    const file: StoredFile = {
      fileId: this.#newFileId(),
      fileSha: '',
      fileSize: bytes,
      fileName: mediaName,
      fileType: mediaType,
      tags: [],
      classId,
      isTranscode: procedure !== '',
      isScreenshot: false,
      isWatermark: false,
      dataSize: 0,
      finishes: 1,
      media,
    };
    this.#writeProperties(file);
    this.#remember(file);
    return file;
  }

  #writeProperties(file: StoredFile): void {
    const target = this.#pathOf(file);
    fs.writeFileSync(`${target}.tmp`, JSON.stringify(file));
    fs.renameSync(`${target}.tmp`, `${target}.json`);
  }

  #remember(file: StoredFile): void {
    if (file.media === undefined) this.#bySha.set(file.fileSha, file);
    else this.#bySession.set(file.media.sessionKey, file);
    this.#byId.set(file.fileId, file);
  }

  /** 19 digits that a JavaScript number can't hold, so that a client that converts them fails in tests. */
  #newFileId(): string {
    for (;;) {
      const number = 10n ** 18n + (randomBytes(8).readBigUInt64BE() % (9n * 10n ** 18n));
      const fileId = number.toString();
      if (BigInt(Number(fileId)) !== number && !this.#byId.has(fileId)) return fileId;
    }
  }
}
