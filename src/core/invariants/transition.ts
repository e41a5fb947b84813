import { minIndex, successor, type Index } from '../ids.ts'
import { checkAnswers } from './answers.ts'
import { claimOf, currentRpc, inForce, type Claim, type Transition } from './claim.ts'
import { checkOutputs } from './outputs.ts'
import { checkDurable, checkLogChange, checkSave, checkSnapshotChange } from './save.ts'
import { termAt } from '../log/log.ts'
import type { Message } from '../message.ts'
import { sendsOf, type Output } from '../output.ts'
import type { AppendEntries } from '../rpc.ts'
import type { RaftState, Role } from '../state.ts'

const claim: Claim = claimOf

/** Checks one step: what may change, when, and that the outputs say so. @throws InvariantViolation */
export const checkTransition = (
  before: RaftState,
  message: Message,
  after: RaftState,
  outputs: readonly Output[],
): void => {
  const saves = outputs.filter((output) => output.type === 'save')
  const step: Transition = { before, message, after, outputs, save: saves[0] ?? null }
  if (isRefused(step)) return checkUnchanged(step)
  claim(step, saves.length <= 1, 'a step saves at most once')
  checkNeverFalls(step)
  checkTermAndVote(step)
  checkRoleChange(step)
  checkTimer(step)
  checkSave(step)
  checkLogChange(step)
  checkCommit(step)
  checkApplied(step)
  checkDurable(step)
  checkSnapshotChange(step)
  checkMatch(step)
  checkNothingHappens(step)
  checkOutputs(step)
  checkAnswers(step)
}

const isRefused = ({ outputs }: Transition): boolean =>
  outputs.some((output) => output.type === 'note' && output.event === 'ignored' && output.reason === 'malformed')

const checkUnchanged = (step: Transition): void => {
  const { before, after, outputs } = step
  claim(step, outputs.length === 1, 'a malformed message brings nothing but a note')
  claim(step, after.log === before.log, 'a malformed message leaves the log alone')
  claim(step, JSON.stringify(after.server) === JSON.stringify(before.server), 'a malformed message changes nothing')
}

const checkNeverFalls = (step: Transition): void => {
  const { server: old, log: oldLog } = step.before
  const { server, log } = step.after
  claim(step, server.id === old.id && step.after.options === step.before.options, 'a server stays who it is')
  claim(step, server.currentTerm >= old.currentTerm, 'currentTerm never falls')
  claim(step, server.commitIndex >= old.commitIndex, 'commitIndex never falls')
  claim(step, server.applyingIndex >= old.applyingIndex, 'what was handed out is never handed out again')
  claim(step, server.lastApplied >= old.lastApplied, 'lastApplied never falls')
  claim(step, server.snapshot.lastIncludedIndex >= old.snapshot.lastIncludedIndex, 'snapshots never go back')
  claim(step, log.baseIndex >= oldLog.baseIndex, 'what is compacted stays so')
  claim(step, server.savedSequence >= old.savedSequence, 'what is saved stays so')
  claim(step, server.saveSequence === old.saveSequence + (step.save === null ? 0 : 1), 'saves are numbered one by one')
}

const checkTermAndVote = (step: Transition): void => {
  const { before, message, after } = step
  const { currentTerm, votedFor } = after.server
  if (currentTerm > before.server.currentTerm) {
    const isElection = after.server.role.type === 'candidate' && currentTerm === before.server.currentTerm + 1
    const isHeard = message.type === 'receive' && message.rpc.term === currentTerm
    claim(step, isElection || isHeard, 'a term rises by an election or by word of a newer one')
    claim(step, isElection || after.server.role.type === 'follower', 'a newer term makes a follower')
    if (isElection) {
      checkSilence(step)
      return claim(step, votedFor === after.server.id, 'a candidate votes for itself')
    }
    claim(step, votedFor === null || currentRpc(step, 'RequestVote') !== null, 'a newer term starts without a vote')
  } else if (votedFor !== before.server.votedFor)
    claim(step, before.server.votedFor === null, 'a vote once cast in a term stays')
  if (votedFor === null || (votedFor === before.server.votedFor && currentTerm === before.server.currentTerm)) return
  checkSilence(step)
  const request = currentRpc(step, 'RequestVote')
  claim(
    step,
    request !== null && message.type === 'receive' && message.from === votedFor,
    'a vote is cast for who asked for it in the current term',
  )
  const { lastTerm, lastIndex } = before.log
  claim(
    step,
    request.lastLogTerm > lastTerm || (request.lastLogTerm === lastTerm && request.lastLogIndex >= lastIndex),
    'a vote is cast only for a log that is at least as up-to-date (section 5.4.1)',
  )
}

