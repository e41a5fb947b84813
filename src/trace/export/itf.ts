import { configurationOf } from '../../core/membership/configuration.ts'
import type { Entry } from '../../core/entry.ts'
import { successor, type NodeId } from '../../core/ids.ts'
import { slice } from '../../core/log/log.ts'
import type { Progress } from '../../core/progress.ts'
import { initial } from '../../core/start.ts'
import type { RaftState, Role } from '../../core/state.ts'
import { describeEvent, describeStep } from '../describe.ts'
import { lineOf, valueFor, type Header, type Trace, type TraceEvent } from '../format.ts'
import { replay, type Ending, type Replay } from '../replay.ts'
import { startState } from '../start.ts'

/*
 * A trace in the Informal Trace Format of Apalache and Quint (ADR 015 of Apalache): one state for the beginning and one
 * after every step, crash and restart. Variables are those of the Raft specification in TLA+ (Ongaro), by its names, as
 * far as a server has them; like there each is a function from servers. Whole numbers of this project are safe
 * integers, which the format lets stand as JSON numbers.
 */

export interface Itf {
  /** The file, piece by piece: it repeats every log in every state, so that a long trace is too long for one text. */
  readonly pieces: Iterable<string>
  /** Where the states end: a step that its reducer does not survive has none after it. */
  readonly ending: Ending
}

export const toItf = (trace: Trace): Itf => {
  const afters: (readonly [RaftState, string])[] = []
  const replayed = replay(trace, {
    hashes: false,
    onStep: (step) => afters.push([step.after, describeStep(step)]),
  })
  return { pieces: piecesOf(trace, replayed, afters), ending: replayed.ending }
}

function* piecesOf(
  trace: Trace,
  replayed: Replay,
  afters: readonly (readonly [RaftState, string])[],
): Iterable<string> {
  const { header, events } = trace
  const { ending } = replayed
  const end = ending.type === 'complete' ? Infinity : ending.line
  yield `{"#meta":${JSON.stringify(metaOf(header, replayed))},\n"params":["Server","Nil"],\n`
  yield `"vars":${JSON.stringify([...VARIABLES.map(({ name }) => name), ...Object.keys(FURTHER)])},\n"states":[\n`
  if (end > 1) {
    const writer = new Writer(header)
    yield writer.first()
    for (const [at, event] of events.entries()) {
      const line = lineOf(trace, at)
      if (line >= end) break
      const text = writer.next(event, line, afters)
      if (text !== null) yield `,\n${text}`
    }
  }
  yield '\n]}\n'
}

/** What no server has. A string as servers are, as in most specifications, and none of theirs. */
const nilFor = (nodes: readonly string[]): string => {
  let nil = 'Nil'
  while (nodes.includes(nil)) nil += '_'
  return nil
}

interface Variable {
  readonly name: string
  /** In Apalache's notation. */
  readonly type: string
  /** Its value at one server, as an expression of the format. */
  readonly of: (state: RaftState, nil: string) => unknown
}

const VARIABLES: readonly Variable[] = [
  { name: 'currentTerm', type: 'Str -> Int', of: ({ server }) => server.currentTerm },
  { name: 'state', type: 'Str -> Str', of: ({ server }) => STATES[server.role.type] },
  { name: 'votedFor', type: 'Str -> Str', of: ({ server }, nil) => server.votedFor ?? nil },
  { name: 'snapshotIndex', type: 'Str -> Int', of: ({ log }) => log.baseIndex },
  { name: 'snapshotTerm', type: 'Str -> Int', of: ({ log }) => log.baseTerm },
  { name: 'commitIndex', type: 'Str -> Int', of: ({ server }) => server.commitIndex },
  { name: 'lastApplied', type: 'Str -> Int', of: ({ server }) => server.lastApplied },
  { name: 'votesResponded', type: 'Str -> Set(Str)', of: ({ server }) => set(answersTo(server.role)) },
  { name: 'votesGranted', type: 'Str -> Set(Str)', of: ({ server }) => set(votesFor(server.role)) },
  { name: 'nextIndex', type: 'Str -> (Str -> Int)', of: ({ server }) => peersOf(server.role, nextIndexOf) },
  {
    name: 'matchIndex',
    type: 'Str -> (Str -> Int)',
    of: ({ server }) => peersOf(server.role, ({ matchIndex }) => matchIndex),
  },
]

/** The others, and their types: all logs, the servers that are running, the event that led here. */
const FURTHER = {
  log: 'Str -> Seq({ term: Int, value: Str })',
  up: 'Set(Str)',
  last: '{ kind: Str, step: Int, node: Str, message: Str, sender: Str, text: Str }',
} as const

const STATES: Readonly<Record<Role['type'], string>> = {
  follower: 'Follower',
  preCandidate: 'PreCandidate',
  candidate: 'Candidate',
  leader: 'Leader',
}

const set = (items: readonly string[]): object => ({ '#set': items })

const votesFor = (role: Role): readonly NodeId[] => ('granted' in role ? role.granted : [])

const answersTo = (role: Role): readonly NodeId[] => ('granted' in role ? [...role.granted, ...role.rejected] : [])

/** A function of the other members: of none but for a leader, as nobody else knows. */
const peersOf = (role: Role, of: (progress: Progress) => number): object => ({
  '#map': role.type === 'leader' ? role.progress.map((progress) => [progress.id, of(progress)]) : [],
})

const nextIndexOf = (progress: Progress): number =>
  progress.mode === 'snapshot' ? successor(progress.snapshot.lastIncludedIndex) : progress.nextIndex

