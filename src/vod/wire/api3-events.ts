/**
 * Events as API 3.0 delivers them: `{ EventType, XxxEvent: {…} }`. A pulled event also has the fields of all other events,
 * which are null; by HTTP they are left out.
 */

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether this is an event of API 3.0, and not of v2. */
export function isApi3Event(content: unknown): content is Fields {
  return isFields(content) && 'EventType' in content && !('eventType' in content);
}

/** The same event in the form of v2. Its data also keeps all fields of VOD, with VOD's names. */
export function toV2Event({ EventType: eventType, EventHandle: _, ...fields }: Fields): {
  readonly eventType: unknown;
  readonly data: unknown;
} {
  const present = Object.entries(fields).filter(([, value]) => value !== null);
  const [[, body] = []] = present;
  const data = present.length === 1 && isFields(body) ? body : Object.fromEntries(present);
  const translate =
    typeof eventType === 'string' && Object.hasOwn(TRANSLATIONS, eventType)
      ? TRANSLATIONS[eventType]
      : undefined;
  return { eventType, data: { ...data, ...translate?.(data) } };
}

const TRANSLATIONS: Readonly<Record<string, (data: Fields) => Fields>> = {
  NewFileUpload(data) {
    const info = fieldsOf(data.MediaBasicInfo);
    const source = fieldsOf(info.SourceInfo);
    return {
      fileId: data.FileId,
      fileName: info.Name,
      fileUrl: info.MediaUrl,
      coverUrl: info.CoverUrl,
      sourceType: source.SourceType,
      sourceContext: source.SourceContext,
      procedureTaskId: data.ProcedureTaskId,
    };
  },
  ProcedureStateChanged: (data) => ({
    fileId: data.FileId,
    taskId: data.TaskId,
    status: data.Status,
    errCode: data.ErrCode,
    message: data.Message,
    fileName: data.FileName,
    fileUrl: data.FileUrl,
    sessionId: data.SessionId,
    sessionContext: data.SessionContext,
    tasks: listOf(data.MediaProcessResultSet).map(task),
  }),
  TranscodeComplete: (data) => ({
    fileId: data.FileId,
    status: data.ErrCode,
    message: data.Message,
    vodTaskId: data.TaskId,
    fileName: data.FileName,
    duration: data.Duration,
    coverUrl: data.CoverUrl,
    playSet: listOf(data.PlayInfoSet).map(({ Url, Definition, Bitrate, Height, Width }) => ({
      ...{ url: Url, definition: Definition, vbitrate: Bitrate, vheight: Height, vwidth: Width },
    })),
  }),
  FileDeleted: ({ FileIdSet }) => ({
    fileInfo: Array.isArray(FileIdSet) ? FileIdSet.map((fileId) => ({ fileId })) : undefined,
  }),
};

/** One task of a task flow: `{ Type, TranscodeTask: {…} }`, in which the fields of other types are null. */
function task({ Type: type, ...fields }: Fields): Fields {
  const result = fieldsOf(Object.values(fields).find(isFields));
  return {
    type,
    status: result.Status,
    errCode: result.ErrCode,
    errCodeExt: result.ErrCodeExt,
    message: result.Message,
    url: fieldsOf(result.Output).Url,
  };
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** Where events that have no `FileId` of their own name the videos that they are about; not those that they made. */
const INPUT_FIELDS = ['Input', 'InputInfo', 'FileInfoSet', 'FileInfos'] as const;

/** The ids in an event's data, of any type, in the fields in which VOD has them. */
export function namedFileIds(data: unknown, levels = 4): unknown[] {
  if (levels === 0) return [];
  if (Array.isArray(data)) return data.flatMap((one) => namedFileIds(one, levels - 1));
  if (!isFields(data)) return [];
  const { fileId, FileId, srcFileId, SrcFileId } = data;
  const inputs = INPUT_FIELDS.flatMap((name) => namedFileIds(data[name], levels - 1));
  return [fileId, FileId, srcFileId, SrcFileId, ...inputs];
}

/** A copy without fields that are null: by HTTP, VOD leaves them out. */
export function withoutNulls(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null || levels === 0) return value;
  if (Array.isArray(value)) return value.map((one) => withoutNulls(one, levels - 1));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) =>
      one === null ? [] : [[name, withoutNulls(one, levels - 1)]],
    ),
  );
}
