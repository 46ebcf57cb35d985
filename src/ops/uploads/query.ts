import { defined } from '../../base/defined.ts';
import { UPLOAD_STATES, type UploadState } from '../../status/status.ts';

/** What the table shows. */
export interface ListQuery {
  readonly state?: UploadState;
  /** Empty = no search. */
  readonly search: string;
  /** From 1. */
  readonly page: number;
}

export const PAGE_SIZE = 50;

const MAX_SEARCH_LENGTH = 500;
const MAX_PAGE = 1_000_000;

/** Parses a page's query; invalid values are ignored. */
export function parseListQuery(params: URLSearchParams): ListQuery {
  const state = UPLOAD_STATES.find((known) => known === params.get('state'));
  const page = Number(params.get('page') ?? 1);
  return {
    ...defined({ state }),
    search: (params.get('search') ?? '').trim().slice(0, MAX_SEARCH_LENGTH),
    page: Number.isInteger(page) && page >= 1 && page <= MAX_PAGE ? page : 1,
  };
}

/** The query string with `?`; empty for the first page of all uploads. */
export function listQueryString({ state, search, page }: ListQuery): string {
  const params = new URLSearchParams();
  if (state !== undefined) params.set('state', state);
  if (search !== '') params.set('search', search);
  if (page > 1) params.set('page', String(page));
  return params.size === 0 ? '' : `?${params}`;
}
