/** What the page's address says: which session, and with which invite. */

/** The session named by a path such as `/join/stand-up`; empty where there is none. */
export function sessionIn(path: string): string {
  const start = path.indexOf('/join/');
  if (start < 0) return '';
  const written = path.slice(start + '/join/'.length).replace(/\/$/, '');
  try {
    return decodeURIComponent(written).trim();
  } catch {
    return written.trim();
  }
}

/** The invite in a fragment such as `#invite=…`; empty where there is none. */
export function inviteIn(fragment: string): string {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('invite')?.trim() ?? '';
}

/** Where somebody wants to go who wrote a session's name, or a link to one, on this server or another; null: nowhere. */
export function placeOf(written: string, origin: string): string | null {
  const wanted = written.trim();
  if (!wanted) return null;
  if (!/^https?:\/\//i.test(wanted)) return /^\.{1,2}$/.test(wanted) ? null : `${origin}/join/${encodeURIComponent(wanted)}`;
  const link = URL.canParse(wanted) ? new URL(wanted) : null;
  return link && sessionIn(link.pathname) ? link.href : null;
}
