/** The screen of a Python participant, on the same machine: a renderer serves it. */

import './style/page.css';
import './style/tokens.css';
import './style/parts.css';
import './style/prejoin.css';
import './style/call.css';
import { CallView } from './callview';
import { NoticeView } from './notice';
import { ScreenCall } from './screen-call';
import { DEFAULTS } from './settings';
import { endingWords, sentence } from './words';

async function start(container: HTMLElement): Promise<void> {
  const notice = (title: string, text: string): void => void new NoticeView(container, { title, text, actions: [] });
  if (typeof VideoDecoder === 'undefined') return notice('This browser cannot show the call', 'It has no WebCodecs. Open this link in a newer browser: Chromium 94, Firefox 130 or Safari 26, or later.');
  const secret = location.hash.slice(1);
  if (secret) {
    // Whoever looks over a shoulder reads no secret; a reload has the cookie.
    history.replaceState(history.state, '', location.pathname);
    const answer = await fetch('/enter', { method: 'POST', body: secret });
    if (!answer.ok) return notice('This link does not open the call', 'It may be of a call that is over. Ask the program that gave it for a new one.');
  }
  try {
    const call = await ScreenCall.open(`ws://${location.host}/call`);
    const settings = { ...DEFAULTS, layout: call.layout, hidden: call.hidden };
    const chosen = { layout: call.setLayout.bind(call), panel: call.setPanel.bind(call) };
    const view = new CallView(container, call, { title: call.title, settings, chosen, hasDevices: false });
    document.title = `${call.title} · Jackfield`;
    call.listen((event) => {
      if (event.kind !== 'over') return;
      view.close();
      const { title, text } = endingWords(event.reason);
      notice(title, text);
    });
  } catch (error) {
    notice('The call does not answer', sentence(error));
  }
}

const container = document.getElementById('jackfield');
if (container) void start(container);
