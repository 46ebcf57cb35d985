import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';

/** Not an npm package's command: the machine's. */
export const PROMTOOL = 'promtool';

export interface Verdict {
  readonly ok: boolean;
  /** What promtool wrote, to either stream. */
  readonly output: string;
}

export function promtool(...args: readonly string[]): Verdict {
  // It lives for a few seconds at most, and spends a third of them on collecting garbage that would do no harm.
  const env = { ...process.env, GOGC: '800' };
  const { status, stdout, stderr, error } = spawnSync(PROMTOOL, args, { encoding: 'utf8', env });
  if (error !== undefined) throw error;
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

/** Whether promtool takes all of these for PromQL: as rules, since it has no command for expressions. */
export function checkExpressions(expressions: readonly string[]): Verdict {
  const dir = mkdtempSync(join(tmpdir(), 'vod-promql-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'expressions.yml');
  const rules = expressions.map((expr, index) => ({ record: `expression:${index}`, expr }));
  writeFileSync(file, stringify({ groups: [{ name: 'expressions', rules }] }));
  return promtool('check', 'rules', file);
}
