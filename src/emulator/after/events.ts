/** What happens after an upload: which events the emulator emits, what they say, and the faults that hit them. */
import { randomUUID } from 'node:crypto';
import type { EmittedType, Faults } from '../control/faults.ts';
import type { EventContent } from '../protocol/reply.ts';
import type { StoredFile } from '../state/stored-files.ts';
import type { Feed, FeedEvent } from './feed.ts';

export interface EventsOptions {
  readonly feed: Feed;
  readonly faults: Faults;
  /** How long a transcoding takes. */
  readonly transcodeMs: number;
  readonly clock: () => number;
  readonly urlOf: (file: StoredFile) => string;
  /** Called with each event when it is known, which may be before it happens. */
  readonly onEvent: (event: FeedEvent) => void;
}

export class Events {
  readonly #options: EventsOptions;
  #emitted: Record<string, number> = {};

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** A video has been stored: tells so, and transcodes it when InitUpload asked for that. */
  stored(file: StoredFile): void {
    const transcodeTaskId = file.isTranscode ? newTaskId() : '';
    this.#emit(file, 'NewFileUpload', 0, () => ({
      fileId: file.fileId,
      fileName: file.fileName,
      fileUrl: this.#options.urlOf(file),
      coverUrl: '',
      sourceType: 'ServerUpload',
      sourceContext: '',
      transcodeTaskId,
      procedureTaskId: '',
      author: '',
      streamId: '',
    }));
    if (file.isTranscode) this.#transcode(file, transcodeTaskId);
  }

  /** @returns the id of the transcoding, which TranscodeComplete will tell the end of */
  transcode(file: StoredFile): string {
    const vodTaskId = newTaskId();
    this.#transcode(file, vodTaskId);
    return vodTaskId;
  }

  isTranscoding(fileId: string): boolean {
    const { feed, clock } = this.#options;
    const nowMs = clock();
    return feed.pending.some(
      ({ atMs, content }) =>
        atMs > nowMs && content.eventType === 'TranscodeComplete' && content.data.fileId === fileId,
    );
  }

  /** Any event, of a type that the emulator knows nothing about, too. */
  emit(eventType: string, data: EventContent['data'], delayMs: number): void {
    this.#count(eventType);
    this.#options.onEvent(this.#options.feed.add({ version: '4.0', eventType, data }, delayMs));
  }

  /** By type. */
  get emitted(): Readonly<Record<string, number>> {
    return { ...this.#emitted };
  }

  resetCounts(): void {
    this.#emitted = {};
  }

  #transcode(file: StoredFile, vodTaskId: string): void {
    this.#emit(file, 'TranscodeComplete', this.#options.transcodeMs, (status, message) => ({
      status,
      message,
      vodTaskId,
      fileId: file.fileId,
      fileName: file.fileName,
      duration: 0,
      coverUrl: '',
      playSet: status === 0 ? [{ url: this.#options.urlOf(file), definition: 0 }] : [],
    }));
  }

  #emit(
    file: StoredFile,
    type: EmittedType,
    delayMs: number,
    dataOf: (status: number, message: string) => EventContent['data'],
  ): void {
    const { fileSha } = file;
    const { outcome, latencyMs } = this.#options.faults.take({ action: type, offset: undefined, fileSha });
    if (outcome?.kind === 'lost') {
      this.#count(type);
      return;
    }
    const failed = outcome?.kind === 'code';
    const message = failed ? (outcome.message ?? `injected fault ${outcome.code}`) : '';
    this.emit(type, dataOf(failed ? outcome.code : 0, message), delayMs + latencyMs);
  }

  #count(type: string): void {
    this.#emitted[type] = (this.#emitted[type] ?? 0) + 1;
  }
}

function newTaskId(): string {
  return `transcode-${randomUUID().replaceAll('-', '')}`;
}
