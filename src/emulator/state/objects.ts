/**
 * Objects of the bucket and multipart uploads, on disk under `cos`:
 * - `uploads/<id>/` is an upload in progress: its parts as files `1`, `2`, …, and a journal.
 * - `objects/<id>/` is an object: the same files, and `object.json`.
 * - `incoming/` has bodies that are being received; a part is renamed when it is whole.
 * A part's journal line is written after the file is in place, so the journal is correct after a SIGKILL.
 */
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { CosRefusal } from '../protocol/cos-error.ts';
import { type ListedEtag, PART_MIN_BYTES } from '../protocol/cos-request.ts';
import { combineCrc64 } from './crc64.ts';
import { appendJournal, readJournal } from './journal.ts';

/** Bytes of a request on disk, in `incoming`. */
export interface ReceivedBody {
  readonly file: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly md5: string;
  readonly crc64: bigint;
}

export interface StoredPart {
  readonly number: number;
  readonly bytes: number;
  /** MD5 in lower-case hex. */
  readonly etag: string;
  /** Decimal. */
  readonly crc64: string;
  readonly atMs: number;
}

export interface StoredObject {
  /** Name of its directory. */
  readonly id: string;
  readonly key: string;
  readonly bytes: number;
  /** Without quotes. */
  readonly etag: string;
  /** Decimal. */
  readonly crc64: string;
  readonly atMs: number;
  /** The files that it consists of, in this order. */
  readonly parts: readonly Pick<StoredPart, 'number' | 'bytes'>[];
}

export interface MultipartUpload {
  readonly id: string;
  readonly key: string;
  readonly atMs: number;
  readonly parts: ReadonlyMap<number, StoredPart>;
}

type MutableUpload = MultipartUpload & { readonly parts: Map<number, StoredPart> };
type JournalLine = { readonly begin: { key: string; atMs: number } } | { readonly part: StoredPart };

export class Objects {
  readonly #directory: string;
  readonly #clock: () => number;
  readonly #uploads = new Map<string, MutableUpload>();
  readonly #byKey = new Map<string, StoredObject>();
  readonly #byId = new Map<string, StoredObject>();

