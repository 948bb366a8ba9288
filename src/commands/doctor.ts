/**
 * `rtls-ingest doctor`: connects as the service would and says what will hurt, each line with its remedy.
 * Exit code 1 when anything is red; the report goes to standard output all the same.
 */
import { type ConfigSources, loadConfig } from '../config.ts'
import { examine, groups } from '../doctor/doctor.ts'
import type { Finding, Status } from '../doctor/finding.ts'
import { UserError } from '../ops/user-error.ts'
import { version } from '../ops/version.ts'

export interface DoctorFlags {
  readonly json?: boolean
  /** Seconds a check may take. */
  readonly timeout: number
}

const marks: Readonly<Record<Status, string>> = { ok: 'ok', warn: 'warn', fail: 'FAIL', skip: '-' }

export async function doctorCommand(sources: ConfigSources, flags: DoctorFlags): Promise<void> {
  const findings = await examine(loadConfig(sources), flags.timeout * 1000)
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length
  const counts = { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') }
  const status = counts.fail > 0 ? 'fail' : counts.warn > 0 ? 'warn' : 'ok'
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ version, at: new Date().toISOString(), status, counts, findings }, null, 2)}\n`
      : `${report(findings).join('\n')}\n\n${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} FAILED, ${counts.skip} not looked at\n`,
  )
  if (counts.fail > 0)
    throw new UserError(`doctor: ${counts.fail} of ${findings.length} checks failed, see above`)
}

function report(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines: string[] = []
  for (const group of groups) {
    let last = ''
    if (lines.length > 0) lines.push('')
    lines.push(group)
    for (const { check, status, says, remedy } of findings.filter((finding) => finding.group === group)) {
      lines.push(`  ${marks[status].padEnd(4)}  ${(check === last ? '' : check).padEnd(width)}  ${says}`)
      if (remedy !== undefined) lines.push(`        ${''.padEnd(width)}  → ${remedy}`)
      last = check
    }
  }
  return lines
}
