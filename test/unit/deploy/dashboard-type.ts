import type { Dashboard, FieldConfig, GraphFieldConfig, GridPos, Panel, RowPanel } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TextOptions } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/*
 * Grafana's own types of a dashboard, closed where Grafana leaves them open (options, custom fields, queries), for the
 * kinds of panels that ours has.
 */

/** As JSON has it: a string where TypeScript has an enum of strings. */
type Plain<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : T extends object
      ? { [Key in keyof T]: Plain<T[Key]> }
      : T;

interface Query {
  readonly refId: string;
  readonly datasource: { readonly type: 'prometheus'; readonly uid: '${datasource}' };
  readonly expr: string;
  readonly legendFormat: string;
  readonly instant?: true;
  readonly range?: true;
}

/** What every panel of ours must have. */
interface Described {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: Plain<GridPos>;
}

type PanelBase = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource' | keyof Described>;

interface QueryPanel<Type extends string, Options, Custom> extends Plain<PanelBase>, Described {
  readonly type: Type;
  readonly options: Plain<Options>;
  readonly datasource: Query['datasource'];
  readonly fieldConfig: {
    readonly defaults: Plain<Omit<FieldConfig, 'custom'>> & { readonly unit: string } & Custom;
    readonly overrides: readonly never[];
  };
  readonly targets: readonly Query[];
}

type StatPanel = QueryPanel<'stat', StatOptions, unknown>;
type TimeSeriesPanel = QueryPanel<
  'timeseries',
  TimeSeriesOptions,
  { readonly custom: Plain<GraphFieldConfig> }
>;

interface TextPanel extends Plain<PanelBase>, Described {
  readonly type: 'text';
  readonly options: Plain<TextOptions>;
}

type Row = Plain<Omit<RowPanel, 'panels'>> & { readonly panels: readonly never[]; readonly gridPos: GridPos };

/** Not `id`s of a Grafana that it came from. */
export interface VodDashboard extends Plain<Omit<Dashboard, 'panels' | 'id'>> {
  readonly id: null;
  readonly uid: string;
  readonly panels: readonly (StatPanel | TimeSeriesPanel | TextPanel | Row)[];
}
