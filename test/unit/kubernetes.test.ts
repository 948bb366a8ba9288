// config/kubernetes holds together: with the schemas of Kubernetes, with the program, with its image and with the alert rules.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { Job } from 'kubernetes-models/batch/v1/Job'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { Service } from 'kubernetes-models/v1/Service'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { environmentKeys, secretEnvironment } from '../../src/config-schema.ts'
import { loadConfig } from '../../src/config.ts'
import { statusPaths } from '../../src/http/status-routes.ts'

const root = path.resolve(import.meta.dirname, '../..')
const folder = path.join(root, 'config/kubernetes')
const read = (file: string): string => readFileSync(path.join(folder, file), 'utf8')

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
}

interface Kustomization {
  readonly resources: readonly string[]
  readonly images: readonly { readonly name: string; readonly newTag: string }[]
  readonly configMapGenerator: readonly { readonly name: string; readonly files: readonly string[] }[]
}

const models = { StatefulSet, Job, NetworkPolicy, PodDisruptionBudget, Namespace, Service } as const
type Kind = keyof typeof models
const kustomization = parse(read('base/kustomization.yaml')) as Kustomization
const manifests = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(`base/${file}`), { merge: true }).map((document) => document.toJS() as Manifest),
)
const only = <Name extends Kind>(kind: Name): InstanceType<(typeof models)[Name]> => {
  const [found, ...others] = manifests.filter((manifest) => manifest.kind === kind)
  if (found === undefined || others.length > 0) throw new Error(`there is not one ${kind}`)
  return found as unknown as InstanceType<(typeof models)[Name]>
}
const stateful = only('StatefulSet').spec
const pod = stateful?.template.spec
const container = pod?.containers[0]
const job = only('Job').spec?.template.spec

/** The keys that nobody looked at while `look` was looking: with a schema, those it does not know. */
function unreadKeys<T extends object>(value: T, look: (watched: T) => void): string[] {
  const left = new Map<string, Set<string>>()
  const watch = <U extends object>(object: U, at: string): U => {
    const unread = new Set(Object.keys(object))
    left.set(at, unread)
    const below = new Map<PropertyKey, object>()
    return new Proxy(object, {
      get(target, key) {
        if (typeof key === 'string') unread.delete(key)
        const found: unknown = Reflect.get(target, key)
        if (typeof found !== 'object' || found === null) return found
        const known = below.get(key) ?? watch(found, `${at}.${String(key)}`)
        below.set(key, known)
        return known
      },
    })
  }
  look(watch(value, ''))
  return [...left].flatMap(([at, keys]) => [...keys].map((key) => `${at}.${key}`))
}

describe('the manifests', () => {
  it('are all of the folder, and of kinds that are validated', () => {
    const files = readdirSync(path.join(folder, 'base')).filter((name) => name !== 'kustomization.yaml')
    expect(files.toSorted()).toEqual(
      [
        ...kustomization.resources,
        ...kustomization.configMapGenerator.flatMap((map) => map.files),
      ].toSorted(),
    )
    expect(manifests.map(({ kind }) => kind)).toEqual([
      'Namespace',
      'Job',
      'StatefulSet',
      'Service',
      'Service',
      'PodDisruptionBudget',
      'NetworkPolicy',
    ])
  })

  it.each(manifests.map((manifest) => [manifest.kind, manifest.metadata.name, manifest] as const))(
    'are valid by the schema of Kubernetes, which knows every key: %s %s',
    (kind, _name, manifest) => {
      const model = new models[kind as Kind](manifest)
      expect(unreadKeys(model, (watched) => watched.validate())).toEqual([])
    },
  )

  it('are not valid with a key or a value that Kubernetes does not know', () => {
    const wrong = structuredClone(only('StatefulSet')) as unknown as { spec: Record<string, unknown> }
    wrong.spec['replicass'] = 3
    const misspelt = new StatefulSet(wrong as never)
    expect(unreadKeys(misspelt, (watched) => watched.validate())).toEqual(['.spec.replicass'])
    wrong.spec['replicas'] = 'two'
    expect(() => new StatefulSet(wrong as never).validate()).toThrow(/replicas must be integer/u)
  })

  it('select what they are for', () => {
    const own = { 'app.kubernetes.io/name': 'rtls-ingest', 'app.kubernetes.io/component': 'ingest' }
    expect(stateful?.template.metadata?.labels).toEqual(own)
    const selectors: unknown[] = [
      stateful?.selector.matchLabels,
      only('PodDisruptionBudget').spec?.selector?.matchLabels,
    ]
    for (const { kind, ...service } of manifests)
      if (kind === 'Service') selectors.push((service as unknown as Service).spec?.selector)
    for (const spread of pod?.topologySpreadConstraints ?? [])
      selectors.push(spread.labelSelector?.matchLabels)
    expect(selectors).toHaveLength(6)
    for (const selector of selectors) expect(selector).toEqual(own)
    expect(
      manifests.find(({ kind, metadata: { name } }) => kind === 'Service' && name === stateful?.serviceName),
    ).toBeDefined()
  })
})

