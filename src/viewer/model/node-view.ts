import type { Entry } from '../../core/entry.ts'
import type { Index } from '../../core/ids.ts'
import { entryAt } from '../../core/log/log.ts'
import type { Progress } from '../../core/progress.ts'
import type { RaftState } from '../../core/state.ts'
import { hashState } from '../../trace/hash.ts'
import { brief } from './text.ts'

/** Entries of a log that are drawn; the rest is counted. */
export const ENTRIES_SHOWN = 24

export interface EntryView {
  readonly index: number
  readonly term: number
  readonly type: Entry['type']
  readonly text: string
}

export interface FollowerView {
  readonly id: string
  readonly match: number
  readonly next: number | null
  readonly mode: Progress['mode']
  readonly window: number
  readonly detail: string
}

/** What a node's panel shows. Plain data. */
export interface NodeView {
  readonly id: string
  readonly up: boolean
  readonly role: RaftState['server']['role']['type'] | 'down'
  readonly term: number
  readonly votedFor: string | null
  readonly leader: string | null
  readonly commit: number
  readonly applying: number
  readonly applied: number
  readonly durable: number
  readonly last: number
  readonly base: { readonly index: number; readonly term: number }
  readonly snapshot: { readonly index: number; readonly term: number }
  /** The last entries, at most {@link ENTRIES_SHOWN}, around what matters. */
  readonly entries: readonly EntryView[]
  readonly followers: readonly FollowerView[]
  readonly votes: string
  readonly voters: readonly string[]
  readonly outgoing: readonly string[]
  readonly learners: readonly string[]
  readonly configurationIndex: number
  readonly receiving: string | null
  readonly savesUnderWay: number
  readonly hash: string
}

const DOWN = {
  up: false,
  role: 'down',
  term: 0,
  votedFor: null,
  leader: null,
  commit: 0,
  applying: 0,
  applied: 0,
  durable: 0,
  last: 0,
  base: { index: 0, term: 0 },
  snapshot: { index: 0, term: 0 },
  entries: [],
  followers: [],
  votes: '',
  voters: [],
  outgoing: [],
  learners: [],
  configurationIndex: 0,
  receiving: null,
  savesUnderWay: 0,
  hash: '',
} as const

/** @param focus an index that is to be among the entries shown, if the log holds it */
export const nodeView = (id: string, state: RaftState | null, focus: number | null = null): NodeView => {
  if (state === null) return { id, ...DOWN }
  const { server, log } = state
  const { role, snapshot, receiving } = server
  const now = server.configurations.at(-1)
  return {
    id,
    up: true,
    role: role.type,
    term: server.currentTerm,
    votedFor: server.votedFor,
    leader: server.leaderId,
    commit: server.commitIndex,
    applying: server.applyingIndex,
    applied: server.lastApplied,
    durable: server.durableIndex,
    last: log.lastIndex,
    base: { index: log.baseIndex, term: log.baseTerm },
    snapshot: { index: snapshot.lastIncludedIndex, term: snapshot.lastIncludedTerm },
    entries: entriesShown(state, focus),
    followers: role.type === 'leader' ? role.progress.map(followerView) : [],
    votes:
      role.type === 'candidate' || role.type === 'preCandidate'
        ? `granted by ${namesOf(role.granted)}; refused by ${namesOf(role.rejected)}`
        : '',
    voters: now?.configuration.voters ?? [],
    outgoing: now?.configuration.votersOutgoing ?? [],
    learners: now?.configuration.learners ?? [],
    configurationIndex: now?.index ?? 0,
    receiving:
      receiving === null
        ? null
        : `snapshot ${receiving.snapshot.lastIncludedIndex}/${receiving.snapshot.lastIncludedTerm} from ${receiving.leaderId}, ${receiving.phase}, next object ${receiving.nextObjectId}`,
    savesUnderWay: server.saveSequence - server.savedSequence,
    hash: hashState(state),
  }
}

const namesOf = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))

const entriesShown = ({ log, server }: RaftState, focus: number | null): readonly EntryView[] => {
  const end =
    focus !== null && focus > log.baseIndex && focus < log.lastIndex - ENTRIES_SHOWN / 2
      ? Math.min(log.lastIndex, focus + ENTRIES_SHOWN / 2)
      : Math.min(log.lastIndex, Math.max(server.commitIndex + ENTRIES_SHOWN / 2, log.baseIndex + ENTRIES_SHOWN))
  const first = Math.max(log.baseIndex + 1, end - ENTRIES_SHOWN + 1)
  const entries: EntryView[] = []
  for (let index = first; index <= end; index++) {
    const entry = entryAt(log, index as Index)
    if (entry !== null) entries.push({ index, term: entry.term, type: entry.type, text: entryText(entry) })
  }
  return entries
}

export const entryText = (entry: Entry): string => {
  switch (entry.type) {
    case 'command':
      return brief(entry.command)
    case 'configuration': {
      const { voters, votersOutgoing, learners } = entry.configuration
      const outgoing = votersOutgoing.length === 0 ? '' : ` leaving ${votersOutgoing.join(',')}`
      return `voters ${voters.join(',')}${outgoing}${learners.length === 0 ? '' : ` learners ${learners.join(',')}`}`
    }
    case 'noop':
      return 'blank entry of a new leader'
  }
}

const followerView = (progress: Progress): FollowerView => {
  const { id, matchIndex: match, mode, window } = progress
  switch (progress.mode) {
    case 'probe':
      return { id, match, next: progress.nextIndex, mode, window, detail: progress.paused ? 'waits for an answer' : '' }
    case 'replicate':
      return { id, match, next: progress.nextIndex, mode, window, detail: `${progress.inflight.length} in flight` }
    case 'snapshot': {
      const { snapshot, phase, objectsAcked, objectsSent, bytesAcked, retries } = progress
      const detail = `snapshot ${snapshot.lastIncludedIndex}/${snapshot.lastIncludedTerm}: ${phase}, ${objectsAcked} of ${objectsSent} objects (${bytesAcked} bytes) acknowledged${retries === 0 ? '' : `, ${retries} retries`}`
      return { id, match, next: null, mode, window, detail }
    }
  }
}
