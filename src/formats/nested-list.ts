/**
 * The raw text of a list inside a message: `{"tags":[…]}` → `[…]`, so that a bad element keeps its own bytes and no others'. Pure.
 */

const space = /\s/u

/** `text` is known to be a valid JSON object; of a key that stands there twice the last counts, as for JSON.parse. */
export function listTextOf(text: string, key: string): string | undefined {
  let found: string | undefined
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (char === '"') {
      const end = endOfString(text, at)
      const colon = skipSpace(text, end + 1)
      if (depth === 1 && text[colon] === ':' && JSON.parse(text.slice(at, end + 1)) === key) {
        const start = skipSpace(text, colon + 1)
        if (text[start] === '[') {
          at = endOfList(text, start)
          found = text.slice(start, at + 1)
          continue
        }
        found = undefined
      }
      at = end
    } else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
  }
  return found
}

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && space.test(text.charAt(at))) at += 1
  return at
}

function endOfList(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at += 1) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      depth -= 1
      if (depth === 0) return at
    }
  }
  return text.length
}
