import { explore } from '../../src/sim/explore/explore.ts'
import { figureOf, row } from './measure.ts'

/** Distinct worlds of three servers a second, every claim checked, in one thread. */
export const benchExplore = (): readonly string[] => {
  const once = (): number => {
    const start = process.hrtime.bigint()
    const { worlds } = explore({ servers: 3, depth: 7 })
    return (worlds / Number(process.hrtime.bigint() - start)) * 1e9
  }
  once()
  const figure = figureOf(Array.from({ length: 5 }, once))
  return ['The explorer, three servers, seven actions deep', row('distinct worlds', figure, 'worlds/s')]
}
