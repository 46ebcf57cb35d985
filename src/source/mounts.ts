import { readFileSync } from 'node:fs';

export interface Mount {
  /** The kernel's id; changes when the file system is mounted again. */
  readonly id: string;
  readonly point: string;
}

/** For all paths where there is no /proc (not Linux). */
const ROOT: Mount = { id: '0', point: '/' };

/** Mounts rarely change, and are only needed while operations hang. */
const MAX_AGE_MS = 1000;

let mounts: readonly Mount[] = [];
let readAt = Number.NEGATIVE_INFINITY;

/** The mount of a path, by its name only: does not access the file system, and does not resolve symbolic links. */
export function mountOf(path: string): Mount {
  if (performance.now() - readAt > MAX_AGE_MS) {
    mounts = readMounts();
    readAt = performance.now();
  }
  let innermost = ROOT;
  for (const mount of mounts) {
    const { point } = mount;
    const isInside = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of two mounts at one point, the later one hides the earlier.
    if (isInside && point.length >= innermost.point.length) innermost = mount;
  }
  return innermost;
}

function readMounts(): Mount[] {
  let text: string;
  try {
    text = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [id, , , , point] = line.split(' ');
    return id === undefined || point === undefined ? [] : [{ id, point: unescapeOctal(point) }];
  });
}

/** Spaces and some other characters are written as three octal digits. */
function unescapeOctal(point: string): string {
  return point.replace(/\\(\d{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}
