import type { Logger } from '../src/process/log.ts';
import type { PauseControl } from '../src/queue/pause-control.ts';
import type { RootWatch } from '../src/source/root-watch.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';

/**
 * Pauses the workers that read files while all source roots are gone: they would only fail to find files that other
 * workers can read.
 */
export async function pauseReadersWithoutRoots(
  roots: RootWatch,
  {
    readers,
    metrics,
    log,
  }: { readonly readers: readonly PauseControl[]; metrics: WorkerMetrics; log: Logger },
): Promise<void> {
  await roots.start((root, isGone) => {
    metrics.sourceRootsGone.set(roots.gone.length);
    const left = roots.roots.length - roots.gone.length;
    if (isGone) log.error({ root, left }, 'source root is gone; its files are left to other workers');
    else log.warn({ root, left }, 'source root is back');
    for (const reader of readers) {
      if (left === 0) reader.pause(roots);
      else reader.resume(roots);
    }
  });
}
