/**
 * What this server must know about a query string before the backend sees it: whether it is COPY … FROM STDIN (the backend
 * must get such a conversation in one piece) and whether it may leave something behind in the one shared backend.
 * A scanner of tokens, not a parser: quotes, dollar quotes and comments are understood, everything else is a word or a sign.
 * Assumes standard_conforming_strings = on, PostgreSQL's default.
 */

export type CopyIn =
  /** No statement reads from the client. */
  | { readonly kind: 'none' }
  /** The only statement is a COPY FROM STDIN. */
  | { readonly kind: 'copy'; readonly isBinary: boolean; readonly isFreeze: boolean }
  /** A COPY FROM STDIN among other statements. */
  | { readonly kind: 'mixed' }

const TOKEN =
  /\s+|--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|[\s\S]/gy

/** Whether a query string asks the client for COPY data. Total: any string gives an answer. */
export function findCopyIn(sql: string): CopyIn {
  // Nearly every query ends here: COPY FROM STDIN cannot be written without these words (STDOUT is accepted in its place).
  if (!/copy/i.test(sql) || !/std(in|out)/i.test(sql)) return { kind: 'none' }
  const statements = splitWords(sql)
  const copy = statements.find(isCopyIn)
  if (copy === undefined) return { kind: 'none' }
  if (statements.length > 1) return { kind: 'mixed' }
  return { kind: 'copy', isBinary: copy.includes('BINARY'), isFreeze: copy.includes('FREEZE') }
}

/** The statements of a query string, each as its upper-cased bare words, quoted names, strings and signs. Empty ones are left out. */
function splitWords(sql: string): string[][] {
  const statements: string[][] = []
  let words: string[] = []
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(sql); match !== null; match = TOKEN.exec(sql)) {
    const token = match[0]
    if (token === '/*') TOKEN.lastIndex = endOfComment(sql, TOKEN.lastIndex)
    else if (token.startsWith('$') && token.length > 1 && token.endsWith('$')) {
      const end = sql.indexOf(token, TOKEN.lastIndex)
      TOKEN.lastIndex = end === -1 ? sql.length : end + token.length
      words.push('$$')
    } else if (token === ';') {
      if (words.length > 0) statements.push(words)
      words = []
    } else if (/^["']|^[eE]'/.test(token)) words.push(token.startsWith('"') ? token : unquote(token))
    else if (!/^\s|^--/.test(token)) words.push(token.toUpperCase())
  }
  if (words.length > 0) statements.push(words)
  return statements
}

/** A string constant in a COPY is an option's value (FORMAT 'binary') or a file name, which must not read as a keyword. */
function unquote(token: string): string {
  return /^'binary'$/i.test(token) ? 'BINARY' : "''"
}

/** Comments nest in PostgreSQL. */
function endOfComment(sql: string, from: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = from
  let depth = 1
  for (let match = mark.exec(sql); match !== null; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return sql.length
}

/** COPY [BINARY] name [(columns)] FROM STDIN …; the parenthesised source of COPY (query) TO may itself contain FROM. */
function isCopyIn(words: string[]): boolean {
  if (words[0] !== 'COPY') return false
  let depth = 0
  for (const [index, word] of words.entries()) {
    if (word === '(') depth++
    else if (word === ')') depth--
    else if (depth === 0 && word === 'TO') return false
    else if (depth === 0 && word === 'FROM') return /^STD(IN|OUT)$/.test(words[index + 1] ?? '')
  }
  return false
}

/** May change a setting without saying so in its command tag. */
export const maySetConfig = (sql: string): boolean => /set_config/i.test(sql)

/** May create a temporary object, which outlives the statement in the one shared backend. */
export const mayUseTemp = (sql: string): boolean => /\btemp(orary)?\b/i.test(sql)

/** May take an advisory lock, which outlives the transaction in the one shared backend. */
export const mayLockAdvisory = (sql: string): boolean => /advisory/i.test(sql)

export const quoteLiteral = (value: string): string =>
  value.includes('\\')
    ? ` E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${value.replaceAll("'", "''")}'`
