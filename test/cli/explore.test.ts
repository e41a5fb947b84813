import { describe, expect, it } from 'vitest'
import { raft } from './process.ts'

describe('raft explore', () => {
  it('says how much it has seen', () => {
    const { status, stdout, stderr } = raft(['explore', '--nodes', '2', '--terms', '1', '--log', '1', '--depth', '99'])
    expect([status, stderr.split('\n')[0]]).toEqual([0, expect.stringContaining('depth 1: ')])
    expect(stdout).toMatch(/^✓ no claim is violated: \d+ distinct worlds.*everything within the bounds\)\n$/)
  })

  it('speaks JSON', () => {
    const { status, lines } = raft(['explore', '--depth', '3', '--json'])
    const summary: unknown = JSON.parse(lines[0] ?? '')
    expect(status).toBe(0)
    expect(summary).toMatchObject({ type: 'summary', depth: 3, worlds: 35, isComplete: false, violation: null })
  })

  it('every option of Raft leads to other worlds', () => {
    const worldsOf = (...args: readonly string[]): number => {
      const { status, lines } = raft([
        'explore',
        '--depth',
        '6',
        '--crashes',
        '0',
        '--duplicates',
        '0',
        '--json',
        ...args,
      ])
      expect([args, status]).toEqual([args, 0])
      const { worlds } = JSON.parse(lines[0] ?? '') as { readonly worlds: number }
      return worlds
    }
    const counts = [
      [],
      ['--noop'],
      ['--pre-vote'],
      ['--pre-vote', '--campaigns', '1'],
      ['--noop', '--reads', '1'],
      ['--noop', '--reads', '1', '--ticks', '2'],
      ['--noop', '--reads', '1', '--ticks', '2', '--check-quorum'],
      ['--noop', '--reads', '1', '--ticks', '2', '--check-quorum', '--election-ticks', '2'],
      ['--noop', '--reads', '1', '--ticks', '2', '--check-quorum', '--leases'],
    ].map((args) => worldsOf(...args))
    expect(counts.filter((count, at) => counts.indexOf(count) !== at)).toEqual([])
  })

  it('a walk that grows too large has shown nothing', () => {
    expect(raft(['explore', '--states-max', '10'])).toMatchObject({ status: 2 })
  })

  it.each([
    [['--nodes', '6']],
    [['--nodes', '0']],
    [['--depth', '-1']],
    [['--terms', 'x']],
    [['stray']],
    [['--wide']],
    [['--leases']],
    [['--ticks', '1', '--heartbeats', '1']],
  ])('%j is refused with a reason', (args) => {
    const { status, stderr } = raft(['explore', ...args])
    expect([status, stderr.length > 10]).toEqual([64, true])
  })

  it('has a help', () => {
    expect(raft(['explore', '--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('--late-disks') as string,
    })
  })
})
