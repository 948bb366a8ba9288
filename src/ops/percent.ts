/** Percent-decoded; as it is where that is not possible, as in "100%". */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
