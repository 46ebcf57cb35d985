import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../support/process.ts';

/*
 * The rule files and their promtool tests, as they are on disk.
 */

export const PROMETHEUS = join(ROOT, 'deploy/prometheus');

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly (RecordingRule | AlertingRule)[] }[];
}

/** A file of `promtool test rules`, as far as it is looked at here. */
interface RuleTestFile {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts?: readonly unknown[];
    }[];
    readonly promql_expr_test?: readonly {
      readonly expr: string;
      readonly exp_samples?: readonly unknown[];
    }[];
  }[];
}

function filesOf(directory: string, ending: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .map((name) => join(directory, name));
}

function readYaml<T>(file: string): T {
  return parse(readFileSync(file, 'utf8')) as T;
}

export const RULE_FILES: readonly string[] = [
  ...filesOf(PROMETHEUS, '.rules.yml'),
  ...filesOf(PROMETHEUS, '.alerts.yml'),
];
export const TEST_FILES: readonly string[] = filesOf(join(PROMETHEUS, 'tests'), '.test.yml');

const rules = RULE_FILES.flatMap((file) => readYaml<RuleFile>(file).groups.flatMap((group) => group.rules));

export const RECORDING_RULES: readonly RecordingRule[] = rules.filter((rule) => 'record' in rule);
export const ALERTS: readonly AlertingRule[] = rules.filter((rule) => 'alert' in rule);
export const TESTS: RuleTestFile['tests'] = TEST_FILES.flatMap((file) => readYaml<RuleTestFile>(file).tests);
