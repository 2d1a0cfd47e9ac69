/** The screen of a Python participant, on the same machine: a renderer serves it. */

import './style/page.css';
import './style/tokens.css';
import './style/parts.css';
import './style/prejoin.css';
import './style/call.css';
import { CallView } from './callview';
import { NoticeView, type NoticeOptions } from './notice';
import { ScreenCall } from './screen-call';
import { DEFAULTS } from './settings';
import { endingWords, sentence } from './words';

async function start(container: HTMLElement): Promise<void> {
  const notice = (title: string, text: string, ...actions: NoticeOptions['actions']): void => void new NoticeView(container, { title, text, actions });
  const again = { label: 'Look again', act: () => location.reload() };
  if (typeof VideoDecoder === 'undefined') return notice('This browser cannot show the call', 'It has no WebCodecs. Open this link in a newer browser: Chromium 94, Firefox 130 or Safari 26, or later.');
  const secret = location.hash.slice(1);
  // Whoever looks over a shoulder reads no secret; a reload has the cookie. A frame shows no address, and gets no cookie.
  const isFramed = window.top !== window;
  if (secret && !isFramed) {
    history.replaceState(history.state, '', location.pathname);
    const answer = await fetch('/enter', { method: 'POST', body: secret });
    if (!answer.ok) return notice('This link does not open the call', 'It may be of a call that is over. Ask the program that gave it for a new one.');
  }
  try {
    const call = await ScreenCall.open(`ws://${location.host}/call`, isFramed ? secret : '');
    const settings = { ...DEFAULTS, layout: call.layout, hidden: call.hidden };
    const chosen = { layout: call.setLayout.bind(call), panel: call.setPanel.bind(call), pin: call.pin.bind(call), read: call.read.bind(call) };
    const view = new CallView(container, call, { title: call.title, settings, chosen, hasDevices: false });
    document.title = `${call.title} · Jackfield`;
    view.follow(call.wish);
    call.listen((event) => {
      if (event.kind === 'changed') view.follow(call.wish);
      if (event.kind !== 'over') return;
      view.close();
      if (event.reason === 'network') return notice('The program does not answer', 'It may have ended, or this machine was asleep.', again);
      const { title, text } = endingWords(event.reason);
      notice(title, text);
    });
  } catch (error) {
    notice('The call does not answer', sentence(error), again);
  }
}

const container = document.getElementById('jackfield');
if (container) void start(container);
