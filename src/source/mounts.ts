import { readFileSync } from 'node:fs';

export interface Mount {
  /** The kernel's; another one after the file system was mounted anew. */
  readonly id: string;
  readonly point: string;
}

/** Where there is no /proc (not Linux) all files are in one. */
const ROOT: Mount = { id: '0', point: '/' };

/** What is mounted changes rarely, and is asked for only while operations hang. */
const KEEP_MS = 1000;

let mounts: readonly Mount[] = [];
let readAt = Number.NEGATIVE_INFINITY;

/** The mount that a path is in, by its name alone: no file system is touched, and no symbolic link is followed. */
export function mountOf(path: string): Mount {
  if (performance.now() - readAt > KEEP_MS) {
    mounts = readMounts();
    readAt = performance.now();
  }
  let found = ROOT;
  for (const mount of mounts) {
    const { point } = mount;
    const isInside = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of two at one point the later one hides the other.
    if (isInside && point.length >= found.point.length) found = mount;
  }
  return found;
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
    if (id === undefined || point === undefined) return [];
    // Spaces and the like are written as three octal digits.
    const unescaped = point.replace(/\\(\d{3})/g, (_, digits) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    );
    return [{ id, point: unescaped }];
  });
}
