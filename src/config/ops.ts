import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { flag, integer, type Values, wholeNumber } from './variable-types.ts';

const host = z
  .string()
  .regex(
    /^[A-Za-z0-9.:-]+$/,
    'must be the name or address of an interface, such as 127.0.0.1, 0.0.0.0 or ::',
  );

/** `alice:her password`, separated by commas or line breaks. */
const opsUsers = z
  .string()
  .transform((value) =>
    value
      .split(/[,\n]/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  )
  .refine(
    (entries) => entries.every((entry) => /^[^:]+:.+$/.test(entry)),
    'must be name:password, with commas or line breaks between users',
  )
  .transform((entries) =>
    entries.map((entry) => {
      const at = entry.indexOf(':');
      return { name: entry.slice(0, at), password: entry.slice(at + 1) };
    }),
  );

export const OPS_VARIABLES = {
  METRICS_HOST: host.default('0.0.0.0'),
  METRICS_PORT: wholeNumber(0, 65_535).optional(),
  OPS_HOST: host.default('127.0.0.1'),
  OPS_PORT: integer(9323, 0, 65_535),
  OPS_USERS: opsUsers.default([]),
  OPS_READ_ONLY: flag,
  OPS_BASE_PATH: z
    .string()
    .transform((value) => value.replace(/\/$/, ''))
    .refine(
      (value) => /^(\/[A-Za-z0-9._~-]+)*$/.test(value),
      'must be a path such as /vod, of letters, digits, ".", "_", "~" and "-"',
    )
    .default(''),
  BUILD_REVISION: z
    .string()
    .regex(/^[\w.+-]{1,64}$/, 'must be a revision such as 3f2c1ab')
    .default('unknown'),
};

export interface OpsConfig {
  /** Where a worker serves its metrics and health. */
  readonly metrics: {
    readonly host: string;
    /** 0 = any free port; absent = the default port, or any free one when that is taken. */
    readonly port?: number;
  };
  /** Where and for whom `vod-upload ops` serves its pages. */
  readonly ops: {
    readonly host: string;
    /** 0 = any free port. */
    readonly port: number;
    /** Who may open the pages and use their buttons; empty = everybody who can connect. */
    readonly users: readonly OpsUser[];
    /** Whether the pages have no buttons. */
    readonly readOnly: boolean;
    /** Path prefix that a reverse proxy serves the pages under, such as `/vod`; empty = none. */
    readonly basePath: string;
  };
  /** The source revision of this build, for the metric vod_build_info. */
  readonly revision: string;
}

export interface OpsUser {
  readonly name: string;
  readonly password: string;
}

export function opsConfig(values: Values<typeof OPS_VARIABLES>): OpsConfig {
  return {
    metrics: { host: values.METRICS_HOST, ...defined({ port: values.METRICS_PORT }) },
    ops: {
      host: values.OPS_HOST,
      port: values.OPS_PORT,
      users: values.OPS_USERS,
      readOnly: values.OPS_READ_ONLY,
      basePath: values.OPS_BASE_PATH,
    },
    revision: values.BUILD_REVISION,
  };
}