describe('the program in them', () => {
  const config = path.join(folder, 'base/rtls-ingest.yaml')
  const environmentOf = (given: { env?: { name: string; value?: string }[] } | undefined) =>
    (given?.env ?? []).map(({ name, value }) => ({ name, value }))

  it('gets a configuration that it accepts, for replicas of one subscription, each with a name of its own', () => {
    const checked = loadConfig({ file: config, environment: { MQTT_CLIENT_ID: 'rtls-ingest-0' } })
    expect(checked.mqtt.shareGroup).not.toBeNull()
    expect(checked.http.host).toBe('0.0.0.0')
    expect(checked.database.migrate).toBe(false)
    expect(
      container?.env?.find(({ name }) => name === 'MQTT_CLIENT_ID')?.valueFrom?.fieldRef?.fieldPath,
    ).toBe('metadata.name')
    expect(container?.args).toEqual(['run', '--config', '/etc/rtls-ingest/rtls-ingest.yaml'])
    expect(kustomization.configMapGenerator).toEqual([{ name: 'rtls-ingest', files: ['rtls-ingest.yaml'] }])
  })

  it('holds no secret: each is a file, by a variable that the program knows, in a folder that is mounted', () => {
    const text = read('base/rtls-ingest.yaml')
    expect(text).not.toMatch(/^\s*(?:password|token|writeToken):/mu)
    const files = [container, job?.containers[0]].flatMap((given) =>
      environmentOf(given)
        .filter(({ name }) => name !== 'MQTT_CLIENT_ID')
        .map(({ name, value = '' }) => ({ name, value, mounts: given?.volumeMounts ?? [] })),
    )
    expect(files).toHaveLength(3)
    for (const { name, value, mounts } of files) {
      expect(secretEnvironment.map((secret) => `${secret}_FILE`)).toContain(name)
      expect(mounts.map(({ mountPath }) => mountPath)).toContain(path.posix.dirname(value))
    }
    expect(Object.keys(environmentKeys)).toContain('MQTT_CLIENT_ID')
  })

  it('is asked at the port and the paths that it has', () => {
    const checked = loadConfig({ file: config, environment: {} })
    expect(container?.ports).toEqual([{ name: 'http', containerPort: checked.http.port }])
    for (const [probe, at] of [
      [container?.livenessProbe, '/livez'],
      [container?.startupProbe, '/livez'],
      [container?.readinessProbe, '/readyz'],
    ] as const) {
      expect(probe?.httpGet).toEqual({ path: at, port: 'http' })
      expect(statusPaths).toContain(at)
    }
    const services = manifests.filter(({ kind }) => kind === 'Service') as unknown as Service[]
    const served = [{ name: 'http', port: checked.http.port, targetPort: 'http' }]
    expect(services.map(({ spec }) => spec?.ports)).toEqual([served, served])
  })

  it('has longer to stop than it takes, and a volume for its spool that is larger than the spool', () => {
    const { shutdown, spool, ack } = loadConfig({ file: config, environment: {} })
    expect((pod?.terminationGracePeriodSeconds ?? 0) * 1000).toBeGreaterThan(shutdown.deadlineMs)
    expect(ack.mode).toBe('spool')
    const claim = stateful?.volumeClaimTemplates?.[0]
    const mount =
      container?.volumeMounts?.find(({ name }) => name === claim?.metadata?.name)?.mountPath ?? 'none'
    expect(spool.dir.startsWith(`${mount}/`)).toBe(true)
    const gibibytes = Number(/^(\d+)Gi$/u.exec(String(claim?.spec?.resources?.requests?.['storage']))?.[1])
    expect(gibibytes * 2 ** 30).toBeGreaterThanOrEqual(spool.maxBytes * 1.5)
  })

  it('runs without rights, as the namespace asks for', () => {
    const user = /^USER (\w+)$/mu.exec(readFileSync(path.join(root, 'Dockerfile'), 'utf8'))?.[1]
    // The official image of Node gives its user "node" the number 1000.
    expect(user).toBe('node')
    for (const spec of [pod, job]) {
      expect(spec?.automountServiceAccountToken).toBe(false)
      expect(spec?.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      for (const each of spec?.containers ?? [])
        expect(each.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
    }
    expect(only('Namespace').metadata?.labels).toEqual({ 'pod-security.kubernetes.io/enforce': 'restricted' })
  })

  it('is the image of this version, in the replicas as in the job', () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(kustomization.images).toEqual([{ name: 'rtls-ingest', newTag: version }])
    expect([container?.image, job?.containers[0]?.image]).toEqual(['rtls-ingest', 'rtls-ingest'])
  })
})

describe('monitoring', () => {
  const monitor = parse(read('monitoring/service-monitor.yaml')) as {
    spec: {
      selector: { matchLabels: Record<string, string> }
      endpoints: { port: string; path: string }[]
    }
  }

  it('scrapes each replica through the service that knows those that are not ready, under the name the rules expect', () => {
    expect(monitor.spec.endpoints).toEqual([{ port: 'http', path: '/metrics', interval: '15s' }])
    const { 'app.kubernetes.io/name': name, ...labels } = monitor.spec.selector.matchLabels
    expect(name).toBe('rtls-ingest')
    const found = manifests.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
    )
    expect(found.map(({ metadata }) => metadata.name)).toEqual(['rtls-ingest'])
    expect((found[0] as unknown as Service).spec?.publishNotReadyAddresses).toBe(true)
    expect(readFileSync(path.join(root, 'config/prometheus/alerts.yml'), 'utf8')).toContain(
      'up{job="rtls-ingest"}',
    )
  })

  it('gets the alert rules by the command in the documentation', () => {
    const guide = readFileSync(path.join(root, 'docs/deployment/kubernetes.md'), 'utf8')
    const command = /^\{ printf .*\} \| kubectl apply --namespace rtls --filename -$/mu.exec(guide)?.[0] ?? ''
    const bin = mkdtempSync(path.join(tmpdir(), 'rtls-kubectl-'))
    onTestFinished(() => rmSync(bin, { recursive: true, force: true }))
    writeFileSync(path.join(bin, 'kubectl'), '#!/bin/sh\nexec cat\n', { mode: 0o755 })
    const applied = execFileSync('sh', ['-c', command], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    })
    const { groups } = parse(readFileSync(path.join(root, 'config/prometheus/alerts.yml'), 'utf8')) as {
      groups: unknown
    }
    expect(parse(applied)).toEqual({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: 'rtls-ingest' },
      spec: { groups },
    })
  })
})
