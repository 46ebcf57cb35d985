import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { prometheusRule } from '../../../deploy/kubernetes/render-prometheus-rule.ts';
import { LABEL_VALUES } from '../../support/known-metrics.ts';
import { hasProgram } from '../../support/programs.ts';
import { configOf } from './environment.ts';
import { CAN_RENDER, KUBERNETES, type Pod, PRODUCTION, podsOf, selects, WITH_HPA } from './manifests.ts';
import { PROMTOOL, promtool, type Verdict } from './promtool.ts';
import { PROMETHEUS, RULE_FILES } from './rules.ts';
import { unknownNames } from './unknown-names.ts';

const SCALED = ['hash', 'parts'];

/** Series a minute apart, in the notation of promtool's tests. */
type Series = Readonly<Record<string, string>>;

interface Scaler {
  readonly min: number;
  readonly max: number;
  readonly query: string;
  readonly threshold: number;
}

function scaler(name: string): Scaler {
  const { spec } = PRODUCTION.one('keda.sh/v1alpha1 ScaledObject', name);
  const { query = '', threshold } = spec?.triggers[0]?.metadata ?? {};
  return {
    min: spec?.minReplicaCount ?? 0,
    max: spec?.maxReplicaCount ?? 0,
    query,
    threshold: Number(threshold),
  };
}

/** What the recording rules and the query should make of the series; undefined = nothing. */
interface Case {
  readonly query: string;
  readonly series: Series;
  readonly value: number | undefined;
}

