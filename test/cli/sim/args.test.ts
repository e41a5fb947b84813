import { describe, expect, it } from 'vitest'
import { UsageProblem } from '../../../src/cli/exit.ts'
import { parseSim } from '../../../src/cli/sim/args.ts'
import { parseMerge } from '../../../src/cli/sim/merge.ts'
import { commandOf, placeOf, runCount, runsOf, type Plan } from '../../../src/cli/sim/plan.ts'

const planOf = (...args: readonly string[]): Plan => parseSim(args).plan

describe('the options of raft sim', () => {
  it('are one chaotic run of five servers unless told otherwise', () => {
    expect(planOf()).toEqual({
      profiles: ['chaos'],
      nodes: 5,
      steps: 20_000,
      claims: 'all',
      service: null,
      seed: 1,
      seeds: 1,
      shard: { index: 1, count: 1 },
    })
    expect(parseSim([])).toMatchObject({ bail: 1, out: '.raft', traceFile: null, timeMs: null, shrink: true })
  })

  it('take the seed as decimal or hexadecimal', () => {
    expect(planOf('--seed', '0x5eed17').seed).toBe(0x5eed17)
    expect(planOf('--seed', '0X5EED17').seed).toBe(0x5eed17)
    expect(planOf('--seed', '12').seed).toBe(12)
  })

  it('draw a seed, and know that nobody else knows it', () => {
    const drawn = Array.from({ length: 8 }, () => parseSim(['--seed', 'random']))
    expect(new Set(drawn.map(({ plan }) => plan.seed)).size).toBeGreaterThan(1)
    expect(drawn.every(({ isDrawn }) => isDrawn)).toBe(true)
  })

  it.each([
    ['0s', 0],
    ['90s', 90_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
  ])('take the time %s', (text, expected) => {
    expect(parseSim(['--time', text])).toMatchObject({ timeMs: expected, plan: { seeds: null } })
  })

  it('keep to a number of seeds within the time too', () => {
    expect(parseSim(['--time', '5s', '--seeds', '3'])).toMatchObject({ timeMs: 5_000, plan: { seeds: 3 } })
  })

  it.each([
    [['--seed', '-1']],
    [['--seed', '1.5']],
    [['--seed', '0x']],
    [['--seed', '0x100000000']],
    [['--seed', '0xffffffff', '--seeds', '2']],
    [['--seeds', '0']],
    [['--time', '60']],
    [['--time', '5d']],
    [['--nodes', '0']],
    [['--nodes', '10']],
    [['--steps', '0']],
    [['--profile', 'wild']],
    [['--claims', 'none']],
    [['--shard', '0/3']],
    [['--shard', '4/3']],
    [['--shard', '3']],
    [['--jobs', '0']],
    [['--jobs', '100000']],
    [['--bail', '-1']],
    [['--trace', 'file', '--seeds', '2']],
    [['--trace', 'file', '--profile', 'all']],
    [['--trace', 'file', '--time', '1s']],
    [['--wide']],
    [['stray']],
  ])('%j is refused with a reason', (args) => {
    expect(() => parseSim(args)).toThrow(UsageProblem)
  })

  it('merging needs something to merge', () => {
    expect(() => parseMerge(['--json'])).toThrow(UsageProblem)
    expect(parseMerge(['-', 'a'])).toEqual({ files: ['-', 'a'], requireMarks: false, json: false })
  })
})

describe('a plan', () => {
  const args = ['--seed', '7', '--seeds', '5', '--profile', 'all']
  const shards = [1, 2, 3].map((index) => planOf(...args, '--shard', `${index}/3`))

  it('goes seed by seed through the profiles', () => {
    const [first, second, , , fifth] = runsOf(planOf(...args))
    expect([first, second, fifth]).toEqual([
      { seed: 7, profile: 'calm' },
      { seed: 7, profile: 'lossy' },
      { seed: 8, profile: 'calm' },
    ])
  })

  it('falls apart into shards without a rest', () => {
    const whole = [...runsOf(planOf(...args))]
    const dealt = whole.map((_, place) => [...runsOf(shards[place % 3] ?? planOf())][Math.floor(place / 3)])
    expect(dealt).toEqual(whole)
    expect(shards.map((shard) => [...runsOf(shard)].length)).toEqual([7, 7, 6])
  })

  it('knows how many runs it has', () => {
    expect(shards.map(runCount)).toEqual([7, 7, 6])
    expect(runCount(planOf('--shard', '2/2'))).toBe(0)
    expect(runCount(planOf('--time', '1s'))).toBeNull()
  })

  it('knows the place of its runs, and no others', () => {
    const whole = planOf(...args)
    expect([...runsOf(whole)].map((run) => placeOf(whole, run))).toEqual(Array.from({ length: 20 }, (_, at) => at))
    for (const stranger of [6, 12]) expect(placeOf(whole, { seed: stranger, profile: 'calm' })).toBeNull()
    const [first, second] = shards.map((shard) => placeOf(shard, { seed: 7, profile: 'lossy' }))
    expect([first, second]).toEqual([null, 1])
    expect(placeOf(planOf('--seed', '7'), { seed: 7, profile: 'calm' })).toBeNull()
  })

  it('does not end before the time is up, but where seeds end', () => {
    const last = planOf('--seed', '0xfffffffe', '--time', '1h')
    expect([...runsOf(last)].map(({ seed }) => seed)).toEqual([0xfffffffe, 0xffffffff])
  })

  it.each([
    [[]],
    [['--seed', '0x5eed17', '--seeds', '3', '--nodes', '3', '--steps', '10', '--profile', 'all']],
    [['--claims', 'cheap', '--shard', '2/5', '--profile', 'calm']],
  ])('%j is said again by its command', (chosen) => {
    const command = commandOf(planOf(...chosen))
    expect(command).toMatch(/^npx raft sim /)
    expect(planOf(...command.split(' ').slice(3))).toEqual(planOf(...chosen))
  })
})