  /** Loads the directory, and deletes what a crash left. @param clock in ms */
  constructor(directory: string, clock: () => number) {
    this.#directory = directory;
    this.#clock = clock;
    fs.rmSync(this.#path('incoming'), { recursive: true, force: true });
    for (const name of ['incoming', 'uploads', 'objects'] as const) {
      fs.mkdirSync(this.#path(name), { recursive: true });
    }
    for (const id of fs.readdirSync(this.#path('objects'))) this.#loadObject(id);
    for (const id of fs.readdirSync(this.#path('uploads'))) this.#loadUpload(id);
  }

  #loadObject(id: string): void {
    const file = this.#path('objects', id, 'object.json');
    if (fs.existsSync(file)) this.#remember(JSON.parse(fs.readFileSync(file, 'utf8')) as StoredObject);
    else fs.rmSync(this.#path('objects', id), { recursive: true });
  }

  #loadUpload(id: string): void {
    const [first, ...lines] = readJournal<JournalLine>(this.#path('uploads', id, 'journal'));
    if (first === undefined || !('begin' in first)) {
      fs.rmSync(this.#path('uploads', id), { recursive: true });
      return;
    }
    const upload: MutableUpload = { id, ...first.begin, parts: new Map() };
    for (const line of lines) if ('part' in line) upload.parts.set(line.part.number, line.part);
    this.#uploads.set(id, upload);
  }

  /** A new file name in `incoming`. */
  incomingFile(): string {
    return this.#path('incoming', randomBytes(12).toString('hex'));
  }

  begin(key: string): MultipartUpload {
    const id = `${this.#clock()}${randomBytes(24).toString('hex')}`;
    const upload: MutableUpload = { id, key, atMs: this.#clock(), parts: new Map() };
    fs.mkdirSync(this.#path('uploads', id));
    appendJournal(this.#path('uploads', id, 'journal'), { begin: { key, atMs: upload.atMs } });
    this.#uploads.set(id, upload);
    return upload;
  }

  /** @throws {CosRefusal} NoSuchUpload */
  upload(key: string, id: string): MultipartUpload {
    return this.#upload(key, id);
  }

  #upload(key: string, id: string): MutableUpload {
    const upload = this.#uploads.get(id);
    if (upload?.key === key) return upload;
    throw new CosRefusal('NoSuchUpload', 'The specified multipart upload does not exist');
  }

  /** Uploads in progress, in the order of their begin. */
  get uploads(): readonly MultipartUpload[] {
    return [...this.#uploads.values()];
  }

  /** A part with the same number replaces the earlier one. @returns whether the same bytes had been received before */
  putPart(key: string, id: string, number: number, body: ReceivedBody): boolean {
    const upload = this.#upload(key, id);
    const part: StoredPart = { number, ...describe(body), atMs: this.#clock() };
    fs.renameSync(body.file, this.#path('uploads', id, String(number)));
    appendJournal(this.#path('uploads', id, 'journal'), { part });
    const isDuplicate = upload.parts.get(number)?.etag === part.etag;
    upload.parts.set(number, part);
    return isDuplicate;
  }

  /** @throws {CosRefusal} NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall */
  complete(key: string, id: string, listed: readonly ListedEtag[]): StoredObject {
    const upload = this.#upload(key, id);
    const parts = listed.map(({ number, etag }, index) => {
      if (number <= (listed[index - 1]?.number ?? 0)) {
        throw new CosRefusal('InvalidPartOrder', `part ${number} is not in ascending order`);
      }
      const part = upload.parts.get(number);
      if (part?.etag !== etag) {
        throw new CosRefusal('InvalidPart', `part ${number} was not received, or has another ETag`);
      }
      return part;
    });
    const small = parts.slice(0, -1).find(({ bytes }) => bytes < PART_MIN_BYTES);
    if (small !== undefined) {
      throw new CosRefusal(
        'EntityTooSmall',
        `part ${small.number} has ${small.bytes} bytes, less than ${PART_MIN_BYTES}`,
      );
    }
    const md5 = createHash('md5');
    for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'));
    const crc64 = parts.reduce((sum, part) => combineCrc64(sum, BigInt(part.crc64), part.bytes), 0n);
    const object = this.#store(key, this.#path('uploads', id), {
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
      etag: `${md5.digest('hex')}-${parts.length}`,
      crc64: crc64.toString(),
      parts: parts.map(({ number, bytes }) => ({ number, bytes })),
    });
    this.#uploads.delete(id);
    return object;
  }

  /** @throws {CosRefusal} NoSuchUpload */
  async abort(key: string, id: string): Promise<void> {
    this.#upload(key, id);
    this.#uploads.delete(id);
    await fs.promises.rm(this.#path('uploads', id), { recursive: true });
  }

  /** Stores an object that was received as a whole. */
  put(key: string, body: ReceivedBody): StoredObject {
    const directory = `${body.file}.object`;
    fs.mkdirSync(directory);
    fs.renameSync(body.file, path.join(directory, '1'));
    const parts = [{ number: 1, bytes: body.bytes }];
    return this.#store(key, directory, { ...describe(body), parts });
  }

  /** Writes `object.json` before the directory is moved, so that `objects` has whole objects only. */
  #store(
    key: string,
    directory: string,
    fields: Pick<StoredObject, 'bytes' | 'etag' | 'crc64' | 'parts'>,
  ): StoredObject {
    const object: StoredObject = {
      id: randomBytes(12).toString('hex'),
      key,
      ...fields,
      atMs: this.#clock(),
    };
    fs.writeFileSync(path.join(directory, 'object.json'), JSON.stringify(object));
    fs.renameSync(directory, this.#path('objects', object.id));
    this.#remember(object);
    return object;
  }

  #remember(object: StoredObject): void {
    this.#byId.set(object.id, object);
    const known = this.#byKey.get(object.key);
    if (known === undefined || known.atMs <= object.atMs) this.#byKey.set(object.key, object);
  }

  /** The latest object of this key. */
  ofKey(key: string): StoredObject | undefined {
    return this.#byKey.get(key);
  }

  /** An object that has been replaced is kept, because a video may consist of it. */
  ofId(id: string): StoredObject | undefined {
    return this.#byId.get(id);
  }

  /** @param end included */
  read(object: StoredObject, start: number, end: number): Readable {
    return Readable.from(this.#bytes(object, start, end), { objectMode: false });
  }

  async *#bytes({ id, parts }: StoredObject, start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const { number, bytes } of parts) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, bytes - 1);
      offset += bytes;
      if (from > to) continue;
      const file = this.#path('objects', id, String(number));
      yield* fs.createReadStream(file, { start: from, end: to }) as AsyncIterable<Buffer>;
    }
  }

  #path(...names: string[]): string {
    return path.join(this.#directory, ...names);
  }
}

function describe({ bytes, md5, crc64 }: ReceivedBody) {
  return { bytes, etag: md5, crc64: crc64.toString() };
}
