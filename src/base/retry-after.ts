/** Headers of a response, by name in lower case. */
interface ResponseHeaders {
  readonly date?: string | undefined;
  readonly 'retry-after'?: string | undefined;
}

/**
 * The delay that the header Retry-After asks for, in ms; undefined when it is missing or invalid.
 * @param options.nowMs this machine's time, for a Retry-After date in a response without a Date header
 * @param options.maxMs the longest delay to return
 */
export function retryAfterMs(
  headers: ResponseHeaders,
  { nowMs, maxMs }: { readonly nowMs: number; readonly maxMs: number },
): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  const ms = /^\d{1,9}$/.test(value)
    ? Number(value) * 1000
    : (httpDateMs(value) ?? Number.NaN) - (httpDateMs(headers.date) ?? nowMs);
  return Number.isNaN(ms) ? undefined : Math.min(maxMs, Math.max(0, ms));
}

/** An HTTP date, `Wed, 02 Jan 2030 03:04:05 GMT`, in ms since 1970; undefined when it is invalid. */
export function httpDateMs(value: string | undefined): number | undefined {
  const ms = /^[A-Z][a-z]+,? /.test(value ?? '') ? Date.parse(value ?? '') : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
