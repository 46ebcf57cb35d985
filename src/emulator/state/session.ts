/**
 * One upload in progress on disk: a data file with each part at its offset, and a journal. A part's journal line is
 * written after its bytes, so the journal is correct after a SIGKILL at any moment.
 * Nothing is fsynced: this is safe against a crash of the process, not of the machine.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { PartSize } from '../../vod/wire/protocol.ts';
import { type ListedPart, Refusal } from '../protocol/reply.ts';
import type { InitParameters, VideoProperties } from '../protocol/upload-parameters.ts';
import { appendJournal, readJournal } from './journal.ts';

type JournalLine = { readonly bind: InitParameters } | { readonly part: ListedPart };

export class Session {
  readonly #directory: string;
  readonly #received = new Map<number, ListedPart>();
  /** The last write at each offset: writes of the same part run one after the other. */
  readonly #writing = new Map<number, Promise<boolean>>();
  #binding: InitParameters;
  #sealed = false;

  private constructor(directory: string, binding: InitParameters) {
    this.#directory = directory;
    this.#binding = binding;
  }

  static create(directory: string, binding: InitParameters): Session {
    fs.mkdirSync(directory, { recursive: true });
    const session = new Session(directory, binding);
    session.bind(binding);
    return session;
  }

  /** @returns undefined when the journal has no line. An incomplete last line is dropped. */
  static load(directory: string): Session | undefined {
    const entries = readJournal<JournalLine>(path.join(directory, 'journal'));
    const first = entries[0];
    if (first === undefined || !('bind' in first)) return undefined;
    const session = new Session(directory, first.bind);
    for (const entry of entries) session.#replay(entry);
    return session;
  }

  #replay(entry: JournalLine): void {
    if ('part' in entry) this.#received.set(entry.part.offset, entry.part);
    else {
      if (entry.bind.dataSize !== this.dataSize) this.#received.clear();
      this.#binding = entry.bind;
    }
  }

  get properties(): VideoProperties {
    return this.#binding.properties;
  }

  get dataSize(): PartSize {
    return this.#binding.dataSize;
  }

  get dataPath(): string {
    return path.join(this.#directory, `data-${this.dataSize}`);
  }

  /** Sorted by offset. */
  get received(): readonly ListedPart[] {
    return [...this.#received.values()].sort((a, b) => a.offset - b.offset);
  }

  /** Offsets of the missing parts. */
  get missing(): readonly number[] {
    const missing: number[] = [];
    const { fileSize } = this.properties;
    for (let offset = 0; offset < fileSize; offset += this.dataSize) {
      if (!this.#received.has(offset)) missing.push(offset);
    }
    return missing;
  }

  /** The latest InitUpload sets the properties; it sets the part size only while no part has been received. */
  bind({ properties, dataSize }: InitParameters): void {
    if (this.#sealed) return;
    this.#binding = { properties, dataSize: this.#received.size === 0 ? dataSize : this.dataSize };
    this.#append({ bind: this.#binding });
  }

  /** Rejects writes of other bytes until `unseal`. */
  seal(): void {
    this.#sealed = true;
  }

  unseal(): void {
    this.#sealed = false;
  }

  /** @returns whether the same bytes had been received before. */
  async write(part: ListedPart, body: readonly Buffer[]): Promise<boolean> {
    const earlier = this.#writing.get(part.offset);
    const own = (async () => {
      await earlier?.catch(() => undefined);
      return await this.#writeNext(part, body);
    })();
    this.#writing.set(part.offset, own);
    try {
      return await own;
    } finally {
      if (this.#writing.get(part.offset) === own) this.#writing.delete(part.offset);
    }
  }

  async #writeNext(part: ListedPart, body: readonly Buffer[]): Promise<boolean> {
    if (this.#received.get(part.offset)?.dataMd5 === part.dataMd5) return true;
    if (this.#sealed) throw new Refusal(-10004, 'the upload is being finished', 1);
    this.#received.delete(part.offset);
    const { dataSize } = this;
    await writeAt(this.dataPath, part.offset, body, part.dataSize);
    if (dataSize !== this.dataSize) throw new Refusal(-10004, 'another part size was bound meanwhile', 1);
    this.#append({ part });
    this.#received.set(part.offset, part);
    return false;
  }

  #append(line: JournalLine): void {
    appendJournal(path.join(this.#directory, 'journal'), line);
  }

  /** Renames the directory at once; deletes a large data file without blocking the event loop. */
  async discard(): Promise<void> {
    const trash = `${this.#directory}.${randomUUID()}`;
    fs.renameSync(this.#directory, trash);
    const data = path.join(trash, path.basename(this.dataPath));
    if (fs.existsSync(data)) await fs.promises.unlink(data);
    fs.rmSync(trash, { recursive: true, force: true });
  }
}

async function writeAt(file: string, offset: number, body: readonly Buffer[], bytes: number): Promise<void> {
  const descriptor = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o644);
  try {
    const written = await new Promise<number>((resolve, reject) => {
      fs.writev(descriptor, body, offset, (error, count) => (error ? reject(error) : resolve(count)));
    });
    if (written !== bytes) throw new Error(`only ${written} of ${bytes} bytes could be written to ${file}`);
  } finally {
    fs.closeSync(descriptor);
  }
}
