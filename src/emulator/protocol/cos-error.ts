/** Errors of COS: an HTTP status and an XML body. */
import { randomBytes } from 'node:crypto';

const STATUSES: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  BadDigest: 400,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  ExpiredToken: 403,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidURI: 400,
  MalformedXML: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  RequestTimeTooSkewed: 403,
  RequestTimeOut: 400,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
};

/** @returns 400 for an unknown code */
export function cosStatusOf(code: string): number {
  return STATUSES[code] ?? 400;
}

/** Thrown for a refused request. */
export class CosRefusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'CosRefusal';
    this.code = code;
  }
}

export function cosErrorText(code: string, message: string, resource: string): string {
  return xmlText('Error', {
    Code: code,
    Message: message,
    Resource: resource,
    RequestId: randomBytes(16).toString('base64url'),
    TraceId: '',
  });
}

type Xml = string | number | readonly XmlFields[];
export interface XmlFields {
  readonly [name: string]: Xml | undefined;
}

/** An array becomes repeated elements; undefined is left out. */
export function xmlText(root: string, fields: XmlFields): string {
  return `<?xml version='1.0' encoding='utf-8' ?>\n<${root}>${elements(fields)}</${root}>\n`;
}

function elements(fields: XmlFields): string {
  return Object.entries(fields)
    .map(([name, value]) => {
      if (value === undefined) return '';
      if (typeof value !== 'object') return `<${name}>${escaped(String(value))}</${name}>`;
      return value.map((item) => `<${name}>${elements(item)}</${name}>`).join('');
    })
    .join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
