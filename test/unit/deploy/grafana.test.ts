import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../support/process.ts';
import { hasProgram } from '../../support/programs.ts';
import type { VodDashboard } from './dashboard-type.ts';
import { checkExpressions, PROMTOOL } from './promtool.ts';
import { complaints } from './tsc.ts';
import { unknownNames } from './unknown-names.ts';

const json = readFileSync(join(ROOT, 'deploy/grafana/vod-upload.json'), 'utf8');
const dashboard = JSON.parse(json) as VodDashboard;
const { panels } = dashboard;
const queried = panels.filter((panel) => panel.type === 'stat' || panel.type === 'timeseries');

/** As Grafana would ask it. */
function asAsked(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '6h');
}

/** @returns tsc's complaints about these as dashboards */
async function complaintsAbout(
  dashboards: Readonly<Record<string, string>>,
): Promise<Record<string, string[]>> {
  const literals = Object.entries(dashboards).map(([name, literal]) => [name, { literal }] as const);
  return await complaints(
    { module: 'dashboard-type.ts', name: 'VodDashboard' },
    Object.fromEntries(literals),
  );
}

/** The dashboard with one change, to see that it would be noticed. */
function changed(from: string, to: string): string {
  expect(json).toContain(from);
  return json.replace(from, to);
}

describe('dashboard', () => {
  it('is what Grafana takes for one, and would be none with a wrong field, type or word in it', async () => {
    const found = await complaintsAbout({
      whole: json,
      wrongField: changed('"unit":', '"unti":'),
      wrongOption: changed('"graphMode":', '"graphmode":'),
      wrongCustom: changed('"fillOpacity":', '"opacity":'),
      wrongWord: changed('"textMode": "name"', '"textMode": "names"'),
      wrongType: changed('"schemaVersion": 39', '"schemaVersion": "39"'),
      wrongNumber: changed('"graphTooltip": 1', '"graphTooltip": 7'),
      undescribed: changed('"description": "Each has', '"subtitle": "Each has'),
      ofAGrafana: changed('"id": null', '"id": 12'),
    });
    const saying = (words: string): unknown => [expect.stringContaining(words)];
    expect(found).toEqual({
      wrongField: saying('unti'),
      wrongOption: saying('graphmode'),
      wrongCustom: saying('opacity'),
      wrongWord: saying('"names"'),
      wrongType: saying("'string' is not assignable to type 'number'"),
      wrongNumber: saying("'7'"),
      undescribed: saying('subtitle'),
      ofAGrafana: saying("'number' is not assignable to type 'null'"),
    });
  });

  it.skipIf(!hasProgram(PROMTOOL))('asks in PromQL', () => {
    const expressions = queried.flatMap(({ targets }) => targets.map(({ expr }) => asAsked(expr)));
    expect(expressions.length).toBeGreaterThan(0);
    const { ok, output } = checkExpressions(expressions);
    expect(ok, output).toBe(true);
    expect(checkExpressions(['sum by (queue) (rate(vod_parts_total[$__rate_interval]))']).ok).toBe(false);
  });

  it('asks only for series and labels that there are', () => {
    for (const { targets } of queried)
      for (const { expr } of targets) expect(unknownNames(asAsked(expr)), expr).toEqual([]);
  });

  it('asks for rates over the interval that Grafana chooses, or over one of hours on purpose', () => {
    for (const { targets } of queried)
      for (const { expr } of targets)
        for (const [range] of expr.matchAll(/\[[^\]]*\]/g))
          expect(['[$__rate_interval]', '[$__range]', '[1h]']).toContain(range);
  });

  it('has a title, a description and a unit on every panel, and a query or more', () => {
    for (const panel of panels) {
      expect(panel.title).toMatch(/^[A-Z]/);
      if (panel.type !== 'row') expect(panel.description, panel.title).toMatch(/\S.*\.$/);
    }
    for (const { title, fieldConfig, targets } of queried) {
      expect(fieldConfig.defaults.unit, title).toMatch(/\S/);
      expect(targets.length, title).toBeGreaterThan(0);
    }
  });

  it('has a row for each of its readers, and each panel in its place', () => {
    const rows = panels.filter((panel) => panel.type === 'row').map(({ title }) => title);
    expect(rows).toEqual([
      expect.stringMatching(/^On call/),
      expect.stringMatching(/^Support/),
      expect.stringMatching(/^Capacity planning/),
    ]);
    const taken = new Map<string, string | undefined>();
    for (const { title, gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x, title).toBeLessThan(24);
          expect(taken.get(`${x},${y}`), `below ${title}`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('lets its reader choose the Prometheus', () => {
    expect(dashboard.templating?.list).toMatchObject([
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
    ]);
    const uids = [...json.matchAll(/"uid": "(.*)"/g)].map(([, uid]) => uid);
    expect([...new Set(uids)]).toEqual(['vod-upload', expect.stringMatching(/^\$\{datasource\}$/)]);
  });
});
