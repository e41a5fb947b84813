import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import { replay } from '../../src/trace/replay.ts'
import { traceIn } from '../trace/support.ts'
import { MAIN, parsed, raft } from './process.ts'
import { brokenTrace, scratch } from './traces.ts'

const files = scratch()
afterAll(() => files.remove())

/** Forty writes at the same time and a read that nothing explains: there is no end to the orders to be tried. */
/** Forty swaps at once, each of which may go before or after any other, and an end that none of their orders reaches. */
const endless = (): string => {
  const swaps = [...Array(40).keys()].map((at) => ({
    op: 'cas',
    key: 'x',
    from: at % 5,
    to: (at % 10 < 5 ? at + 1 : at + 2) % 5,
    start: 2,
    end: 100,
  }))
  const first = { op: 'write', key: 'x', value: 0, start: 0, end: 1 }
  const read = { op: 'read', key: 'x', value: 1, start: 101, end: 102 }
  return JSON.stringify([first, ...swaps, read])
}

describe('work without an end', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('sums up what it has after %s', async (signal) => {
    const child = spawn(process.execPath, [MAIN, 'explore', '--nodes', '5', '--depth', '99', '--json'])
    const ended = once(child, 'close')
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    for await (const line of createInterface({ input: child.stderr }))
      if (line.startsWith('depth 3:')) child.kill(signal)
    await ended
    expect(child.exitCode).toBe(130)
    expect(parsed([output])).toMatchObject([{ type: 'summary', isComplete: false, isStopped: true, violation: null }])
  })

  it('raft explore ends when the time is up, and has shown nothing', () => {
    const { status, stdout } = raft(['explore', '--depth', '99', '--nodes', '5', '--time', '0.2s'])
    expect([status, stdout]).toEqual([2, expect.stringMatching(/\(stopped within depth \d+\)\n$/)])
  })

  it('raft check ends when the time is up, and does not know', () => {
    const { status, stdout } = raft(['check', files.file('endless', endless()), '--timeout', '0.2s'])
    expect([status, stdout]).toEqual([2, expect.stringMatching(/^unknown: [^]*stopped after \d+ steps[^]*--timeout/)])
  })

  it('raft shrink writes what it has when the time is up', () => {
    const small = files.path('small.jsonl')
    const { status, stdout } = raft(['shrink', files.file('broken', brokenTrace()), '-o', small, '--time', '0s'])
    expect([status, stdout]).toEqual([0, expect.stringContaining('not finished')])
    expect(replay(traceIn(readFileSync(small, 'utf8')), { claims: true }).ending.type).toBe('violated')
  })

  it('says so when the memory does not suffice, which is no bug', () => {
    const args = ['--max-old-space-size=30', MAIN, 'explore', '--depth', '99', '--nodes', '5']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/\nraft: this takes more memory than there is.*\n$/)
  })

  it.each([
    ['shrink', 'x', '-o', 'y', '--time', '60'],
    ['check', 'x', '--timeout', '1d'],
    ['explore', '--time', 'soon'],
  ])('a time without a unit is refused by raft %s', (...args) => {
    expect(raft(args)).toMatchObject({ status: 64, stderr: expect.stringContaining('takes a time such as') as string })
  })

  it('a time longer than timers can count does not ring at once', () => {
    expect(raft(['explore', '--depth', '4', '--time', '1000h']).status).toBe(0)
  })
})
