/** Client of the control endpoint of an emulator in another process. */
import { UploaderError } from '../../base/errors.ts';
import type { AllQuotaLimits, EmittedEvent, SessionChange } from './control.ts';
import type { Fault } from './fault-schema.ts';
import type { EmulatorStats } from './stats.ts';

export interface ControlClient {
  inject(fault: Fault): Promise<void>;
  clearFaults(): Promise<void>;
  openGate(name: string, count?: number): Promise<void>;
  stats(): Promise<EmulatorStats>;
  resetStats(): Promise<void>;
  setQuota(limits: AllQuotaLimits): Promise<void>;
  setSessions(change: SessionChange): Promise<void>;
  emit(event: EmittedEvent): Promise<void>;
}

/** Every function rejects with {@link UploaderError} `EMULATOR_CONTROL` when the endpoint answers with an error. */
export function controlClient(controlUrl: string): ControlClient {
  const base = controlUrl.replace(/\/$/, '');
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${base}${path}`, init);
    const answer = (await response.json()) as { message?: string };
    if (response.ok) return answer;
    throw new UploaderError('EMULATOR_CONTROL', `${method} ${path}: ${answer.message ?? response.status}`);
  };
  return {
    inject: async (fault) => void (await call('POST', '/faults', fault)),
    clearFaults: async () => void (await call('DELETE', '/faults')),
    openGate: async (name, count) => void (await call('POST', '/gates', { name, count })),
    stats: async () => (await call('GET', '/stats')) as EmulatorStats,
    resetStats: async () => void (await call('DELETE', '/stats')),
    setQuota: async (limits) => void (await call('PUT', '/quota', limits)),
    setSessions: async (change) => void (await call('PUT', '/sessions', change)),
    emit: async (event) => void (await call('POST', '/events', event)),
  };
}
