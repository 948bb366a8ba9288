/**
 * The note beside a backup: what it is, its checksum, and how many rows of what content were in the database at that moment.
 * A backup without its manifest can be restored, but nothing proves that it is whole.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { UserError } from '../ops/user-error.ts'

const manifestSchema = z.object({
  /** dump: a file of pg_dump -Fc. directory: a copy of the embedded database's data directory. */
  kind: z.enum(['dump', 'directory']),
  file: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  database: z.string(),
  postgres: z.string(),
  timescaledb: z.string().nullable(),
  pgDump: z.string().nullable(),
  createdAt: z.string(),
  fingerprint: z.record(z.string(), z.object({ rows: z.number(), checksum: z.string() })),
})
export type Manifest = z.infer<typeof manifestSchema>

const manifestPath = (file: string): string => `${file}.manifest.json`

/** Durable when it returns. */
export async function writeManifest(manifest: Manifest): Promise<void> {
  const file = manifestPath(manifest.file)
  const handle = await open(`${file}.partial`, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.partial`, file)
}

/** Errors: UserError. */
export async function readManifest(backup: string): Promise<Manifest> {
  const file = manifestPath(backup)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new UserError(
      `${file} cannot be read: the manifest that \`upgrade apply\` wrote beside the backup is needed to prove that it is whole.`,
      1,
      { cause: error },
    )
  }
  const parsed = manifestSchema.safeParse(parseJson(text))
  if (!parsed.success) throw new UserError(`${file} is not the manifest of a backup.`)
  return { ...parsed.data, file: backup }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Of a file, or of a directory: then of the paths and contents of all files in it. */
export async function checksumOf(
  target: string,
  kind: Manifest['kind'],
): Promise<{ sha256: string; bytes: number }> {
  if (kind === 'dump') return checksumOfFile(target)
  const hash = createHash('sha256')
  let bytes = 0
  const entries = await readdir(target, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(target, path.join(entry.parentPath, entry.name)))
  for (const file of files.toSorted()) {
    const content = await checksumOfFile(path.join(target, file))
    bytes += content.bytes
    hash.update(`${file}\0${content.bytes}\0${content.sha256}\n`)
  }
  return { sha256: hash.digest('hex'), bytes }
}

async function checksumOfFile(file: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { sha256: hash.digest('hex'), bytes }
}

/** Is the backup still what was written? Errors: UserError. */
export async function requireIntact(manifest: Manifest): Promise<void> {
  const found = await checksumOf(manifest.file, manifest.kind).catch((error: unknown) => {
    throw new UserError(`The backup ${manifest.file} cannot be read: ${String(error)}`, 1, { cause: error })
  })
  if (found.sha256 !== manifest.sha256)
    throw new UserError(
      `The backup ${manifest.file} is not what was written: its SHA-256 is ${found.sha256}, the manifest says ${manifest.sha256}. It must not be restored.`,
    )
}
