import type { FailureKind, FailureReason, SystemicCause } from './vod-error.ts';

/** Why there is no answer: the `code` of a VodTransportError. */
export type TransportCode =
  | 'TIMEOUT'
  | 'NETWORK'
  | 'TLS'
  | 'PROXY'
  | 'MALFORMED_REPLY'
  | 'REPLY_TOO_LARGE'
  | 'REDIRECT'
  | 'ABORTED'
  | 'CREDENTIALS'
  | `HTTP_${number}`;

/** How a transport failure is classified, counted and explained. */
export interface TransportMeaning {
  /** Default retryable: no reply is not an answer. */
  readonly kind?: FailureKind;
  readonly reason: FailureReason;
  readonly systemicCause?: SystemicCause;
  /** For the metric of requests: whether there was an HTTP response. */
  readonly result: 'http_error' | 'network';
  readonly description: string;
  readonly advice?: string;
}

type NamedCode =
  | Exclude<TransportCode, `HTTP_${number}`>
  | 'HTTP_429'
  | 'HTTP_too_large'
  | 'HTTP_4xx'
  | 'HTTP_5xx'
  | 'HTTP_other';

/** The host in the message tells which one. */
const ENDPOINT = 'VOD_ENDPOINT (VOD_COS_ENDPOINT for a bucket, VOD_EVENT_ENDPOINT for events of v2)';

/** One row per transport failure. */
export const TRANSPORT_MEANINGS: Readonly<Record<NamedCode, TransportMeaning>> = {
  TIMEOUT: { reason: 'timeout', systemicCause: 'outage', result: 'network', description: 'timed out' },
  NETWORK: { reason: 'network', systemicCause: 'outage', result: 'network', description: 'network failure' },
  TLS: {
    reason: 'network',
    systemicCause: 'outage',
    result: 'network',
    description: 'TLS failure',
    advice:
      'If it persists, check the certificate of this endpoint; NODE_EXTRA_CA_CERTS adds an authority to trust.',
  },
  PROXY: {
    reason: 'network',
    systemicCause: 'outage',
    result: 'network',
    description: 'the proxy opened no tunnel',
    advice: 'If it persists, check https_proxy and no_proxy.',
  },
  MALFORMED_REPLY: {
    reason: 'network',
    systemicCause: 'blocked',
    result: 'http_error',
    description: 'the reply is not what the service documents',
    advice: `If it persists, check ${ENDPOINT} and any proxy in between.`,
  },
  REPLY_TOO_LARGE: {
    reason: 'network',
    systemicCause: 'blocked',
    result: 'http_error',
    description: 'the reply is too large',
  },
  REDIRECT: {
    reason: 'network',
    systemicCause: 'blocked',
    result: 'http_error',
    description: 'redirected, which is never followed',
    advice: `If it persists, check ${ENDPOINT} and any proxy or firewall in between, which may require a login.`,
  },
  ABORTED: { reason: 'network', result: 'network', description: 'aborted by the caller' },
  CREDENTIALS: {
    reason: 'signature',
    systemicCause: 'account',
    result: 'network',
    description: 'no credentials to sign with',
  },
  HTTP_429: {
    kind: 'quota',
    reason: 'quota',
    result: 'http_error',
    description: 'too many requests',
    advice:
      'VOD, or a proxy in between, accepts fewer requests: lower VOD_QUOTA_INIT_PER_MINUTE, VOD_QUOTA_PART_PER_MINUTE ' +
      'or VOD_QUOTA_FINISH_PER_MINUTE; with API 3.0, VOD_QUOTA_PER_SECOND, or PART_CONCURRENCY for buckets.',
  },
  HTTP_too_large: {
    kind: 'permanent',
    reason: 'network',
    result: 'http_error',
    description: 'the request is too large for HTTP',
    advice:
      'Use a smaller partSize or, with v2, fewer or shorter tags; a proxy in between may set the limit.',
  },
  HTTP_4xx: {
    reason: 'network',
    systemicCause: 'blocked',
    result: 'http_error',
    description: 'refused by HTTP, not by the service',
    advice: `If it persists, check ${ENDPOINT} and any proxy or firewall in between.`,
  },
  HTTP_5xx: {
    reason: 'http_5xx',
    systemicCause: 'outage',
    result: 'http_error',
    description: 'server failure',
  },
  HTTP_other: {
    reason: 'network',
    systemicCause: 'blocked',
    result: 'http_error',
    description: 'unexpected HTTP status',
  },
};

/** Content too large, URI too long, header fields too large: the same request would fail again. */
const TOO_LARGE: readonly string[] = ['HTTP_413', 'HTTP_414', 'HTTP_431'];

export function transportMeaning(code: TransportCode): TransportMeaning {
  if (Object.hasOwn(TRANSPORT_MEANINGS, code))
    return TRANSPORT_MEANINGS[code as keyof typeof TRANSPORT_MEANINGS];
  if (TOO_LARGE.includes(code)) return TRANSPORT_MEANINGS.HTTP_too_large;
  return TRANSPORT_MEANINGS[code[5] === '4' ? 'HTTP_4xx' : code[5] === '5' ? 'HTTP_5xx' : 'HTTP_other'];
}

/** Transport failures by the code of Node's error (sockets, DNS, TLS, HTTP parser, zlib); the first match counts. */
const NODE_CODES: readonly {
  readonly match: RegExp;
  readonly code: TransportCode;
  readonly description: string;
}[] = [
  { match: /^ECONNREFUSED$/, code: 'NETWORK', description: 'connection refused' },
  { match: /^ECONNRESET$/, code: 'NETWORK', description: 'connection reset' },
  { match: /^(EPIPE|ECONNABORTED|ERR_STREAM_\w+)$/, code: 'NETWORK', description: 'connection closed' },
  {
    match: /^(ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL)$/,
    code: 'NETWORK',
    description: 'the host name was not resolved',
  },
  {
    match: /^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/,
    code: 'NETWORK',
    description: 'unreachable',
  },
  {
    match: /^(ETIMEDOUT|ESOCKETTIMEDOUT|ERR_SOCKET_CONNECTION_TIMEOUT)$/,
    code: 'TIMEOUT',
    description: 'timed out',
  },
  { match: /^ERR_PROXY_/, code: 'PROXY', description: 'the proxy opened no tunnel' },
  {
    match:
      /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|HOSTNAME_MISMATCH|.*(CERT|CERTIFICATE|ISSUER|SIGNATURE|CA)(_|$))/,
    code: 'TLS',
    description: 'TLS failure',
  },
  {
    match: /^ERR_HTTP_CONTENT_LENGTH_MISMATCH$/,
    code: 'MALFORMED_REPLY',
    description: 'the reply is truncated',
  },
  { match: /^HPE_/, code: 'MALFORMED_REPLY', description: 'the reply is not HTTP' },
  {
    match: /^(Z_|ERR__?ERROR_FORMAT|ERR_BROTLI|ZSTD_)/,
    code: 'MALFORMED_REPLY',
    description: 'the reply is badly compressed',
  },
];

/** Classifies an error of Node or got by its `code`; unknown codes count as network failures. */
export function classifyNodeCode(code: string | undefined): { code: TransportCode; description: string } {
  const row = code === undefined ? undefined : NODE_CODES.find(({ match }) => match.test(code));
  return row ?? { code: 'NETWORK', description: 'network failure' };
}
