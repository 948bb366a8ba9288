/**
 * Which gateway hears a tag best: the nearest one, a storey counting as far as it is high.
 * Precomputed on a grid of one metre, because this is asked once a ping.
 */
import { at, storeyM, type Hospital } from './hospital.ts'

export interface Coverage {
  /** Index into `hospital.gateways` of the one nearest to the middle of the square metre that holds the point. */
  nearest(floor: number, x: number, y: number): number
  /** Metres between the point and that gateway. */
  distanceM(gateway: number, floor: number, x: number, y: number): number
}

export function createCoverage(hospital: Hospital): Coverage {
  const gateways = hospital.gateways
  const distanceM = (gateway: number, floor: number, x: number, y: number): number => {
    const { x: gx, y: gy, floor: gf } = at(gateways, gateway)
    const up = (gf - floor) * storeyM
    return Math.sqrt((gx - x) * (gx - x) + (gy - y) * (gy - y) + up * up)
  }
  const grids = hospital.floors.map((floor) => {
    const grid = new Uint32Array(floor.widthM * floor.depthM)
    for (let cell = 0; cell < grid.length; cell++) {
      const x = (cell % floor.widthM) + 0.5
      const y = Math.floor(cell / floor.widthM) + 0.5
      let best = Infinity
      for (let gateway = 0; gateway < gateways.length; gateway++) {
        const distance = distanceM(gateway, floor.level, x, y)
        if (distance >= best) continue
        best = distance
        grid[cell] = gateway
      }
    }
    return { grid, widthM: floor.widthM }
  })
  return {
    distanceM,
    nearest: (floor, x, y) => {
      const { grid, widthM } = at(grids, floor)
      return at(grid, Math.floor(y) * widthM + Math.floor(x))
    },
  }
}
