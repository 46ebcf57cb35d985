import { z } from 'zod';
import { LOG_FORMATS, LOG_LEVELS, type LogOptions } from '../process/log.ts';
import type { Values } from './variable-types.ts';

const fieldNames = z
  .string()
  .transform((value) => value.split(',').map((name) => name.trim()))
  .refine(
    (names) => names.every((name) => /^[A-Za-z_]\w*$/.test(name)),
    'must be names of fields, such as source,url',
  );

export const LOG_VARIABLES = {
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  LOG_FORMAT: z.enum(LOG_FORMATS, `must be one of ${LOG_FORMATS.join(', ')}`).default('auto'),
  LOG_REDACT: fieldNames.default([]),
};

export function logConfig(values: Values<typeof LOG_VARIABLES>): LogOptions {
  return { logLevel: values.LOG_LEVEL, logFormat: values.LOG_FORMAT, logRedact: values.LOG_REDACT };
}
