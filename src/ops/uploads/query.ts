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

const LONGEST_SEARCH = 500;
const LAST_PAGE = 1_000_000;

/** Reads a page's address; what is no sense there counts as not given. */
export function parseListQuery(params: URLSearchParams): ListQuery {
  const state = UPLOAD_STATES.find((known) => known === params.get('state'));
  const page = Number(params.get('page') ?? 1);
  return {
    ...(state !== undefined && { state }),
    search: (params.get('search') ?? '').trim().slice(0, LONGEST_SEARCH),
    page: Number.isInteger(page) && page >= 1 && page <= LAST_PAGE ? page : 1,
  };
}

/** The address again, from `?` on; empty for the first page of everything. */
export function listQueryString({ state, search, page }: ListQuery): string {
  const params = new URLSearchParams();
  if (state !== undefined) params.set('state', state);
  if (search !== '') params.set('search', search);
  if (page > 1) params.set('page', String(page));
  return params.size === 0 ? '' : `?${params}`;
}