/** Whether promtool finds that all of these are so. */
function yields(...cases: readonly Case[]): Verdict {
  const dir = mkdtempSync(join(tmpdir(), 'vod-scaling-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'scaling.test.yml');
  const tests = cases.map(({ query, series, value }) => {
    const samples = value === undefined ? [] : [{ labels: '{}', value }];
    return {
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [{ expr: `round((${query}) + 0, 0.001)`, eval_time: '10m', exp_samples: samples }],
    };
  });
  const rules = {
    rule_files: [join(PROMETHEUS, 'vod-upload.rules.yml')],
    evaluation_interval: '1m',
    tests,
  };
  writeFileSync(file, stringify(rules));
  return promtool('test', 'rules', file);
}

/** The pods that KEDA's autoscaler asks for: the value over the threshold, rounded up, within the limits. */
function podsFor({ min, max, threshold }: Scaler, value: number): number {
  return Math.min(max, Math.max(min, Math.ceil(value / threshold)));
}

/** 10,000 parts that wait for a quota of 10,000 a minute, and take so long each. */
const backlog = (seconds: number): Series => ({
  'vod_queue_jobs{queue="vod-part", state="prioritized"}': '10000x10',
  'vod_quota_limit{action="UploadPart"}': '10000x10',
  'vod_part_duration_seconds_sum{outcome="ok"}': `0+${seconds * 6000}x10`,
  'vod_part_duration_seconds_count{outcome="ok"}': '0+6000x10',
  'vod_part_slots{instance="a"}': '16x10',
  'vod_part_slots{instance="b"}': '16x10',
  'vod_part_slots{instance="hash"}': '0x10',
});

describe.skipIf(!CAN_RENDER)('replicas', () => {
  it('are left to the autoscaler where there is one', () => {
    for (const manifests of [PRODUCTION, WITH_HPA]) {
      for (const { metadata, spec } of manifests.of('apps/v1 Deployment'))
        if (SCALED.includes(metadata.name)) expect(spec, metadata.name).not.toHaveProperty('replicas');
        else expect(spec?.replicas, metadata.name).toBeGreaterThan(0);
    }
    const targets = PRODUCTION.of('keda.sh/v1alpha1 ScaledObject').map(({ spec }) => spec?.scaleTargetRef);
    expect(targets).toEqual(SCALED.map((name) => ({ name })));
    const hpaTargets = WITH_HPA.of('autoscaling/v2 HorizontalPodAutoscaler').map(
      ({ spec }) => spec?.scaleTargetRef,
    );
    expect(hpaTargets).toEqual(SCALED.map((name) => ({ apiVersion: 'apps/v1', kind: 'Deployment', name })));
  });

  it('are two at least, and go slowly, with either autoscaler', () => {
    const behaviors = [
      ...PRODUCTION.of('keda.sh/v1alpha1 ScaledObject').map(({ spec }) => {
        expect(spec?.minReplicaCount).toBe(2);
        return spec?.advanced?.horizontalPodAutoscalerConfig?.behavior;
      }),
      ...WITH_HPA.of('autoscaling/v2 HorizontalPodAutoscaler').map(({ spec }) => {
        expect(spec?.minReplicas).toBe(2);
        return spec?.behavior;
      }),
    ];
    expect(behaviors).toHaveLength(4);
    for (const behavior of behaviors)
      expect(behavior?.scaleDown).toEqual({
        stabilizationWindowSeconds: 600,
        policies: [{ type: 'Pods', value: 1, periodSeconds: 120 }],
      });
  });

  it('do not grow by the bursts of a minute in which the quota is used up', () => {
    const parts = WITH_HPA.one('autoscaling/v2 HorizontalPodAutoscaler', 'parts');
    expect(parts.spec?.behavior?.scaleUp?.stabilizationWindowSeconds).toBeGreaterThanOrEqual(120);
  });

  it('stay as they are when Prometheus or its metrics are away', () => {
    for (const { spec } of PRODUCTION.of('keda.sh/v1alpha1 ScaledObject')) {
      expect(spec?.triggers).toMatchObject([
        { type: 'prometheus', metricType: 'AverageValue', metadata: { ignoreNullValues: 'false' } },
      ]);
      expect(spec?.fallback).toMatchObject({
        behavior: 'currentReplicasIfHigher',
        replicas: spec?.minReplicaCount,
      });
    }
  });

  it('are asked for by series that there are', () => {
    for (const name of SCALED) expect(unknownNames(scaler(name).query), name).toEqual([]);
  });
});

describe.skipIf(!CAN_RENDER || !hasProgram(PROMTOOL))('what KEDA asks for', () => {
  it('is what the quota can use, by the time that a part takes, between two and the limit', () => {
    const parts = scaler('parts');
    const times = [
      { seconds: 0.05, value: 0.651, replicas: 2 },
      { seconds: 0.5, value: 6.51, replicas: 7 },
      { seconds: 2, value: 26.042, replicas: 20 },
    ];
    const { ok, output } = yields(
      ...times.map(({ seconds, value }) => ({ query: parts.query, series: backlog(seconds), value })),
    );
    expect(ok, output).toBe(true);
    for (const { value, replicas } of times) expect(podsFor(parts, value)).toBe(replicas);
  });

  it('is the same whether the quota is used up or free', () => {
    const parts = scaler('parts');
    const states = [
      {
        'vod_quota_used{action="UploadPart"}': '10000x10',
        'vod_queue_rate_limited{queue="vod-part"}': '1x10',
      },
      { 'vod_quota_used{action="UploadPart"}': '0x10', 'vod_queue_rate_limited{queue="vod-part"}': '0x10' },
    ];
    const { ok, output } = yields(
      ...states.map((state) => ({ query: parts.query, series: { ...backlog(0.5), ...state }, value: 6.51 })),
    );
    expect(ok, output).toBe(true);
  });

  it('is two when nothing is to be done, and nothing known when nobody counts', () => {
    const parts = scaler('parts');
    const idle = { ...backlog(0.5), 'vod_queue_jobs{queue="vod-part", state="prioritized"}': '0x10' };
    const unknown = SCALED.map((name) => ({ query: scaler(name).query, series: {}, value: undefined }));
    const { ok, output } = yields({ query: parts.query, series: idle, value: 0 }, ...unknown);
    expect(ok, output).toBe(true);
    expect(podsFor(parts, 0)).toBe(2);
  });

  it('is a pod for as many files as it hashes at a time', () => {
    const hash = scaler('hash');
    const pod = podsOf(PRODUCTION).find(({ owner }) => owner === 'hash') as Pod;
    expect(hash.threshold).toBe(configOf(PRODUCTION, pod).hashConcurrency);
    const series = {
      'vod_queue_jobs{queue="vod-hash", state="waiting"}': '5x10',
      'vod_queue_jobs{queue="vod-hash", state="active"}': '4x10',
      'vod_queue_jobs{queue="vod-hash", state="delayed"}': '100x10',
      'vod_queue_jobs{queue="vod-part", state="waiting"}': '1000x10',
    };
    expect(yields({ query: hash.query, series, value: 9 })).toMatchObject({ ok: true });
    expect(podsFor(hash, 9)).toBe(5);
    expect(yields({ query: hash.query, series, value: 8 })).toMatchObject({ ok: false });
  });
});

describe.skipIf(!CAN_RENDER)('PodMonitors', () => {
  it('scrape each program once, as the job that rules and alerts know', () => {
    const pods = podsOf(PRODUCTION);
    const scraped = PRODUCTION.of('monitoring.coreos.com/v1 PodMonitor').map(({ spec }) => {
      const [endpoint, ...more] = spec?.podMetricsEndpoints ?? [];
      expect(more).toEqual([]);
      expect(endpoint).toMatchObject({ port: 'http', path: '/metrics' });
      const job = endpoint?.relabelings?.find(({ targetLabel }) => targetLabel === 'job');
      expect(job).toEqual({ targetLabel: 'job', replacement: expect.any(String) });
      const selected = pods.filter(({ labels }) => selects(spec?.selector?.matchLabels ?? {}, labels));
      for (const { container } of selected)
        expect(container.ports?.map(({ name }) => name)).toContain('http');
      return [job?.replacement, selected.map(({ owner }) => owner).sort()];
    });
    expect(Object.fromEntries(scraped)).toEqual({
      'vod-upload-worker': ['control', 'hash', 'parts'],
      'vod-upload-ops': ['ops'],
    });
    expect(scraped.map(([job]) => job).sort()).toEqual([...(LABEL_VALUES.job ?? [])].sort());
  });
});

describe('the PrometheusRule', () => {
  const file = join(KUBERNETES, 'components/monitoring/prometheus-rule.yaml');

  it('is rendered from the rule files as they are', () => {
    const stale = 'run node deploy/kubernetes/render-prometheus-rule.ts';
    expect(readFileSync(file, 'utf8') === prometheusRule(), stale).toBe(true);
  });

  it('has all of their groups', () => {
    const { spec } = parse(prometheusRule()) as { spec: { groups: unknown[] } };
    const groups = RULE_FILES.flatMap(
      (one) => (parse(readFileSync(one, 'utf8')) as { groups: unknown[] }).groups,
    );
    expect(spec.groups).toEqual(groups);
  });
});
