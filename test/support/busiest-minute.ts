/**
 * The most requests of any sliding minute; one that is exactly a minute older than another no longer counts.
 * @param times in ms, ascending
 */
export function busiestMinute(times: readonly number[], minuteMs = 60_000): number {
  let first = 0;
  let most = 0;
  for (const [index, time] of times.entries()) {
    while ((times[first] ?? time) <= time - minuteMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
