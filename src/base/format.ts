const KIB = 1024;
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1 byte`, `532 bytes`, `1.0 KiB`, `24.0 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < KIB) return `${bytes} byte${bytes === 1 ? '' : 's'}`;
  const exponent = Math.min(UNITS.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / KIB ** exponent).toFixed(1)} ${UNITS[exponent - 1]}`;
}

/** `10.8 of 24.0 MiB`: both in the unit of `whole`. */
export function formatBytesOf(part: number, whole: number): string {
  if (whole < KIB) return `${part} of ${formatBytes(whole)}`;
  const exponent = Math.min(UNITS.length, Math.floor(Math.log2(whole) / 10));
  return `${(part / KIB ** exponent).toFixed(1)} of ${formatBytes(whole)}`;
}

/** `0.35 s`, `4.2 s`, `42 s`; from one minute `3:07`, `1:03:07`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return seconds < 59.5 ? `${Math.round(seconds)} s` : formatClock(ms);
}

/** `45 s`, `12 min`, `3 h 2 min`; from 48 h in days and hours: `5 d 4 h`. */
export function formatSpan(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `0:07`, `3:07`, `1:03:07`. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** `2026-05-01 12:30:00`, in the local time zone. */
export function formatTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
