/** This machine's cameras, microphones and speakers, as the browser offers them. */

import { Problem, type Device, type DeviceKind } from './values';
import { deviceWords, type NoMedia } from './words';

const BROWSER_KIND: Readonly<Record<DeviceKind, MediaDeviceKind>> = { camera: 'videoinput', microphone: 'audioinput', speaker: 'audiooutput' };
const NUMBERED: Readonly<Record<DeviceKind, string>> = { camera: 'Camera', microphone: 'Microphone', speaker: 'Speaker' };

/** Why there is no camera and no microphone here, whatever the person allows; null where there may be. */
export function whyNoMedia(): NoMedia | null {
  if (!window.isSecureContext) return 'insecure';
  return typeof navigator.mediaDevices?.getUserMedia === 'function' ? null : 'unsupported';
}

/** Whether this browser can send sound to a speaker of the person's choice. */
export function choosesSpeaker(): boolean {
  return window.isSecureContext && 'setSinkId' in HTMLMediaElement.prototype;
}

/** The devices of one kind; none where the browser tells none. Labels are the browser's once permission was given. */
export async function listDevices(kind: DeviceKind): Promise<readonly Device[]> {
  if (whyNoMedia() || (kind === 'speaker' && !choosesSpeaker())) return [];
  const all = await navigator.mediaDevices.enumerateDevices();
  return all
    .filter((device) => device.kind === BROWSER_KIND[kind] && device.deviceId)
    .map((device, index) => ({ id: device.deviceId, label: device.label || `${NUMBERED[kind]} ${index + 1}` }));
}

/** Calls back whenever a device is plugged in or pulled; call what it returns to end that. */
export function watchDevices(changed: () => void): () => void {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  devices?.addEventListener('devicechange', changed);
  return () => devices?.removeEventListener('devicechange', changed);
}

function constraints(kind: 'camera' | 'microphone', id: string): MediaTrackConstraints {
  const device: MediaTrackConstraints = id ? { deviceId: { exact: id } } : {};
  return kind === 'camera'
    ? { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }
    : { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
}

/** The open camera or microphone; the caller stops the track. A remembered device that is gone gives way to the best there is. */
export async function openDevice(kind: 'camera' | 'microphone', id: string): Promise<MediaStreamTrack> {
  const wish = constraints(kind, id);
  try {
    const [track] = await capture(kind === 'camera' ? { video: wish } : { audio: wish });
    if (!track) throw new DOMException('no track', 'NotFoundError');
    return track;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : 'Error';
    if (id && (name === 'OverconstrainedError' || name === 'NotFoundError')) return openDevice(kind, '');
    throw new Problem(name === 'NotAllowedError' ? 'ERROR_DEVICE_DENIED' : 'ERROR_DEVICE_GONE', deviceWords(kind, name));
  }
}

/** Both opened with one question to the person; null where one cannot be had, and `openDevice` then says which and why. */
export async function openBoth(ids: { readonly camera: string; readonly microphone: string }): Promise<readonly MediaStreamTrack[] | null> {
  try {
    return await capture({ video: constraints('camera', ids.camera), audio: constraints('microphone', ids.microphone) });
  } catch {
    return null;
  }
}

async function capture(wish: MediaStreamConstraints): Promise<readonly MediaStreamTrack[]> {
  return (await navigator.mediaDevices.getUserMedia(wish)).getTracks();
}
