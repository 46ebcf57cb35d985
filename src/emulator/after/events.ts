/** Emits the events that follow an upload, and applies faults to them. */
import { randomUUID } from 'node:crypto';
import type { EmittedType } from '../control/fault-schema.ts';
import type { Faults } from '../control/faults.ts';
import type { EventContent } from '../protocol/reply.ts';
import type { StoredFile } from '../state/stored-files.ts';
import type { Feed, FeedEvent } from './feed.ts';

export interface EventsOptions {
  readonly feed: Feed;
  readonly faults: Faults;
  /** Duration of a transcoding. */
  readonly transcodeMs: number;
  readonly clock: () => number;
  readonly urlOf: (file: StoredFile) => string;
  /** Called when an event is added, which may be before its time. */
  readonly onEvent: (event: FeedEvent) => void;
}

export class Events {
  readonly #options: EventsOptions;
  #emitted: Record<string, number> = {};

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** Emits NewFileUpload, and transcodes the video if InitUpload requested it. */
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

  /** @returns the vodTaskId of the later TranscodeComplete */
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

  /** Emits an event of any type, known to the emulator or not. */
  emit(eventType: string, data: EventContent['data'], delayMs: number): void {
    this.#count(eventType);
    this.#options.onEvent(this.#options.feed.add({ version: '4.0', eventType, data }, delayMs));
  }

  /** Number of emitted events, by type. */
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