/** What a leader's lease rests on: thesis 4.2.3 and 6.4.1, for votes of every term. */
const checkSilence = (step: Transition): void => {
  const { server, options } = step.after
  const { voters, votersOutgoing } = inForce(server)
  const isAlone = voters.length === 1 && votersOutgoing.length === 0 && voters[0] === server.id
  claim(
    step,
    !options.checkQuorum || isAlone || (server.stickyTicks === 0 && step.before.server.role.type !== 'leader'),
    'no vote is cast while a leader is heard (thesis 4.2.3)',
  )
}

type RoleType = Role['type']

/** What a server may turn into within one term (Figure 4, with the pre-vote of thesis 9.6). */
const SAME_TERM: Readonly<Record<RoleType, readonly RoleType[]>> = {
  follower: ['follower', 'preCandidate'],
  preCandidate: ['preCandidate', 'follower'],
  candidate: ['candidate', 'follower', 'preCandidate', 'leader'],
  leader: ['leader', 'follower'],
}

/** What it may be right after its term rose. */
const NEXT_TERM: Readonly<Record<RoleType, readonly RoleType[]>> = {
  follower: ['follower', 'candidate'],
  preCandidate: ['follower', 'candidate'],
  candidate: ['follower', 'candidate'],
  leader: ['follower'],
}

const checkRoleChange = (step: Transition): void => {
  const { before, after, outputs } = step
  const { role } = after.server
  const from = before.server.role.type
  const to = role.type
  const sameTerm = before.server.currentTerm === after.server.currentTerm
  claim(step, (sameTerm ? SAME_TERM : NEXT_TERM)[from].includes(to), 'roles change as Figure 4 shows')
  const notes = outputs.filter((output) => output.type === 'note' && output.event === 'became')
  claim(step, from === to || notes.length > 0, 'a change of role is noted')
  if (role.type === 'leader' && from !== 'leader') {
    for (const { matchIndex } of role.progress) claim(step, matchIndex === 0, 'a new leader knows of no match')
    claim(step, after.log.lastIndex >= before.log.lastIndex, 'a new leader keeps its log')
  }
  const newLeader = after.server.leaderId
  if (newLeader === null || newLeader === after.server.id || (newLeader === before.server.leaderId && sameTerm)) return
  claim(
    step,
    (currentRpc(step, 'AppendEntries') ?? currentRpc(step, 'InstallSnapshot'))?.leaderId === newLeader,
    'a leader is known by its word',
  )
}

/** Section 5.2: only word of the current leader, a granted vote or an own election restarts the election timer. */
const checkTimer = (step: Transition): void => {
  const { before, after, message, outputs } = step
  const old = before.server
  const { server } = after
  if (server.role.type === 'leader') return
  if (old.role.type === 'leader')
    return claim(step, server.electionElapsedTicks === 0 && server.seed !== old.seed, 'who led waits a whole timeout')
  const word = currentRpc(step, 'AppendEntries') ?? currentRpc(step, 'InstallSnapshot')
  if (word !== null)
    return claim(step, server.electionElapsedTicks === 0, 'word of the leader restarts the election timer')
  const granted = grantsOf(step).some((grant) => grant.rpc.type === 'RequestVoteResponse')
  if (granted) return claim(step, server.electionElapsedTicks === 0, 'a granted vote restarts the election timer')
  const began = outputs.some(
    (output) => output.type === 'note' && output.event === 'became' && output.role !== 'follower',
  )
  if (began) {
    claim(step, server.electionElapsedTicks === 0, 'an election restarts the election timer')
    return claim(step, server.seed !== old.seed, 'every election has a deadline of its own')
  }
  claim(step, server.electionDeadlineTicks === old.electionDeadlineTicks, 'a deadline is drawn once per election')
  const expected = old.electionElapsedTicks + (message.type === 'tick' ? 1 : 0)
  if (message.type === 'tick' && expected >= old.electionDeadlineTicks)
    return claim(step, server.electionElapsedTicks === 0, 'a timer that ran out starts again')
  claim(step, server.electionElapsedTicks === expected, 'only word of a leader or a granted vote restarts the timer')
}

