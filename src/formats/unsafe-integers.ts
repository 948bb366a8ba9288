/**
 * Integers that a double cannot hold (ids of 64 bits, mostly) become JSON strings before the text is parsed: parsing would
 * change their last digits without a word. Pure; text that is not JSON stays as broken as it was.
 */

/** 2^53 has sixteen digits. */
const suspicious = /\d{16}/u

export function quoteUnsafeIntegers(text: string): string {
  if (!suspicious.test(text)) return text
  const parts: string[] = []
  let copiedTo = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at)
    if (char === quote) at = endOfString(text, at)
    else if (char === minus || isDigit(char)) {
      const end = endOfNumber(text, at)
      const number = text.slice(at, end)
      if (end - at >= 16 && /^-?(?:0|[1-9]\d*)$/u.test(number) && !Number.isSafeInteger(Number(number))) {
        parts.push(text.slice(copiedTo, at), '"', number, '"')
        copiedTo = end
      }
      at = end - 1
    }
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(copiedTo)
}

const quote = 0x22
const backslash = 0x5c
const minus = 0x2d

const isDigit = (char: number): boolean => char >= 0x30 && char <= 0x39

/** The index of the closing quote, or the end of the text. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1
  return at
}

/** Past the last character of a number: digits, signs, point and exponent. */
function endOfNumber(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && '0123456789+-.eE'.includes(text.charAt(at))) at += 1
  return at
}
