/** Parses and checks the parameters of API 3.0. */
import type { Api3Action } from './api3-actions.ts';
import { Api3Refusal } from './api3-reply.ts';
import { EVENTS_PER_CALL } from './event-parameters.ts';

/** Values by parameter name. */
export type Api3Params = Readonly<Record<string, unknown>>;

type Type = 'text' | 'integer' | 'texts' | 'integers' | 'object';

interface Rule {
  readonly type: Type;
  readonly required?: true;
}

const text: Rule = { type: 'text' };
const integer: Rule = { type: 'integer' };
const texts: Rule = { type: 'texts' };
const integers: Rule = { type: 'integers' };
const object: Rule = { type: 'object' };
const required = (rule: Rule): Rule => ({ ...rule, required: true });

const RULES: Readonly<Record<Api3Action, Readonly<Record<string, Rule>>>> = {
  ApplyUpload: {
    MediaType: required(text),
    MediaName: text,
    CoverType: text,
    Procedure: text,
    ExpireTime: text,
    StorageRegion: text,
    ClassId: integer,
    SourceContext: text,
    SessionContext: text,
    MediaStoragePath: text,
    ExtInfo: text,
  },
  CommitUpload: { VodSessionKey: required(text) },
  PullEvents: { ExtInfo: text },
  ConfirmEvents: { EventHandles: required(texts), ExtInfo: text },
  ProcessMediaByProcedure: {
    FileId: text,
    MediaStoragePath: text,
    ProcedureName: required(text),
    TasksPriority: integer,
    TasksNotifyMode: text,
    SessionContext: text,
    SessionId: text,
    ExtInfo: text,
  },
  DescribeMediaInfos: { FileIds: required(texts), Filters: texts },
  // There is no filter by SourceContext: clients filter what other conditions find.
  SearchMedia: {
    FileIds: texts,
    Names: texts,
    NamePrefixes: texts,
    ClassIds: integers,
    SourceTypes: texts,
    MediaTypes: texts,
    CreateTime: object,
    Sort: object,
    Offset: integer,
    Limit: integer,
    Filters: texts,
  },
  DescribeEventConfig: {},
};

/** Maximum lengths in characters. */
const MAX_LENGTHS: Readonly<Record<string, number>> = {
  SourceContext: 250,
  SessionContext: 1000,
  SessionId: 50,
};

/**
 * @param subAppId the application that requests must name; undefined: any, or none
 * @throws {Api3Refusal}
 */
export function checkApi3(action: Api3Action, params: Api3Params, subAppId: number | undefined): void {
  const rules = RULES[action];
  for (const [name, rule] of Object.entries(rules)) {
    const value = params[name];
    if (value !== undefined) checkType(name, value, rule.type);
    else if (rule.required) throw new Api3Refusal('MissingParameter', `The request lacks ${name}`);
  }
  for (const name of Object.keys(params)) {
    if (name !== 'SubAppId' && !Object.hasOwn(rules, name)) {
      throw new Api3Refusal('UnknownParameter', `The parameter ${name} is not recognized`);
    }
  }
  checkSubAppId(params.SubAppId, subAppId);
  for (const [name, length] of Object.entries(MAX_LENGTHS)) {
    const value = params[name];
    if (typeof value === 'string' && value.length > length) {
      throw new Api3Refusal(
        'InvalidParameterValue',
        `${name} has ${value.length} characters, more than ${length}`,
      );
    }
  }
  CHECKS[action]?.(params);
}

export function typeOfParameter(action: Api3Action, name: string): Type | undefined {
  return name === 'SubAppId' ? 'integer' : RULES[action][name]?.type;
}

/** @returns '' for an absent one */
export function textOf(params: Api3Params, name: string): string {
  const value = params[name];
  return typeof value === 'string' ? value : '';
}

export function textsOf(params: Api3Params, name: string): readonly string[] | undefined {
  return params[name] as readonly string[] | undefined;
}

/** Null is the same as an absent parameter. @throws {Api3Refusal} InvalidParameter */
export function parseApi3Json(body: Uint8Array): Api3Params {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new Api3Refusal('InvalidParameter', 'The body is not JSON in UTF-8');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Api3Refusal('InvalidParameter', 'The body is not a JSON object');
  }
  return Object.fromEntries(Object.entries(value).filter(([, given]) => given !== null));
}

function checkType(name: string, value: unknown, type: Type): void {
  const isText = (item: unknown) => typeof item === 'string';
  const isInteger = (item: unknown) => Number.isSafeInteger(item);
  const fits = {
    text: isText(value),
    integer: isInteger(value),
    texts: Array.isArray(value) && value.every(isText),
    integers: Array.isArray(value) && value.every(isInteger),
    object: typeof value === 'object' && !Array.isArray(value),
  }[type];
  if (!fits) throw new Api3Refusal('InvalidParameter', `The value of ${name} has the wrong type`);
}

function checkSubAppId(given: unknown, wanted: number | undefined): void {
  if (given !== undefined && !(Number.isSafeInteger(given) && Number(given) >= 0)) {
    throw new Api3Refusal('InvalidParameter', 'The value of SubAppId has the wrong type');
  }
  if (wanted !== undefined && given !== wanted) {
    throw new Api3Refusal('InvalidParameterValue.SubAppId', 'SubAppId is not that of the application');
  }
}

const CHECKS: Readonly<Partial<Record<Api3Action, (params: Api3Params) => void>>> = {
  ApplyUpload(params) {
    for (const name of ['MediaType', 'CoverType']) {
      const value = params[name];
      if (value !== undefined && !/^[A-Za-z0-9]{1,20}$/.test(String(value))) {
        throw new Api3Refusal(`InvalidParameterValue.${name}`, `${name} is not letters and digits`);
      }
    }
    if (params.ExpireTime !== undefined && !isIsoTime(textOf(params, 'ExpireTime'))) {
      throw new Api3Refusal('InvalidParameter.ExpireTime', 'ExpireTime is not a time of ISO 8601');
    }
    if (
      params.StorageRegion !== undefined &&
      !/^[a-z]+(-[a-z0-9]+)+$/.test(textOf(params, 'StorageRegion'))
    ) {
      throw new Api3Refusal('InvalidParameterValue.StorageRegion', 'StorageRegion is not a region');
    }
  },
  ConfirmEvents(params) {
    const count = textsOf(params, 'EventHandles')?.length ?? 0;
    if (count >= 1 && count <= EVENTS_PER_CALL) return;
    throw new Api3Refusal('InvalidParameterValue', `${count} EventHandles, not 1 to ${EVENTS_PER_CALL}`);
  },
  ProcessMediaByProcedure(params) {
    if (textOf(params, 'FileId') !== '' || textOf(params, 'MediaStoragePath') !== '') return;
    throw new Api3Refusal('MissingParameter', 'The request lacks FileId or MediaStoragePath');
  },
  DescribeMediaInfos(params) {
    const count = textsOf(params, 'FileIds')?.length ?? 0;
    if (count >= 1 && count <= 20) return;
    throw new Api3Refusal('InvalidParameterValue.FileIds', `${count} FileIds, not 1 to 20`);
  },
  SearchMedia({ Offset = 0, Limit = 10 }) {
    if (Number(Offset) >= 0 && Number(Limit) >= 0 && Number(Offset) + Number(Limit) <= 5000) return;
    throw new Api3Refusal('InvalidParameterValue.Limit', 'Offset and Limit together are above 5,000');
  },
};

function isIsoTime(value: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}
