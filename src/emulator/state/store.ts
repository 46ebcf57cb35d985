/** Uploads in progress by fileSha, and stored videos. All state is on disk under `dataDir`. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { checkPartFits } from '../protocol/part-checks.ts';
import { type ListedPart, Refusal } from '../protocol/reply.ts';
import type { InitParameters, PartParameters } from '../protocol/upload-parameters.ts';
import type { Objects } from './objects.ts';
import { Session } from './session.ts';
import { type StoredFile, StoredFiles } from './stored-files.ts';

/** Bytes per read while verifying a file. */
const READ_BYTES = 1024 * 1024;

export type InitAnswer =
  | { readonly kind: 'created' }
  | { readonly kind: 'resumable'; readonly parts: readonly ListedPart[]; readonly dataSize: number }
  | { readonly kind: 'exists'; readonly file: StoredFile };

export class Store {
  readonly files: StoredFiles;
  readonly #onStored: (file: StoredFile) => void;
  readonly #sessionsDirectory: string;
  readonly #sessions = new Map<string, Session>();
  readonly #finishing = new Map<string, Promise<StoredFile>>();

  /** @param onStored called once per video, after it has been stored */
  constructor(dataDir: string, objects: Objects, onStored: (file: StoredFile) => void) {
    this.#onStored = onStored;
    this.files = new StoredFiles(path.join(dataDir, 'files'), objects);
    this.#sessionsDirectory = path.join(dataDir, 'sessions');
    fs.mkdirSync(this.#sessionsDirectory, { recursive: true });
    for (const name of fs.readdirSync(this.#sessionsDirectory)) {
      const directory = path.join(this.#sessionsDirectory, name);
      const wanted = /^[0-9a-f]{40}$/.test(name) && this.files.ofSha(name) === undefined;
      const session = wanted ? Session.load(directory) : undefined;
      if (session) this.#sessions.set(name, session);
      else fs.rmSync(directory, { recursive: true, force: true });
    }
  }

  init(parameters: InitParameters): InitAnswer {
    const { fileSha, fileSize } = parameters.properties;
    const file = this.files.ofSha(fileSha);
    const known = file ?? this.#sessions.get(fileSha)?.properties;
    if (known && known.fileSize !== fileSize) {
      throw new Refusal(-10003, `fileSize is ${fileSize}, but ${known.fileSize} for this fileSha before`);
    }
    if (file) return { kind: 'exists', file };
    const session = this.#sessions.get(fileSha);
    if (session) session.bind(parameters);
    else {
      const directory = path.join(this.#sessionsDirectory, fileSha);
      this.#sessions.set(fileSha, Session.create(directory, parameters));
    }
    const parts = session?.received ?? [];
    if (!session || parts.length === 0) return { kind: 'created' };
    return { kind: 'resumable', parts, dataSize: session.dataSize };
  }

  /** Whether this file has an upload in progress or is stored. */
  has(fileSha: string | undefined): boolean {
    return fileSha !== undefined && (this.#sessions.has(fileSha) || this.files.ofSha(fileSha) !== undefined);
  }

  /** Parts of a stored video are accepted again, without effect. @throws {Refusal} */
  checkPart(part: PartParameters): void {
    const file = this.files.ofSha(part.fileSha);
    const session = this.#sessions.get(part.fileSha);
    if (file) checkPartFits(part, file.fileSize, file.dataSize);
    else if (session) checkPartFits(part, session.properties.fileSize, session.dataSize);
    else throw new Refusal(-10005, `no upload was initialized for fileSha ${part.fileSha}`);
  }

  /** @returns whether the same bytes had been received before. */
  async writePart(part: PartParameters, body: readonly Buffer[]): Promise<boolean> {
    const { fileSha, ...listed } = part;
    if (this.files.ofSha(fileSha)) return true;
    const session = this.#sessions.get(fileSha);
    if (!session) throw new Refusal(-10005, `no upload was initialized for fileSha ${fileSha}`);
    return await session.write(listed, body);
  }

  /** Concurrent calls for the same file share one run. */
  async finish(fileSha: string, signal: AbortSignal): Promise<StoredFile> {
    const file = this.files.ofSha(fileSha);
    if (file) return file;
    const running = this.#finishing.get(fileSha);
    if (running) return await running;
    const session = this.#sessions.get(fileSha);
    if (!session) throw new Refusal(-10005, `no upload was initialized for fileSha ${fileSha}`);
    const { missing } = session;
    if (missing.length > 0) {
      const total = missing.length + session.received.length;
      throw new Refusal(-10003, `${missing.length} of ${total} parts missing, first at offset ${missing[0]}`);
    }
    session.seal();
    const own = this.#verifyAndStore(session, signal).finally(() => this.#finishing.delete(fileSha));
    this.#finishing.set(fileSha, own);
    return await own;
  }

  /** Verifies the data file and renames it. After a wrong SHA-1 the upload stays, so that parts can be sent again. */
  async #verifyAndStore(session: Session, signal: AbortSignal): Promise<StoredFile> {
    const { properties, dataSize, dataPath } = session;
    const { fileSha, fileSize } = properties;
    let actual: string;
    try {
      actual = await sha1OfFile(dataPath, fileSize, signal);
      if (actual === fileSha) {
        const file = this.files.add({ properties, dataSize }, dataPath);
        this.#onStored(file);
        this.#sessions.delete(fileSha);
        await session.discard();
        return file;
      }
    } catch (error) {
      session.unseal();
      throw error;
    }
    session.unseal();
    throw new Refusal(-10003, `fileSha is ${fileSha}, but that of the assembled file is ${actual}`);
  }
}

async function sha1OfFile(file: string, fileSize: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha1');
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, fileSize));
  await using handle = await fs.promises.open(file);
  for (let position = 0; position < fileSize; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return hash.digest('hex');
}