/** What the file says of itself. Nothing of when and where it was made: equal traces give equal files. */
const metaOf = ({ core }: Header, { ending, recorded }: Replay): object => ({
  format: 'ITF',
  'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
  source: core,
  description:
    'Every variable but up and last is a function from Server. log[s][k] is the entry of index snapshotIndex[s] + k: ' +
    'those before were compacted. Its value is the command as JSON, or noop, or the configuration as JSON after that ' +
    'word. nextIndex[s] and matchIndex[s] are empty unless s leads. A server that is not in up keeps the values it ' +
    'went down with.',
  varTypes: {
    ...Object.fromEntries(VARIABLES.map(({ name, type }) => [name, type])),
    ...FURTHER,
  },
  status: ending.type,
  ...(ending.type === 'complete' ? {} : { stopped: `at line ${ending.line}: ${reasonOf(ending)}` }),
  ...(recorded.length === 0 ? {} : { violations: recorded.map(({ claim }) => claim) }),
})

const reasonOf = (ending: Exclude<Ending, { readonly type: 'complete' }>): string =>
  ending.type === 'violated' ? ending.claim : ending.type === 'diverged' ? ending.got : ending.reason

/** The event that led to a state. */
interface Last {
  readonly kind: 'init' | 'step' | 'crash' | 'restart'
  /** −1 for what is no step. */
  readonly step: number
  readonly node: string
  /** An RPC's name, or a message's; of no message for the others. */
  readonly message: string
  /** Of an RPC. Not `from`, which readers in Python cannot take as a field. */
  readonly sender: string
  readonly text: string
}

/** Writes states one after the other; only the server that an event concerns is put into words anew. */
class Writer {
  private readonly header: Header
  private readonly nil: string
  private readonly up = new Set<NodeId>()
  /** Each server's log, as a pair of its name and the value; and likewise of each variable. */
  private readonly logs = new Map<NodeId, string>()
  private readonly pairs: readonly Map<NodeId, string>[] = VARIABLES.map(() => new Map<NodeId, string>())
  private readonly written = new Map<NodeId, RaftState['log']>()
  private readonly entries = new WeakMap<Entry, string>()
  private index = 0

  constructor(header: Header) {
    this.header = header
    this.nil = nilFor(header.nodes)
    for (const node of header.nodes) {
      const start = valueFor(header.init, node)
      if (start !== undefined) this.up.add(node)
      // One that begins later: until then it stands as a server that never ran.
      const unborn = { id: node, configuration: configurationOf([]) }
      this.put(node, start === undefined ? initial(unborn) : startState(header, node, start))
    }
  }

  /** The beginning; it alone also says what the parameters are. */
  first(): string {
    const { nodes } = this.header
    const parameters = `"Server":${JSON.stringify(set(nodes))},"Nil":${JSON.stringify(this.nil)},`
    const { nil } = this
    return this.state(1, { kind: 'init', step: -1, node: nil, message: nil, sender: nil, text: 'init' }, parameters)
  }

  /** The state after an event; null when it changes no server. */
  next(event: TraceEvent, line: number, afters: readonly (readonly [RaftState, string])[]): string | null {
    const { nil } = this
    if (event.t === 'in') {
      const [after, text] = afters[event.i] ?? []
      if (after === undefined || text === undefined) return null
      this.put(event.n, after)
      const [message, sender] = event.m.type === 'receive' ? [event.m.rpc.type, event.m.from] : [event.m.type, nil]
      return this.state(line, { kind: 'step', step: event.i, node: event.n, message, sender, text })
    }
    if (event.t !== 'fault' || (event.kind !== 'crash' && event.kind !== 'restart')) return null
    const { kind, n: node } = event
    if (kind === 'crash') this.up.delete(node)
    else {
      this.up.add(node)
      this.put(node, startState(this.header, node, event.start))
    }
    return this.state(line, { kind, step: -1, node, message: nil, sender: nil, text: describeEvent(event) })
  }

  private put(node: NodeId, state: RaftState): void {
    const name = JSON.stringify(node)
    for (const [at, { of }] of VARIABLES.entries())
      this.pairs[at]?.set(node, `[${name},${JSON.stringify(of(state, this.nil))}]`)
    // A log is written anew only when it is another one, and each of its entries once.
    const { log } = state
    if (this.written.get(node) === log) return
    this.written.set(node, log)
    const texts = slice(log, successor(log.baseIndex), log.lastIndex).map((entry) => this.entryText(entry))
    this.logs.set(node, `[${name},[${texts.join(',')}]]`)
  }

  private entryText(entry: Entry): string {
    const known = this.entries.get(entry)
    if (known !== undefined) return known
    const text = JSON.stringify({ term: entry.term, value: valueOf(entry) })
    this.entries.set(entry, text)
    return text
  }

  private state(line: number, last: Last, parameters = ''): string {
    const variables = VARIABLES.map(({ name }, at) => functionText(name, this.pairs[at]?.values() ?? [])).join('')
    const logs = functionText('log', this.logs.values())
    const up = JSON.stringify(set(this.header.nodes.filter((node) => this.up.has(node))))
    const meta = JSON.stringify({ index: this.index++, line })
    return `{"#meta":${meta},${parameters}${variables}${logs}"up":${up},"last":${JSON.stringify(last)}}`
  }
}

const functionText = (name: string, pairs: Iterable<string>): string => `"${name}":{"#map":[${[...pairs].join(',')}]},`

/** A string for every entry, so that all have one type; neither of the two words is JSON. */
const valueOf = (entry: Entry): string => {
  if (entry.type === 'noop') return 'noop'
  return entry.type === 'command'
    ? JSON.stringify(entry.command)
    : `configuration ${JSON.stringify(entry.configuration)}`
}
