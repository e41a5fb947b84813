#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { checkCommand } from './check.ts'
import { dataCommand } from './data.ts'
import { didYouMean } from './closest.ts'
import { EXIT, ResourceProblem, UsageProblem } from './exit.ts'
import { exploreCommand } from './explore.ts'
import { exportCommand } from './export.ts'
import { nodeCommand } from './node.ts'
import { guardOutput } from './output.ts'
import { replayCommand } from './replay.ts'
import { shrinkCommand } from './shrink.ts'
import { simCommand } from './sim.ts'

interface Command {
  readonly summary: string
  readonly help: string
  /** Resolves with the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>
}

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['node', nodeCommand],
  ['sim', simCommand],
  ['replay', replayCommand],
  ['shrink', shrinkCommand],
  ['check', checkCommand],
  ['export', exportCommand],
  ['explore', exploreCommand],
  ['data', dataCommand],
])

const help = (): string =>
  [
    'Usage: raft <command> [options]',
    '',
    'Commands:',
    ...[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`),
    '',
    'raft <command> --help, or raft help <command>, tells more. raft --version prints the version.',
    '',
  ].join('\n')

const version = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''
}

const main = async ([name, ...args]: readonly string[]): Promise<number> => {
  if (name === undefined || name === '--help' || name === '-h' || (name === 'help' && args.length === 0)) {
    ;(name === undefined ? process.stderr : process.stdout).write(help())
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  if (name === 'help' && args[0] !== undefined) return main([args[0], '--help'])
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`)
    return EXIT.ok
  }
  const command = COMMANDS.get(name)
  if (command === undefined)
    throw new UsageProblem(
      `there is no command ${JSON.stringify(name)}${didYouMean(name, COMMANDS.keys())}; see raft --help`,
    )
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(command.help)
    return EXIT.ok
  }
  return command.run(args)
}

guardOutput()
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage = error instanceof UsageProblem
  const isPlain = isUsage || error instanceof ResourceProblem
  const text = isPlain ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`raft: ${text}\n`)
  process.exitCode = isUsage ? EXIT.usage : isPlain ? EXIT.unknown : EXIT.internal
}