const lastOf = ({ prevLogIndex, entries }: AppendEntries): Index => successor(prevLogIndex, entries.length)

const checkCommit = (step: Transition): void => {
  const { before, after, message } = step
  const { commitIndex } = after.server
  if (commitIndex === before.server.commitIndex) return
  if (after.server.role.type === 'leader')
    return claim(
      step,
      termAt(after.log, commitIndex) === after.server.currentTerm,
      'a leader commits by counting only entries of its own term (section 5.4.2)',
    )
  const appended = currentRpc(step, 'AppendEntries')
  const offered = currentRpc(step, 'InstallSnapshot')
  if (appended !== null)
    return claim(
      step,
      commitIndex === minIndex(appended.leaderCommit, lastOf(appended)),
      'a follower commits what its leader has committed and it has verified',
    )
  if (offered !== null)
    return claim(step, commitIndex === offered.snapshot.lastIncludedIndex, 'a snapshot is committed')
  claim(
    step,
    message.type === 'snapshotInstalled' && commitIndex === after.server.snapshot.lastIncludedIndex,
    'a follower commits on its leader’s word, or with a snapshot',
  )
}

const checkApplied = (step: Transition): void => {
  const { before, after, message } = step
  const { lastApplied } = after.server
  if (lastApplied === before.server.lastApplied) return
  claim(
    step,
    message.type === 'applied' ? lastApplied === message.index : message.type === 'snapshotInstalled',
    'what is applied is what the state machine says, or what a snapshot covers',
  )
}

const checkMatch = (step: Transition): void => {
  const { before, after, message } = step
  const { role } = after.server
  if (before.server.role.type !== 'leader' || role.type !== 'leader') return
  for (const old of before.server.role.progress) {
    const progress = role.progress.find(({ id }) => id === old.id)
    if (progress === undefined) continue
    claim(step, progress.matchIndex >= old.matchIndex, 'matchIndex never falls within a term')
    claim(step, progress.ackedRound >= old.ackedRound, 'a round once answered stays so')
    if (progress.matchIndex === old.matchIndex) continue
    claim(step, message.type === 'receive' && message.from === old.id, 'a follower alone says what it holds')
    const { rpc } = message
    const said =
      rpc.type === 'AppendEntriesResponse' && rpc.success
        ? rpc.matchIndex
        : rpc.type === 'InstallSnapshotResponse'
          ? rpc.installedIndex
          : 0
    claim(step, progress.matchIndex === said, 'matchIndex is what the follower said')
  }
}

/** Messages that must not change anything: stale ones, and questions before an election. */
const checkNothingHappens = (step: Transition): void => {
  const { before, message, after } = step
  if (message.type !== 'receive') return
  const isStale = message.rpc.term < before.server.currentTerm
  if (!isStale && message.rpc.type !== 'RequestPreVote') return
  claim(step, after.log === before.log, 'stale messages and pre-votes leave the log alone')
  const { server: old } = before
  const { server } = after
  claim(
    step,
    server.role === old.role &&
      server.votedFor === old.votedFor &&
      server.currentTerm === old.currentTerm &&
      server.leaderId === old.leaderId &&
      server.commitIndex === old.commitIndex &&
      server.electionElapsedTicks === old.electionElapsedTicks &&
      server.receiving === old.receiving,
    'stale messages and pre-votes change nothing',
  )
}
const grantsOf = (step: Transition) =>
  sendsOf(step.outputs).filter(({ rpc }) => 'voteGranted' in rpc && rpc.voteGranted)
