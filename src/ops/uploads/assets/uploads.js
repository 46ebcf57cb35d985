/*
 * Updates an open page: the server sends the new fragment, and this changes only the elements that differ, so that focus,
 * scroll position and selection are kept. Without this script everything else works.
 */

/** Screen readers announce changes at most this often. */
const ANNOUNCE_MS = 10_000;
/** Delay before reconnecting after a refusal; the browser itself reconnects after an error. */
const RETRY_MS = 20_000;

const connection = document.getElementById('connection');
const announcer = document.getElementById('announcer');
const live = document.getElementById('live');

localize(document);
if (live !== null) follow(live);

/** Shows times in the reader's own time zone. */
function localize(root) {
  const two = (value) => String(value).padStart(2, '0');
  for (const element of root.querySelectorAll('time')) {
    const time = new Date(element.dateTime);
    const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
    element.textContent = `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
  }
  for (const element of root.querySelectorAll('.zone')) {
    element.textContent = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

/** Receives updates while the page is visible. */
function follow(element) {
  let source;
  let timer;
  const open = () => {
    clearTimeout(timer);
    if (document.hidden || source !== undefined) return;
    source = new EventSource(element.dataset.live);
    source.addEventListener('update', ({ data }) => {
      showProblem('');
      update(element, data);
    });
    source.addEventListener('trouble', ({ data }) => showProblem(data));
    source.addEventListener('refused', ({ data }) => {
      showProblem(data);
      reconnectLater();
    });
    source.addEventListener('error', () => {
      showProblem('Not connected: this page is not updated. Reconnecting.');
      if (source.readyState === EventSource.CLOSED) reconnectLater();
    });
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const reconnectLater = () => {
    close();
    timer = setTimeout(open, RETRY_MS);
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
}

/** Shows why the page may be out of date; an empty text hides it. */
function showProblem(text) {
  connection.hidden = text === '';
  if (connection.textContent !== text) connection.textContent = text;
}

function update(element, markup) {
  const template = document.createElement('template');
  template.innerHTML = markup;
  localize(template.content);
  const focused = document.activeElement;
  const place = focused?.closest('#live [id]')?.id;
  morphChildren(element, template.content);
  if (focused?.isConnected === true) focused.focus({ preventScroll: true });
  else if (place !== undefined) {
    // The focused button is gone: focus something near it.
    const near =
      document.getElementById(place)?.querySelector('a, button') ?? document.getElementById('main');
    near.focus({ preventScroll: true });
  }
  announce();
}

let announcedAt = performance.now();
let announcing;

/** Announces important changes, and not every byte. */
function announce() {
  if (announcing !== undefined) return;
  const waitMs = Math.max(0, announcedAt + ANNOUNCE_MS - performance.now());
  announcing = setTimeout(() => {
    announcing = undefined;
    const news = document.getElementById('news')?.textContent ?? '';
    if (announcer.textContent === news) return;
    announcer.textContent = news;
    announcedAt = performance.now();
  }, waitMs);
}

/** Makes an element equal to another. */
function morph(old, wanted) {
  for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morphChildren(old, wanted);
}

/** Children with an id are matched by id and moved; others are matched by position. */
function morphChildren(old, wanted) {
  const ids = new Set([...wanted.children].map(({ id }) => id));
  const known = new Map();
  for (const child of [...old.children]) {
    if (child.id === '') continue;
    if (ids.has(child.id)) known.set(child.id, child);
    else child.remove();
  }
  let next = old.firstChild;
  for (const child of [...wanted.childNodes]) {
    const same = child.id ? known.get(child.id) : alike(next, child) ? next : undefined;
    if (same === undefined) {
      old.insertBefore(child, next);
      continue;
    }
    if (same === next) next = next.nextSibling;
    else old.insertBefore(same, next);
    if (same.isEqualNode(child)) continue;
    if (child.nodeType === Node.ELEMENT_NODE) morph(same, child);
    else same.data = child.data;
  }
  while (next !== null) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function alike(node, other) {
  return node !== null && !node.id && node.nodeName === other.nodeName;
}
