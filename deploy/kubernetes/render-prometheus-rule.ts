/*
 * `node deploy/kubernetes/render-prometheus-rule.ts`: writes components/monitoring/prometheus-rule.yaml from the rule
 * files of deploy/prometheus. Kustomize can't put a file into a custom resource, so what it needs is in the repository,
 * and a test finds it stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const RULE_FILES = ['vod-upload.rules.yml', 'vod-upload.alerts.yml'];
const TARGET = new URL('components/monitoring/prometheus-rule.yaml', import.meta.url);

const HEAD = `# Rendered from deploy/prometheus by render-prometheus-rule.ts; change those files and run it again.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: vod-upload
spec:
  groups:
`;

/** The groups of all rule files, comments too, as one PrometheusRule. */
export function prometheusRule(): string {
  const groups = RULE_FILES.map((name) => {
    const text = readFileSync(new URL(`../prometheus/${name}`, import.meta.url), 'utf8');
    const [comment = '', items = ''] = text.split(/^groups:\n/m);
    return indent(comment, 4) + indent(items, 2);
  });
  return HEAD + groups.join('');
}

function indent(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(by));
}

if (import.meta.main) writeFileSync(TARGET, prometheusRule());
