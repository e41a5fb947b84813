import { members } from '../core/membership/configuration.ts'
import { StorageError } from '../shell/storage/storage.ts'
import type { Examined } from '../shell/storage/examine.ts'
import { examineDirectory, repairTo } from '../shell/storage/repair.ts'
import { EXIT, UsageProblem } from './exit.ts'
import { InputProblem, overFiles } from './files.ts'
import { parseOrRefuse } from './options.ts'
import { reasonOf } from './reason.ts'

const HELP = `Usage: raft data inspect|verify DIR [options]
       raft data repair DIR --to NEW [options]

Looks at the directory of a node (raft node --data DIR) while that does not run. DIR is not changed.

  inspect   what it holds: term, vote, indices, snapshot, segments, bytes
  verify    whether it is whole, and where it is not
  repair    copies what is whole before the damage to the directory NEW, says what is lost, and marks the copy: a node
            refuses it without --accept-data-loss. A server that has lost votes or entries can break its cluster: to let
            it join anew, with an empty directory, is the better way wherever the others still have a quorum

Options:
  --to NEW     for repair: a directory that is new or empty
  --json       for inspect and verify: one line of JSON
  --no-lock    where flock(1) is not installed: no node may use DIR meanwhile

Exit codes: 0 it is whole, or repaired; 64 usage; 65 it is damaged, in use, or no directory of a node.
`

export const dataCommand = {
  summary: "what a node's directory holds, and whether it is whole",
  help: HELP,
  run: (args: readonly string[]): Promise<number> => {
    const { values, positionals } = parseOrRefuse('data', {
      args: [...args],
      allowPositionals: true,
      options: { to: { type: 'string' }, json: { type: 'boolean' }, 'no-lock': { type: 'boolean' } },
    })
    const [action, directory, ...rest] = positionals
    if (action !== 'inspect' && action !== 'verify' && action !== 'repair')
      throw new UsageProblem('data takes inspect, verify or repair; see raft data --help')
    if (directory === undefined || rest.length > 0)
      throw new UsageProblem(`data ${action} takes one directory; see raft data --help`)
    if ((values.to !== undefined) !== (action === 'repair'))
      throw new UsageProblem('--to NEW goes with raft data repair, and repair needs it')
    const lock = { isUnlockedAllowed: values['no-lock'] ?? false }
    const json = values.json ?? false
    return overFiles('data', () =>
      overDirectory(directory, async () => {
        if (values.to !== undefined) return repair(directory, values.to, lock)
        const examined = await examineDirectory(directory, lock)
        if (json) print(JSON.stringify(reportOf(examined)))
        else if (action === 'inspect') inspect(examined)
        else verify(directory, examined)
        return examined.problems.length === 0 ? EXIT.ok : EXIT.input
      }),
    )
  },
}

/** What is wrong with a directory is a matter of the input. @throws InputProblem */
const overDirectory = async (directory: string, run: () => Promise<number>): Promise<number> => {
  try {
    return await run()
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
    if (error instanceof StorageError)
      throw new InputProblem(error.message.startsWith(directory) ? error.message : `${directory}: ${error.message}`)
    if (code === 'ENOENT') throw new InputProblem(`${directory} does not exist`)
    if (code === 'ENOTDIR') throw new InputProblem(`${directory} is not a directory`)
    if (code === undefined) throw error
    throw new InputProblem(`${directory}: ${reasonOf(error)}`)
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const inspect = ({ contents, segments, bytes, problems, lostUpTo }: Examined): void => {
  for (const problem of problems) print(`damaged      ${problem}`)
  if (problems.length > 0) print('before the damage:')
  if (contents === null) print('no server was ever stored here')
  else {
    const { id, hardState, base, lastIndex, snapshot, objects, received } = contents
    const { voters, votersOutgoing, learners } = snapshot.configuration
    print(`server       ${id}`)
    print(
      `term         ${hardState.currentTerm}, ${hardState.votedFor === null ? 'no vote in it' : `vote for ${hardState.votedFor}`}`,
    )
    print(
      `entries      ${lastIndex - base.index}: after index ${base.index} of term ${base.term}, to index ${lastIndex}`,
    )
    print(
      `snapshot     ${snapshot.lastIncludedIndex === 0 ? 'none' : `at index ${snapshot.lastIncludedIndex} of term ${snapshot.lastIncludedTerm}`}${objects === null ? '' : `, ${objects.count} objects in ${objects.file}, ${objects.bytes} bytes`}`,
    )
    const joint = votersOutgoing.length === 0 ? '' : `, and ${votersOutgoing.join(' ')}`
    print(
      `members      ${voters.join(' ')}${joint}${learners.length === 0 ? '' : `; learners ${learners.join(' ')}`} (${members(snapshot.configuration).length}, at the snapshot)`,
    )
    if (received !== null)
      print(
        `receiving    the snapshot at index ${received.snapshot.lastIncludedIndex}, ${received.objects.count} objects so far`,
      )
  }
  print(
    `segments     ${segments.length}: ${segments.map(({ number, bytes: length }) => `${number} (${length} bytes)`).join(', ')}`,
  )
  print(`bytes        ${bytes}`)
  if (lostUpTo !== null)
    print(
      `behind it    the log reached index ${lostUpTo.lastIndex} at least, in term ${lostUpTo.hardState.currentTerm}`,
    )
}

const verify = (directory: string, { contents, problems }: Examined): void => {
  for (const problem of problems) print(problem)
  if (problems.length > 0) print(`${directory} is damaged: a node does not start over it`)
  else if (contents === null) print(`${directory} is whole, and holds no server`)
  else print(`${directory} is whole: up to index ${contents.lastIndex}, in term ${contents.hardState.currentTerm}`)
}

const reportOf = ({ contents, segments, bytes, problems, lostUpTo }: Examined): object => ({
  whole: problems.length === 0,
  problems,
  contents,
  segments: segments.map(({ number, bytes: length }) => ({ number, bytes: length })),
  bytes,
  lostUpTo,
})

const repair = async (
  directory: string,
  to: string,
  lock: { readonly isUnlockedAllowed: boolean },
): Promise<number> => {
  const { examined, losses } = await repairTo(directory, to, lock)
  for (const loss of losses) print(loss)
  print(
    losses.length === 0
      ? `${to} holds the whole log: nothing that was promised is missing`
      : `${to} holds the rest. A node starts over it with --accept-data-loss only`,
  )
  return examined.contents === null ? EXIT.input : EXIT.ok
}
