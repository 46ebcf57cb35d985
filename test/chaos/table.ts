import type { ChaosReport } from './chaos.ts';

/** Formats the report as text. */
export function formatReport(report: ChaosReport): string {
  const { troubles, requestsHit, uploads, parts, requests } = report;
  const rows = Object.entries(troubles)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { times, longestRecoveryMs }]) => [name, `${times}`, seconds(longestRecoveryMs)]);
  const total = Object.values(troubles).reduce((sum, { times }) => sum + times, 0);
  const hit = Object.values(requestsHit).reduce((sum, times) => sum + times, 0) - (requestsHit.latency ?? 0);
  const facts: readonly [string, string][] = [
    [
      'uploads',
      `${uploads.added}: ${uploads.completed} completed, ${uploads.instant} instant, ${uploads.failed} failed as injected (completed by a retry)`,
    ],
    ['adds repeated after Redis errors', `${uploads.addedAgain}`],
    [
      'notifications',
      `${report.notifications.webhooks} webhooks accepted, ${report.notifications.events} events`,
    ],
    ['videos stored', `${report.videos}`],
    [
      'requests',
      `${requests.init} to begin, ${requests.part} with parts, ${requests.finish} to finish; ${hit} hit by VOD faults`,
    ],
    [
      'parts',
      `${parts.accepted} accepted (${Math.round(parts.bytes / 1e6)} MB), ${parts.sentTwice} of them sent twice`,
    ],
    ['longest recovery', seconds(report.longestRecoveryMs)],
    ['from the last trouble to the last ended upload', seconds(report.settledMs)],
    ['duration', seconds(report.durationMs)],
    ['seed', `${report.seed}`],
  ];
  return [
    ...columns([['trouble', 'times', 'longest recovery'], ...rows, ['all', `${total}`, '']]),
    '',
    ...facts.map(([name, value]) => `${name}: ${value}`),
    '',
    report.findings.length === 0
      ? 'passed: nothing lost, duplicated or left over'
      : `${report.findings.length} findings:`,
    ...report.findings.map((finding) => `  - ${finding}`),
    '',
  ].join('\n');
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(2)} s`;
}
