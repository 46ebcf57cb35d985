/** Emits the events that follow an upload, and applies faults to them. */
import { randomUUID } from 'node:crypto';
import type { EmittedType } from '../control/fault-schema.ts';
import type { Faults } from '../control/faults.ts';
import type { EventContent } from '../protocol/reply.ts';
import type { StoredFile } from '../state/stored-files.ts';
import type { Api3Event, Feed, FeedEvent } from './feed.ts';
import {
  type MediaUrls,
  type ProcedureRun,
  procedureEvent,
  transcodeEvent,
  uploadEvent,
} from './media-info.ts';

/** One event as v2 and as API 3.0 deliver it. */
interface EventShapes {
  readonly data: EventContent['data'];
  readonly api3: Api3Event;
}

export interface EventsOptions {
  readonly feed: Feed;
  readonly faults: Faults;
  /** Duration of a transcoding. */
  readonly transcodeMs: number;
  readonly clock: () => number;
  readonly urlsOf: (file: StoredFile) => MediaUrls;
  /** Called when an event is added, which may be before its time. */
  readonly onEvent: (event: FeedEvent) => void;
}

/** For how long a SessionId is not accepted again. */
const SESSION_ID_MS = 3 * 86_400_000;

export class Events {
  readonly #options: EventsOptions;
  /** When task flows were started, by their SessionId; forgotten at a restart. */
  readonly #sessionIds = new Map<string, number>();
  #emitted: Record<string, number> = {};

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** Emits NewFileUpload, and transcodes the video if its upload requested it. */
  stored(file: StoredFile): void {
    const urls = this.#options.urlsOf(file);
    const { media } = file;
    const transcodeTaskId = file.isTranscode && media === undefined ? newTaskId('transcode') : '';
    const procedureTaskId = file.isTranscode && media !== undefined ? newTaskId('procedurev2') : '';
    this.#emit(file, 'NewFileUpload', 0, () => ({
      data: {
        fileId: file.fileId,
        fileName: file.fileName,
        fileUrl: urls.media,
        coverUrl: urls.cover,
        sourceType: 'ServerUpload',
        sourceContext: media?.properties.sourceContext ?? '',
        transcodeTaskId,
        procedureTaskId,
        author: '',
        streamId: '',
      },
      api3: uploadEvent(file, urls, procedureTaskId),
    }));
    if (transcodeTaskId !== '') this.#transcode(file, transcodeTaskId);
    const sessionContext = media?.properties.sessionContext ?? '';
    if (procedureTaskId !== '')
      this.#process(file, { taskId: procedureTaskId, sessionContext, sessionId: '' });
  }

  /** @returns the vodTaskId of the later TranscodeComplete */
  transcode(file: StoredFile): string {
    const vodTaskId = newTaskId('transcode');
    this.#transcode(file, vodTaskId);
    return vodTaskId;
  }

  /** Runs a task flow. @returns the TaskId of the later ProcedureStateChanged */
  process(file: StoredFile, run: Pick<ProcedureRun, 'sessionContext' | 'sessionId'>): string {
    const taskId = newTaskId('procedurev2');
    this.#sessionIds.set(run.sessionId, this.#options.clock());
    this.#process(file, { taskId, ...run });
    return taskId;
  }

  /** Whether another task flow with this SessionId was started in the last days. */
  isRepeated(sessionId: string): boolean {
    const startedAtMs = this.#sessionIds.get(sessionId);
    if (sessionId === '' || startedAtMs === undefined) return false;
    return this.#options.clock() - startedAtMs < SESSION_ID_MS;
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
  emit(
    eventType: string,
    data: EventContent['data'],
    delayMs: number,
    callback: FeedEvent['callback'],
  ): void {
    this.#add(eventType, { data, api3: { EventType: eventType, ...data } }, delayMs, callback);
  }

  #add(eventType: string, shapes: EventShapes, delayMs: number, callback: FeedEvent['callback']): void {
    const { feed, onEvent } = this.#options;
    const { data, api3 } = shapes;
    this.#count(eventType);
    onEvent(feed.add({ content: { version: '4.0', eventType, data }, api3, callback }, delayMs));
  }

  /** Number of emitted events, by type. */
  get emitted(): Readonly<Record<string, number>> {
    return { ...this.#emitted };
  }

  resetCounts(): void {
    this.#emitted = {};
  }

  #transcode(file: StoredFile, taskId: string): void {
    const urls = this.#options.urlsOf(file);
    this.#emit(file, 'TranscodeComplete', this.#options.transcodeMs, (status, message) => ({
      data: {
        status,
        message,
        vodTaskId: taskId,
        fileId: file.fileId,
        fileName: file.fileName,
        duration: 0,
        coverUrl: '',
        playSet: status === 0 ? [{ url: urls.media, definition: 0 }] : [],
      },
      api3: transcodeEvent(file, urls, { taskId, errCode: status, message }),
    }));
  }

  #process(file: StoredFile, run: Pick<ProcedureRun, 'taskId' | 'sessionContext' | 'sessionId'>): void {
    const urls = this.#options.urlsOf(file);
    this.#emit(file, 'ProcedureStateChanged', this.#options.transcodeMs, (errCode, reason) => {
      const message = errCode === 0 ? 'SUCCESS' : reason;
      return {
        data: { vodTaskId: run.taskId, status: 'FINISH', errCode, message, fileId: file.fileId },
        api3: procedureEvent(file, urls, { ...run, errCode, message }),
      };
    });
  }

  #emit(
    file: StoredFile,
    type: EmittedType,
    delayMs: number,
    shapesOf: (status: number, message: string) => EventShapes,
  ): void {
    const { fileSha } = file;
    const { outcome, latencyMs } = this.#options.faults.take({ action: type, fileSha });
    if (outcome?.kind === 'lost') {
      this.#count(type);
      return;
    }
    const failed = outcome?.kind === 'code';
    const message = failed ? (outcome.message ?? `injected fault ${outcome.code}`) : '';
    const shapes = shapesOf(failed ? outcome.code : 0, message);
    this.#add(type, shapes, delayMs + latencyMs, file.media === undefined ? 'v2' : 'api3');
  }

  #count(type: string): void {
    this.#emitted[type] = (this.#emitted[type] ?? 0) + 1;
  }
}

function newTaskId(kind: 'transcode' | 'procedurev2'): string {
  return `${kind}-${randomUUID().replaceAll('-', '')}`;
}
