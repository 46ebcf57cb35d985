import { createHash } from 'node:crypto';
import * as z from 'zod';
import { UploaderError } from '../../base/errors.ts';
import { isApi3Event, namedFileIds, toV2Event, withoutNulls } from './api3-events.ts';
import { fileIdSchema } from './file-id.ts';

/**
 * A video has been stored. Only `fileId` is always there. Fields that are not listed here are kept as well, with the names
 * that VOD gives them.
 */
export interface NewFileUploadData {
  readonly fileId: string;
  readonly fileName?: string | undefined;
  readonly fileUrl?: string | undefined;
  readonly coverUrl?: string | undefined;
  /** `ServerUpload` for uploads of this program by v2, `Upload` by API 3.0. */
  readonly sourceType?: string | undefined;
  readonly sourceContext?: string | undefined;
  /** If the upload requested transcoding. */
  readonly transcodeTaskId?: string | undefined;
  /** If the upload requested a task flow. */
  readonly procedureTaskId?: string | undefined;
  readonly author?: string | undefined;
  readonly streamId?: string | undefined;
}

/** A transcoding has ended. */
export interface TranscodeCompleteData {
  readonly fileId: string;
  /** 0 = done; anything else is the service's error. */
  readonly status: number;
  readonly message?: string | undefined;
  readonly vodTaskId?: string | undefined;
  readonly fileName?: string | undefined;
  /** Seconds. */
  readonly duration?: number | undefined;
  readonly coverUrl?: string | undefined;
  readonly playSet?: readonly TranscodedVideo[] | undefined;
}

/** A video that a transcoding produced. */
export interface TranscodedVideo {
  readonly url: string;
  /** Id of the transcoding template; 0 = the original. */
  readonly definition?: number | undefined;
  /** Bits per second. */
  readonly vbitrate?: number | undefined;
  /** Pixels. */
  readonly vheight?: number | undefined;
  readonly vwidth?: number | undefined;
}

/** A task flow has begun a task or ended. Only by API 3.0. */
export interface ProcedureStateChangedData {
  readonly fileId: string;
  readonly taskId: string;
  /** `PROCESSING`, or `FINISH` when all tasks have ended. */
  readonly status: string;
  /** Of the flow: 0 = done. The flow can be done although tasks failed. */
  readonly errCode?: number | undefined;
  readonly message?: string | undefined;
  readonly fileName?: string | undefined;
  readonly fileUrl?: string | undefined;
  /** As in the request that started the flow. */
  readonly sessionId?: string | undefined;
  readonly sessionContext?: string | undefined;
  readonly tasks: readonly ProcedureTask[];
}

/** A task of a task flow. */
export interface ProcedureTask {
  /** Such as `Transcode` or `CoverBySnapshot`. */
  readonly type: string;
  /** `PROCESSING`, `SUCCESS` or `FAIL`. */
  readonly status?: string | undefined;
  /** 0 = done; anything else is the service's error. */
  readonly errCode?: number | undefined;
  /** Name of the error. */
  readonly errCodeExt?: string | undefined;
  readonly message?: string | undefined;
  /** Of the result, if it is a video. */
  readonly url?: string | undefined;
}

/** Videos have been deleted. */
export interface FileDeletedData {
  readonly fileInfo: readonly { readonly fileId: string }[];
  /** 0 = done; anything else is the service's error. */
  readonly status?: number | undefined;
  readonly message?: string | undefined;
}

/**
 * An event from VOD. `type` is `other` if the type is unknown here or the data does not have the form of its type; the data
 * is then unchanged. `eventType` is always VOD's own name.
 */
export type VodEvent =
  | { readonly type: 'NewFileUpload'; readonly eventType: 'NewFileUpload'; readonly data: NewFileUploadData }
  | {
      readonly type: 'TranscodeComplete';
      readonly eventType: 'TranscodeComplete';
      readonly data: TranscodeCompleteData;
    }
  | {
      readonly type: 'ProcedureStateChanged';
      readonly eventType: 'ProcedureStateChanged';
      readonly data: ProcedureStateChangedData;
    }
  | { readonly type: 'FileDeleted'; readonly eventType: 'FileDeleted'; readonly data: FileDeletedData }
  | { readonly type: 'other'; readonly eventType: string; readonly data: unknown };

const text = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);

const DATA = {
  NewFileUpload: z.looseObject({
    fileId: fileIdSchema,
    fileName: text,
    fileUrl: text,
    coverUrl: text,
    sourceType: text,
    sourceContext: text,
    transcodeTaskId: text,
    procedureTaskId: text,
    author: text,
    streamId: text,
  }),
  TranscodeComplete: z.looseObject({
    fileId: fileIdSchema,
    status: z.int(),
    message: text,
    vodTaskId: text,
    fileName: text,
    duration: number,
    coverUrl: text,
    playSet: z
      .array(
        z.looseObject({
          url: z.string(),
          definition: number,
          vbitrate: number,
          vheight: number,
          vwidth: number,
        }),
      )
      .optional()
      .catch(undefined),
  }),
  // v2 has this event, too, but without `taskId`.
  ProcedureStateChanged: z.looseObject({
    fileId: fileIdSchema,
    taskId: z.string().min(1),
    status: z.string(),
    errCode: number,
    message: text,
    fileName: text,
    fileUrl: text,
    sessionId: text,
    sessionContext: text,
    tasks: z.array(
      z.object({
        type: z.string().catch(''),
        status: text,
        errCode: number,
        errCodeExt: text,
        message: text,
        url: text,
      }),
    ),
  }),
  FileDeleted: z.looseObject({
    fileInfo: z.array(z.looseObject({ fileId: fileIdSchema })),
    status: number,
    message: text,
  }),
};

