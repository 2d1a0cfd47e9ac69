/** What the module's actions reject with. */

import { Problem } from './values';

export interface Failure {
  readonly errorCode: string;
  readonly errorDescription: string;
}

export class CallError extends Error implements Failure {
  constructor(
    readonly errorCode: string,
    readonly errorDescription: string,
  ) {
    super(errorDescription);
    this.name = 'CallError';
  }
}

export function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  if (error instanceof Problem) return new CallError(error.code, error.message);
  return new CallError('ERROR_INTERNAL', error instanceof Error ? error.message : String(error));
}
