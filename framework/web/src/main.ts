/** The page at /join/SESSION. The only module that knows the window's address, title and storage. */

import './style/page.css';
import './style/tokens.css';
import './style/parts.css';
import './style/prejoin.css';
import './style/call.css';
import { inviteIn, sessionIn } from './address';
import { joinLiveKit } from './livekit';
import { Drawer, Memory } from './memory';
import { JoinPage } from './page';
import { Service } from './service';
import { EVERYTHING } from './settings';

function start(container: HTMLElement): void {
  const sessionId = sessionIn(location.pathname);
  const memory = new Memory(new Drawer(() => sessionStorage), new Drawer(() => localStorage));
  const invite = inviteIn(location.hash);
  if (invite) memory.keepInvite(sessionId, invite);
  // Whoever looks over a shoulder or at a shared screen reads no invite; a reload finds it in the tab's storage.
  if (location.hash) history.replaceState(history.state, '', location.pathname + location.search);
  const service = new Service(location.origin);
  const codec = new URLSearchParams(location.search).get('codec');
  const videoCodec = codec === 'h264' ? 'h264' : 'vp8';
  const page = new JoinPage({
    container,
    sessionId,
    service,
    memory,
    join: ({ token, role }, media) =>
      joinLiveKit({
        url: service.mediaUrl,
        token,
        media,
        videoCodec,
        origin: service.origin,
        isModerator: role === 'moderator',
        ...(role === 'moderator' ? { record: (action) => service.record(action, token) } : {}),
        idle: { beforeS: EVERYTHING.idleBeforeS, afterS: EVERYTHING.idleAfterS },
      }),
    titled: (title) => {
      document.title = title;
    },
  });
  page.start();
  // A link with another invite, followed in a tab that shows this page, comes as a change of the fragment alone.
  window.addEventListener('hashchange', () => location.reload());
}

const container = document.getElementById('jackfield');
if (container) start(container);
