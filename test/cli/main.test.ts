import { accessSync, constants } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAIN, raft } from './process.ts'

const VERBS = ['node', 'sim', 'replay', 'shrink', 'check', 'export', 'explore', 'data']

describe('raft', () => {
  it('may be executed: npx links a checkout to it, and a new build would take the right away', () => {
    expect(() => accessSync(MAIN, constants.X_OK)).not.toThrow()
  })

  it.each([['--help'], ['-h'], ['help']])('%s lists the commands on stdout', (flag) => {
    const { status, stdout, stderr } = raft([flag])
    expect([status, stderr, VERBS.filter((verb) => !stdout.includes(`\n  ${verb} `))]).toEqual([0, '', []])
  })

  it('without a command the list goes to stderr, and nothing was done', () => {
    const { status, stdout, stderr } = raft([])
    expect([status, stdout, stderr.includes('Commands:')]).toEqual([64, '', true])
  })

  it('a command that does not exist is refused by its name', () => {
    expect(raft(['simulate'])).toMatchObject({
      status: 64,
      stdout: '',
      stderr: 'raft: there is no command "simulate"; see raft --help\n',
    })
  })

  it.each(VERBS)('%s --help is about that command, with its exit codes', (verb) => {
    const { status, stdout } = raft([verb, '--help'])
    expect([status, stdout.startsWith(`Usage: raft ${verb} `), stdout.includes('xit codes')]).toEqual([0, true, true])
  })
})
