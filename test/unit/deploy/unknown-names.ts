import { knownSeries, LABEL_VALUES } from '../../support/known-metrics.ts';
import { whatIsAsked } from './promql.ts';
import { RECORDING_RULES } from './rules.ts';

const series = knownSeries();
const recorded = new Set(RECORDING_RULES.map(({ record }) => record));
const anyLabel = new Set([...series.values()].flat());

/** What an expression asks for and nothing exports: names of series, labels, and values of labels that are known here. */
export function unknownNames(expression: string): string[] {
  const { selectors, groupedBy } = whatIsAsked(expression);
  const unknown = groupedBy.filter((label) => !anyLabel.has(label));
  for (const { name, matchers } of selectors) {
    const labels = recorded.has(name) ? [...anyLabel] : series.get(name);
    if (labels === undefined) unknown.push(name);
    for (const { label, values } of matchers) {
      if (labels !== undefined && !labels.includes(label)) unknown.push(`${name}{${label}}`);
      const strange = values.filter((value) => LABEL_VALUES[label]?.includes(value) === false);
      unknown.push(...strange.map((value) => `${name}{${label}="${value}"}`));
    }
  }
  return unknown;
}
