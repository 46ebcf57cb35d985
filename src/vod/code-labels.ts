import { API3_MEANINGS, api3Row } from './api3/codes.ts';
import { COS_MEANINGS } from './cos/codes.ts';
import { API_CODE_MEANINGS, CODE_MEANINGS } from './wire/service-codes.ts';
import { TRANSPORT_MEANINGS } from './wire/transport-codes.ts';

/** Rows of the table of transport failures that are no label of their own. */
const WITHOUT_LABEL: readonly string[] = [
  'HTTP_too_large',
  'HTTP_other',
] satisfies (keyof typeof TRANSPORT_MEANINGS)[];

/** All values of the metric label `code`, except `other`. */
export const DOCUMENTED_CODE_LABELS: readonly string[] = [
  ...Object.keys(CODE_MEANINGS),
  ...Object.keys(API_CODE_MEANINGS),
  '5xxx',
  ...new Set([...Object.keys(API3_MEANINGS), ...Object.keys(COS_MEANINGS)]),
  ...Object.keys(TRANSPORT_MEANINGS).filter((code) => !WITHOUT_LABEL.includes(code)),
];

/**
 * The metric label of a failure's code; limits the number of values. A documented code is its own label; `5xxx`,
 * `HTTP_4xx`, `HTTP_5xx` and the prefixes of API 3.0 stand for the codes that the tables treat as one; `other` for the rest.
 */
export function documentedCodeLabel(code: string): string {
  if (DOCUMENTED_CODE_LABELS.includes(code)) return code;
  if (/^5\d{3}$/.test(code)) return '5xxx';
  const status = /^HTTP_([45])\d\d$/.exec(code);
  return status === null ? (api3Row(code) ?? 'other') : `HTTP_${status[1]}xx`;
}
