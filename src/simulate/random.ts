/**
 * Seeded pseudo-random numbers: sfc32 (Chris Doty-Humphrey, PractRand), its state filled from a 32-bit seed by splitmix32.
 * Guarantees: integer arithmetic modulo 2^32 only, so the same seed gives the same numbers on every platform and Node version.
 * Not for secrets.
 */

export interface Random {
  /** The next number in [0, 1), a multiple of 2^-32. */
  next(): number
  /** A whole number in [0, bound). */
  int(bound: number): number
  /** A number around 0 with standard deviation 1, never beyond ±3.47: an Irwin–Hall sum, because Math.log and Math.cos may differ between platforms. */
  gauss(): number
}

/** A generator for `seed` (its low 32 bits count). `stream` gives independent sequences for one seed. */
export function createRandom(seed: number, stream = 0): Random {
  let fill = (seed ^ Math.imul(stream, 0x9e3779b1)) | 0
  const splitmix32 = (): number => {
    fill = (fill + 0x9e3779b9) | 0
    let mixed = fill ^ (fill >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
  let a = splitmix32()
  let b = splitmix32()
  let c = splitmix32()
  let counter = 1

  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 4294967296
  }
  // The author's recommendation: the first outputs still resemble the seed.
  for (let round = 0; round < 12; round++) next()

  return {
    next,
    int: (bound) => Math.floor(next() * bound),
    // Four uniforms have variance 4/12; times √3 that is 1.
    gauss: () => (next() + next() + next() + next() - 2) * 1.7320508075688772,
  }
}
