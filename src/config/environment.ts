import { readFileSync } from 'node:fs';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables whose value may be in a file instead, which the variable of the same name with the suffix `_FILE` names. */
const FILE_VARIABLES = [
  'VOD_SECRET_ID',
  'VOD_SECRET_KEY',
  'OPS_USERS',
  'EVENT_CALLBACK_PATH',
  'WEBHOOK_URL',
  'WEBHOOK_SECRETS',
  'REDIS_URL',
  'REDIS_CLUSTER_NODES',
  'REDIS_SENTINELS',
  'REDIS_SENTINEL_PASSWORD',
] as const;

export const FILE_VARIABLE_NAMES: readonly string[] = FILE_VARIABLES.map((name) => `${name}_FILE`);

/**
 * The trimmed values of the variables with these names; values in files are read. An empty variable is unset.
 * @param problems gets a line for each file that can't be read and each value that is set twice
 */
export function readVariables(env: Environment, names: readonly string[], problems: string[]): Environment {
  const variables = Object.fromEntries(names.map((name) => [name, env[name]?.trim() || undefined]));
  for (const name of FILE_VARIABLES) {
    const path = variables[`${name}_FILE`];
    if (path === undefined) continue;
    if (variables[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE are both set: keep one of them`);
      continue;
    }
    const file = readValue(path);
    if (file.ok) variables[name] = file.value;
    else problems.push(`${name}_FILE ${file.problem}`);
  }
  return variables;
}

type FileValue =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly problem: string };

/** The trimmed text of a file. */
export function readValue(path: string): FileValue {
  try {
    const value = readFileSync(path, 'utf8').trim();
    return value === '' ? { ok: false, problem: `names an empty file: ${path}` } : { ok: true, value };
  } catch (error) {
    return { ok: false, problem: `can't be read: ${path} (${(error as NodeJS.ErrnoException).code})` };
  }
}
