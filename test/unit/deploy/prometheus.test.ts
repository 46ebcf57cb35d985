import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../support/process.ts';
import { hasProgram } from '../../support/programs.ts';
import { PROMTOOL, promtool } from './promtool.ts';
import { ALERTS, PROMETHEUS, RECORDING_RULES, RULE_FILES, TEST_FILES, TESTS } from './rules.ts';
import { unknownNames } from './unknown-names.ts';

describe.skipIf(!hasProgram(PROMTOOL))('promtool', () => {
  it('takes the example configuration, and finds the rules with it', () => {
    const { ok, output } = promtool('check', 'config', join(PROMETHEUS, 'prometheus.yml'));
    expect(output).toContain(`${RULE_FILES.length} rule files found`);
    expect(ok, output).toBe(true);
  });

  it('takes the rules', () => {
    const { ok, output } = promtool('check', 'rules', ...RULE_FILES);
    expect(ok, output).toBe(true);
  });

  it('finds that the rules do as their tests say', () => {
    expect(TEST_FILES).not.toEqual([]);
    const { ok, output } = promtool('test', 'rules', ...TEST_FILES);
    expect(ok, output).toBe(true);
  });
});

describe('alerts', () => {
  const names = ALERTS.map(({ alert }) => alert);

  it('each have a test in which they fire and one in which they do not', () => {
    const cases = TESTS.flatMap(({ alert_rule_test: tests = [] }) => tests);
    const tested = (fires: boolean): string[] =>
      [
        ...new Set(
          cases
            .filter(({ exp_alerts: expected = [] }) => expected.length > 0 === fires)
            .map((one) => one.alertname),
        ),
      ].sort();
    expect(tested(true)).toEqual([...names].sort());
    expect(tested(false)).toEqual([...names].sort());
  });

  it('say how urgent they are, what is wrong and what to do', () => {
    for (const { alert, labels, annotations } of ALERTS) {
      expect(labels, alert).toEqual({ severity: expect.stringMatching(/^(page|warn|info)$/) });
      expect(annotations, alert).toEqual({
        summary: expect.stringMatching(/\S/),
        description: expect.stringMatching(/\.$/),
        runbook: `docs/runbook.md#${alert.toLowerCase()}`,
      });
    }
  });

  it('each have a section in the runbook that gives their severity, and no section is left over', () => {
    const runbook = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
    const sections = [...runbook.matchAll(/^### (\S+)\n\n_(\w+)\._ \S/gm)].map(([, name, severity]) => [
      name,
      severity,
    ]);
    expect(sections.sort()).toEqual(ALERTS.map(({ alert, labels }) => [alert, labels.severity]).sort());
    expect(runbook.match(/^### /gm)).toHaveLength(names.length);
    expect((runbook.match(/VodUpload\w+/g) ?? []).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('recording rules', () => {
  it('each have a test that expects a value', () => {
    const tested = TESTS.flatMap(({ promql_expr_test: tests = [] }) => tests)
      .filter(({ exp_samples: expected = [] }) => expected.length > 0)
      .map(({ expr }) => expr);
    const untested = RECORDING_RULES.filter(({ record }) => !tested.some((expr) => expr.includes(record)));
    expect(untested).toEqual([]);
  });

  it('come after those that they use', () => {
    RECORDING_RULES.forEach(({ expr }, index) => {
      for (const { record } of RECORDING_RULES.slice(index)) expect(expr).not.toContain(record);
    });
  });
});

describe('rules and their tests', () => {
  it('name only series and labels that there are', () => {
    for (const { expr } of [...ALERTS, ...RECORDING_RULES]) expect(unknownNames(expr), expr).toEqual([]);
    // A stranger's process is in the tests to be left alone.
    for (const { input_series: inputs } of TESTS)
      for (const { series } of inputs.filter((one) => !one.series.includes('job="website"')))
        expect(unknownNames(series), series).toEqual([]);
  });

  it('would be found to name others', () => {
    expect(unknownNames('sum by (queu) (rate(vod_part_total{outcome="ok"}[5m])) > 0')).toEqual([
      'queu',
      'vod_part_total',
    ]);
    expect(unknownNames('vod_queue_jobs{stat="waiting", queue=~"vod-part|vod-parts"} / vod:no_rule')).toEqual(
      ['vod_queue_jobs{stat}', 'vod_queue_jobs{queue="vod-parts"}', 'vod:no_rule'],
    );
    expect(unknownNames('vod_hash_seconds_total_count')).toEqual(['vod_hash_seconds_total_count']);
    expect(unknownNames('nodejs_active_handles_total')).toEqual(['nodejs_active_handles_total']);
  });
});
