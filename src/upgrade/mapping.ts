/**
 * The words of BioTrakr v1 and what they are in v2: config/biotrakr-upgrade.yaml, or the operator's edited copy of it.
 * Guarantees that every word on the right exists in v2. Does not know which words a database holds: plan.ts asks it.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'
import { UserError } from '../ops/user-error.ts'
import { assetStatuses, deviceCategories } from '../register/words.ts'

const words = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.record(z.string().transform(wordKey), z.enum(values))

const mappingSchema = z.strictObject({
  categories: words(deviceCategories),
  statuses: words(assetStatuses),
  roles: words(['ADMIN', 'ENGINEER', 'TECHNICIAN', 'CLINICAL_STAFF', 'VIEWER']),
  taskStatuses: words([
    'PENDING',
    'ASSIGNED',
    'IN_PROGRESS',
    'AWAITING_PARTS',
    'ON_HOLD',
    'COMPLETED',
    'CANCELLED',
  ]),
  taskType: z.enum([
    'PREVENTIVE_MAINTENANCE',
    'CORRECTIVE_MAINTENANCE',
    'CALIBRATION',
    'INSPECTION',
    'EMERGENCY_REPAIR',
    'INSTALLATION',
    'DECOMMISSIONING',
  ]),
  usefulLifeYears: z.record(z.enum(deviceCategories), z.int().min(1).max(100)),
})

export type Mapping = z.infer<typeof mappingSchema>

/** Two spellings with one key are one word. The same rule as biotrakr_upgrade.word_key in sql/upgrade/10_workspace.sql. */
export function wordKey(word: string): string {
  return word
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/gu, '_')
}

const shippedFile = fileURLToPath(new URL('../../config/biotrakr-upgrade.yaml', import.meta.url))

/** The shipped mapping, with the sections of `file` in the place of its own. Errors: UserError (exit code 2). */
export function readMapping(file?: string): Mapping {
  const shipped = mappingSchema.parse(parse(readFileSync(shippedFile, 'utf8')))
  if (file === undefined) return shipped
  const parsed = mappingSchema.partial().safeParse(readYaml(file))
  if (!parsed.success)
    throw new UserError(
      `${file} is not a mapping for the upgrade:\n` +
        parsed.error.issues
          .map((issue) => `  - ${issue.path.join('.') || 'top'}: ${issue.message}`)
          .join('\n'),
      2,
    )
  const given = Object.fromEntries(Object.entries(parsed.data).filter(([, section]) => section !== undefined))
  return { ...shipped, ...given }
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'), { logLevel: 'error' }) ?? {}
  } catch (error) {
    throw new UserError(
      `The mapping file ${file} cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
      2,
      { cause: error },
    )
  }
}
