import { expect, test, vi } from 'vitest';
import { Drawer, Memory } from '../src/memory';
import { loudness } from '../src/meter';
import { Service } from '../src/service';
import { Problem } from '../src/values';
import { inviteWords, sentence } from '../src/words';

interface Asked {
  readonly url: string;
  readonly body: unknown;
  readonly bearer: string | null;
}

/** A service whose server gives this answer, and what it was asked. */
function answering(status: number, answer: unknown): { service: Service; asked: Asked[] } {
  const asked: Asked[] = [];
  const send = (url: RequestInfo | URL, request: RequestInit = {}): Promise<Response> => {
    asked.push({ url: String(url), body: JSON.parse(String(request.body)), bearer: new Headers(request.headers).get('Authorization') });
    return Promise.resolve(new Response(typeof answer === 'string' ? answer : JSON.stringify(answer), { status }));
  };
  return { service: new Service('https://calls.example', send), asked };
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(() => null, (raised: unknown) => raised);
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

test('an invite goes in the body, and no header goes with it', async () => {
  const { service, asked } = answering(200, { token: 't', session_id: 's', uid: 'guest-1', role: 'participant' });
  expect(await service.callToken('s', { invite: 'i' }, 'Ada')).toMatchObject({ token: 't', uid: 'guest-1', role: 'participant' });
  expect(asked).toEqual([{ url: 'https://calls.example/api/token', body: { session_id: 's', name: 'Ada', invite: 'i' }, bearer: null }]);
});

test('a log-in goes in the header', async () => {
  const { service, asked } = answering(200, { token: 't' });
  await service.callToken('s', { authToken: 'secret' }, 'Ada');
  expect(asked[0]).toMatchObject({ body: { session_id: 's', name: 'Ada' }, bearer: 'Bearer secret' });
});

test('a refusal keeps the code, the reason and the sentence of the server', async () => {
  const { service } = answering(401, { code: 'ERROR_CALL_TOKEN', message: 'the invite has expired; get a new one', details: { reason: 'expired' } });
  const problem = await problemOf(service.callToken('s', { invite: 'i' }, 'Ada'));
  expect([problem.code, problem.reason, problem.message]).toEqual(['ERROR_CALL_TOKEN', 'expired', 'The invite has expired; get a new one.']);
  expect(inviteWords(problem.reason, problem.message).title).toBe('This invite has expired');
});

test.each([
  [502, 'Bad gateway', 'ERROR_NETWORK'],
  [500, '<html>', 'ERROR_RESPONSE'],
  [200, 'not json', 'ERROR_RESPONSE'],
  [200, { no: 'token' }, 'ERROR_RESPONSE'],
])('HTTP %i with %j is %s', async (status, answer, code) => {
  const problem = await problemOf(answering(status, answer).service.callToken('s', { invite: 'i' }, 'Ada'));
  expect(problem.code).toBe(code);
  expect(problem.message).toMatch(/\.$/);
});

test('a server that is not there is said to be so', async () => {
  const service = new Service('https://calls.example', () => Promise.reject(new TypeError('Failed to fetch')));
  const problem = await problemOf(service.logIn('ada', 'key'));
  expect(problem.code).toBe('ERROR_NETWORK');
  expect(sentence(problem)).toContain('cannot be reached');
});

test('an answer is waited for as long as a recorder may take to begin, and a little more', async () => {
  const limits = vi.spyOn(AbortSignal, 'timeout');
  const { service } = answering(200, { state: 'recording' });
  await service.record('start', 'token');
  expect(limits).toHaveBeenCalledExactlyOnceWith(25_000);
  limits.mockRestore();
});

test('media goes to the same place', () => {
  expect(new Service('https://calls.example').mediaUrl).toBe('wss://calls.example');
  expect(new Service('http://127.0.0.1:7880').mediaUrl).toBe('ws://127.0.0.1:7880');
});

test('a browser that keeps its storage shut forgets, and raises nothing', () => {
  const shut = new Drawer(() => {
    throw new DOMException('denied', 'SecurityError');
  });
  const memory = new Memory(shut, shut);
  memory.name = 'Ada';
  memory.keepInvite('s', 'i');
  memory.logIn = { authToken: 't', uid: 'ada', name: 'Ada' };
  expect([memory.name, memory.invite('s'), memory.logIn]).toEqual(['', '', null]);
});

test('loudness is nothing at silence and all at full scale', () => {
  expect(loudness(new Float32Array(512))).toBe(0);
  expect(loudness(new Float32Array(512).fill(1))).toBe(1);
  expect(loudness(new Float32Array(512).fill(0.1))).toBeCloseTo(2 / 3, 2);
});
