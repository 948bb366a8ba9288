/**
 * The files of sql/upgrade. Their parameters: `biotrakr_v1` where v1's tables wait, the tables of schema `biotrakr_upgrade` for
 * mapping and settings, and $1, $2 … where the file's first comment says so. A text in `{{braces}}` is replaced by another file.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../sql/upgrade/', import.meta.url))

/** The text of sql/upgrade/NAME.sql. */
export function upgradeSql(name: string): string {
  const text = readFileSync(`${folder}${name}.sql`, 'utf8').replaceAll('\r\n', '\n')
  return text.replaceAll(/\{\{(\w+)\}\}/gu, (_, part: string) => upgradeSql(part))
}