type KnownType = keyof typeof DATA;

/** Every value of {@link VodEvent}'s `type`. */
export const EVENT_TYPES: readonly VodEvent['type'][] = [...(Object.keys(DATA) as KnownType[]), 'other'];

/** VOD's name for an event type. */
const eventTypeSchema = z.string().regex(/^\w{1,64}$/);

const eventSchema = z.object({
  eventType: eventTypeSchema,
  data: z.unknown().optional(),
});

/** More than any event of VOD has, and far less than overflows the stack. */
const MAX_LEVELS = 64;

/** Whether it is nested so deeply that JSON.stringify could overflow the stack; JSON.parse reads any depth. */
export function isTooDeep(content: unknown, levels = MAX_LEVELS): boolean {
  if (typeof content !== 'object' || content === null) return false;
  return levels === 0 || Object.values(content).some((one) => isTooDeep(one, levels - 1));
}

/** @throws {UploaderError} `INVALID_EVENT` if it is not an event of VOD */
export function parseEvent(content: unknown): VodEvent {
  if (isTooDeep(content)) {
    throw new UploaderError('INVALID_EVENT', `not an event of VOD: it has more than ${MAX_LEVELS} levels`);
  }
  const parsed = eventSchema.safeParse(inV2Form(content));
  if (!parsed.success) {
    throw new UploaderError(
      'INVALID_EVENT',
      'not an event of VOD: it has no eventType of letters and digits',
    );
  }
  const { eventType, data } = parsed.data;
  const known = Object.hasOwn(DATA, eventType)
    ? DATA[eventType as KnownType].safeParse(data).data
    : undefined;
  if (known === undefined) return { type: 'other', eventType, data };
  return { type: eventType, eventType, data: known } as VodEvent;
}

function inV2Form(content: unknown): unknown {
  return isApi3Event(content) ? toV2Event(content) : content;
}

/** VOD's name for the type of an event, if that is one. */
export function eventTypeOf(content: unknown): string | undefined {
  return eventSchema.safeParse(inV2Form(content)).data?.eventType;
}

/** The files that an event is about; for an unknown type, from the fields that VOD usually has them in. */
export function fileIdsOf(event: VodEvent): string[] {
  if (event.type === 'FileDeleted') return event.data.fileInfo.map((file) => file.fileId);
  if (event.type !== 'other') return [event.data.fileId];
  const ids = namedFileIds(event.data);
  return [...new Set(ids.filter((id): id is string => fileIdSchema.safeParse(id).success))];
}

/** The end of a transcoding that was requested after the upload of its video. */
export interface TranscodingEnd {
  readonly vodTaskId: string | undefined;
  /** Of the request. */
  readonly key: string | undefined;
  /** 0 = success; anything else is an error code of the service. */
  readonly status: number;
  readonly message: string;
}

/** The status of a failed task whose event has no code. */
const UNKNOWN_STATUS = -1;

/** @returns undefined if the event reports no such end */
export function transcodingEnd(event: VodEvent): TranscodingEnd | undefined {
  if (event.type === 'TranscodeComplete') {
    const { vodTaskId, status, message = '' } = event.data;
    return { vodTaskId, key: undefined, status, message };
  }
  if (event.type !== 'ProcedureStateChanged' || event.data.status !== 'FINISH') return undefined;
  const { taskId, sessionId, errCode = 0, message = '', tasks } = event.data;
  const ids = { vodTaskId: taskId, key: sessionId || undefined };
  const failed = tasks.find((task) => task.status === 'FAIL' || (task.errCode ?? 0) !== 0);
  if (failed === undefined) return { ...ids, status: errCode, message };
  const name = failed.errCodeExt ? ` (${failed.errCodeExt})` : '';
  return {
    ...ids,
    status: errCode || failed.errCode || UNKNOWN_STATUS,
    message: `${failed.type}: ${failed.message ?? ''}${name}`,
  };
}

/** JSON with sorted keys, so that copies of one event are the same text. */
export function canonicalJson(value: unknown, levels = MAX_LEVELS): string {
  if (typeof value !== 'object' || value === null || levels === 0) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map((one) => canonicalJson(one, levels - 1)).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${canonicalJson(one, levels - 1)}`).join(',')}}`;
}

/** The same for all copies of an event, however they were received; valid as a job id. */
export function eventId(content: unknown): string {
  const copied = isApi3Event(content) ? withoutNulls(content, MAX_LEVELS) : content;
  return `e${createHash('sha256').update(canonicalJson(copied)).digest('hex').slice(0, 40)}`;
}
