#!/usr/bin/env node
// Known holes in what we ship: `npm audit` on the production dependencies of package-lock.json. Fails on those that are rated high or
// critical; says so and passes when the registry cannot be asked, because a build must not depend on a stranger's server.
import { spawnSync } from 'node:child_process'

const timeoutMs = 60_000
const grave = new Set(['high', 'critical'])

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
  timeout: timeoutMs,
  maxBuffer: 64 * 1024 * 1024,
})
const report = parse(stdout)
if (report?.vulnerabilities === undefined) {
  const why = report?.message ?? error?.message ?? 'no answer'
  console.log(
    `The registry could not be asked for advisories (${String(why).slice(0, 200)}); nothing was looked at.`,
  )
} else {
  const all = Object.values(report.vulnerabilities)
  const found = all.filter(({ severity }) => grave.has(severity))
  for (const { name, severity, range, via, fixAvailable } of found) {
    const advisories = via
      .filter((item) => typeof item === 'object')
      .map(({ title, url }) => `${title} ${url}`)
    const remedy = fixAvailable ? 'npm has a version without it' : 'there is no version without it yet'
    console.log(`${severity}: ${name} ${range}; ${remedy}. ${advisories.join('; ')}`)
  }
  console.log(
    `${all.length} known holes in production dependencies, ${found.length} of them high or critical.`,
  )
  if (found.length > 0) process.exitCode = 1
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
