/** Stored videos on disk: `files/<fileId>`, with the properties in `files/<fileId>.json`. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { PartSize } from '../../vod/wire/protocol.ts';
import type { InitParameters, VideoProperties } from '../protocol/upload-parameters.ts';

export interface StoredFile extends VideoProperties {
  /** 19 digits. */
  readonly fileId: string;
  /** Part size of its upload. */
  readonly dataSize: PartSize;
  /** How many times it was stored. */
  readonly finishes: number;
}

export class StoredFiles {
  readonly #directory: string;
  readonly #bySha = new Map<string, StoredFile>();
  readonly #byId = new Map<string, StoredFile>();

  /** Loads the directory. Deletes properties without a video: a crash left them. */
  constructor(directory: string) {
    this.#directory = directory;
    fs.mkdirSync(directory, { recursive: true });
    for (const name of fs.readdirSync(directory)) {
      const file = path.join(directory, name);
      if (name.endsWith('.tmp')) fs.rmSync(file);
      if (!name.endsWith('.json')) continue;
      if (fs.existsSync(file.slice(0, -'.json'.length))) {
        this.#remember(JSON.parse(fs.readFileSync(file, 'utf8')) as StoredFile);
      } else fs.rmSync(file);
    }
  }

  ofSha(fileSha: string): StoredFile | undefined {
    return this.#bySha.get(fileSha);
  }

  ofId(fileId: string): StoredFile | undefined {
    return this.#byId.get(fileId);
  }

  all(): readonly StoredFile[] {
    return [...this.#byId.values()];
  }

  pathOf(file: StoredFile): string {
    return path.join(this.#directory, file.fileId);
  }

  /** Moves the file at `dataPath`, without copying. Properties are written first: see the constructor. */
  add({ properties, dataSize }: InitParameters, dataPath: string): StoredFile {
    const finishes = (this.#bySha.get(properties.fileSha)?.finishes ?? 0) + 1;
    const file: StoredFile = { fileId: this.#newFileId(), ...properties, dataSize, finishes };
    const target = this.pathOf(file);
    fs.writeFileSync(`${target}.tmp`, JSON.stringify(file));
    fs.renameSync(`${target}.tmp`, `${target}.json`);
    fs.renameSync(dataPath, target);
    this.#remember(file);
    return file;
  }

  #remember(file: StoredFile): void {
    this.#bySha.set(file.fileSha, file);
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
