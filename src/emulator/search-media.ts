/** The conditions of SearchMedia. Values of one condition are alternatives; all conditions must hold. */
import { isoSeconds } from './after/media-info.ts';
import { type Api3Params, textsOf } from './protocol/api3-parameters.ts';
import { Api3Refusal } from './protocol/api3-reply.ts';
import type { StoredFile } from './state/stored-files.ts';

const STANDARD_LIMIT = 10;

/** @returns the page that `Offset` and `Limit` ask for, the newest first unless `Sort` says otherwise */
export function searchMedia(
  all: readonly StoredFile[],
  params: Api3Params,
): { readonly files: readonly StoredFile[]; readonly total: number } {
  const sort = params.Sort as { Field?: unknown; Order?: unknown } | undefined;
  if (sort !== undefined && sort.Field !== 'CreateTime') {
    throw new Api3Refusal('InvalidParameterValue.Sort', 'Sort.Field is not CreateTime');
  }
  const range = parseRange(params.CreateTime);
  const matching = all.filter((file) => matches(file, params) && isWithin(file, range));
  const timeOf = ({ media }: StoredFile): number => media?.createdAtMs ?? 0;
  const direction = sort?.Order === 'Asc' ? 1 : -1;
  const sorted = matching.sort((a, b) => direction * (timeOf(a) - timeOf(b)));
  const offset = Number(params.Offset ?? 0);
  const limit = Number(params.Limit ?? STANDARD_LIMIT);
  return { files: sorted.slice(offset, offset + limit), total: matching.length };
}

function matches(file: StoredFile, params: Api3Params): boolean {
  const some = (name: string, fits: (value: string) => boolean): boolean =>
    textsOf(params, name)?.some(fits) ?? true;
  const classIds = params.ClassIds as readonly number[] | undefined;
  return (
    some('FileIds', (fileId) => fileId === file.fileId) &&
    some('Names', (name) => file.fileName.includes(name)) &&
    some('NamePrefixes', (prefix) => file.fileName.startsWith(prefix)) &&
    some('SourceTypes', (type) => type === 'Upload') &&
    some('MediaTypes', (type) => type.toLowerCase() === file.fileType.toLowerCase()) &&
    (classIds?.includes(file.classId ?? 0) ?? true)
  );
}

/** In ms, both ends included. */
interface TimeRange {
  readonly from: number;
  readonly to: number;
}

function parseRange(range: unknown): TimeRange | undefined {
  if (range === undefined) return undefined;
  const { After, Before } = range as { After?: unknown; Before?: unknown };
  const [from, to] = [Date.parse(String(After)), Date.parse(String(Before))];
  if (!Number.isNaN(from) && !Number.isNaN(to)) return { from, to };
  throw new Api3Refusal('InvalidParameterValue.CreateTime', 'CreateTime lacks After or Before');
}

function isWithin({ media }: StoredFile, range: TimeRange | undefined): boolean {
  if (range === undefined) return true;
  const at = Date.parse(isoSeconds(media?.createdAtMs ?? 0));
  return range.from <= at && at <= range.to;
}
