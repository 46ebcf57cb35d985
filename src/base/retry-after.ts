/** Headers of a reply, by their names in lower case. */
interface ReplyHeaders {
  readonly date?: string | undefined;
  readonly 'retry-after'?: string | undefined;
}

/**
 * How long the header Retry-After asks to wait, in ms; undefined without one that makes sense.
 * @param options.nowMs this machine's time; a date counts from the reply's own Date where it has one
 * @param options.mostMs nobody may ask for longer
 */
export function retryAfterMs(
  headers: ReplyHeaders,
  { nowMs, mostMs }: { readonly nowMs: number; readonly mostMs: number },
): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  const ms = /^\d{1,9}$/.test(value)
    ? Number(value) * 1000
    : (httpDateMs(value) ?? Number.NaN) - (httpDateMs(headers.date) ?? nowMs);
  return Number.isNaN(ms) ? undefined : Math.min(mostMs, Math.max(0, ms));
}

/** A date as HTTP writes it, `Wed, 02 Jan 2030 03:04:05 GMT`, in ms since 1970. */
export function httpDateMs(value: string | undefined): number | undefined {
  const ms = /^[A-Z][a-z]+,? /.test(value ?? '') ? Date.parse(value ?? '') : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
