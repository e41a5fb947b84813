import { describe, expect, it } from 'vitest'
import { runLineOf, type RunLine } from '../../../src/cli/sim/lines.ts'
import { optionsOf, type Plan } from '../../../src/cli/sim/plan.ts'
import { parseSim } from '../../../src/cli/sim/args.ts'
import { findingLines } from '../../../src/cli/sim/print.ts'
import { campaign, FINDING, reportOf } from './support.ts'

const { plan } = parseSim(['--seed', '0x5eed17'])
const shrunk = { seed: 0x5eed17, events: 23, nodes: 3, runs: 41, lastStep: 22 }
const kept = { trace: '.raft/5eed17-chaos.jsonl.gz', shrunk: '.raft/5eed17-chaos.min.jsonl' }

const found = (change: Partial<RunLine> = {}): RunLine => {
  const job = { options: optionsOf(plan, { seed: plan.seed, profile: 'chaos' }), record: false, shrink: true }
  const report = { ...reportOf(job, { broken: [plan.seed] }), steps: 1_843 }
  return { ...runLineOf(report, shrunk, kept), ...change }
}

const printed = (change: Partial<RunLine> = {}, of: Plan = plan): readonly string[] => findingLines(of, found(change))

describe('a finding', () => {
  it('says so when what was shrunk is a shorter run of another seed', () => {
    expect(printed({ shrunk: { ...shrunk, seed: 0xb } })[2]).toBe(
      '  shrunk 1843→23 events, 5→3 nodes (41 runs), from a shorter run, of seed 0xb',
    )
  })

  it('is printed with what it is, where it is, and how to see it again', () => {
    expect(printed().join('\n')).toBe(
      [
        '✗ LM  seed=0x5eed17  step 1842/20000  n3 ← AppendEntries(n1)',
        '  two logs agree up to every entry they share: index 7 has terms 4 and 5',
        '  shrunk 1843→23 events, 5→3 nodes (41 runs)',
        '  replay: npx raft replay .raft/5eed17-chaos.min.jsonl --until 22 --print diff',
        '  rerun:  npx raft sim --seed 0x5eed17 --nodes 5 --steps 20000 --profile chaos',
      ].join('\n'),
    )
  })

  it('names the server where no step is to blame', () => {
    expect(printed({ finding: { ...FINDING, event: '' } })[0]).toBe('✗ LM  seed=0x5eed17  step 1842/20000  n3')
    expect(printed({ finding: { ...FINDING, event: '', node: null } })[0]).toMatch(/step 1842\/20000$/)
  })

  it('is cut to a readable length', () => {
    const [, sentence] = printed({ finding: { ...FINDING, detail: 'long\n '.repeat(1_000) } })
    expect(sentence).toMatch(/^ {2}two logs agree up to every entry they share: long long .*…$/)
    expect(sentence?.length).toBeLessThan(300)
  })

  it('is repeated as it was made, whatever shard it was found by', () => {
    const cheap = parseSim(['--nodes', '3', '--claims', 'cheap', '--seeds', '99', '--profile', 'all', '--shard', '2/3'])
    expect(printed({}, cheap.plan).at(-1)).toBe(
      '  rerun:  npx raft sim --seed 0x5eed17 --nodes 3 --steps 20000 --profile chaos --claims cheap',
    )
  })

  it('is replayed from wherever it was kept', () => {
    const files = { trace: "it's here/1.jsonl.gz", shrunk: null }
    expect(printed({ shrunk: null, files })[2]).toBe(
      String.raw`  replay: npx raft replay 'it'\''s here/1.jsonl.gz' --until 1842 --print diff`,
    )
  })
})

describe('the summary', () => {
  it('has a line for each profile, and the clock in lines of its own', async () => {
    let time = 0
    const { stdout } = await campaign(['--seeds', '2', '--profile', 'all'], {}, { now: () => (time += 1_000) })
    const [verdict, rerun, heading, calm, lossy, chaos, snapshots, ...others] = stdout.split('\n')
    expect(verdict).toMatch(/8 runs/)
    expect(rerun).toBe('  rerun:  npx raft sim --seed 0x1 --seeds 2 --nodes 5 --steps 20000 --profile all')
    expect(heading?.split(/ {2,}/)).toEqual(['profile', 'seeds', 'steps', 'operations', 'virtual hours', 'findings'])
    for (const line of [calm, lossy, chaos, snapshots])
      expect(line?.split(/ {2,}/).slice(1)).toEqual(['2', '40003', '203', '2.00', '0'])
    expect(others.filter((line) => line.startsWith('speed'))).toEqual([
      expect.stringMatching(/^speed: \d+ steps\/s, \d+\.\d\d virtual hours\/s \(\d+\.\d s, \d+ jobs?\)$/),
      ...['calm', 'lossy', 'chaos', 'snapshots'].map(
        (profile) => `speed of one job, ${profile}: 40003 steps/s, 2.00 virtual hours/s`,
      ),
    ])
  })

  it('says how far a campaign without an end came', async () => {
    let looks = 0
    const { stdout } = await campaign(['--time', '5s', '--jobs', '1'], {}, { now: () => looks++ * 1_000 })
    expect(stdout).toContain('4 runs')
    expect(stdout).toContain('(the time is up)')
    expect(stdout).toContain('  rerun:  npx raft sim --seed 0x1 --seeds 4 --nodes 5')
  })
})
