import type { Scenario } from './scenario.ts'

export const replication: Scenario = {
  name: 'replication',
  title: 'Two commands are replicated and committed',
  about: [
    'The leader appends, saves and sends at the same time (thesis 10.2.1). An entry is committed once a majority has it',
    'on disk, the leader included; the leader applies it, and followers learn of it with the next message.',
  ],
  stage: {},
  play: (stage) => {
    stage.aside('n1 becomes leader, as in first-election.txt')
    stage.timeOut('n1')
    stage.settle()
    stage.scene('A client proposes a first command')
    stage.propose('n1', 'a', 'x=1')
    stage.deliver('n1', 'n2')
    stage.scene('One follower of two is a majority together with the leader: committed, and applied')
    stage.deliver('n2', 'n1')
    stage.scene('A second command, before n3 has heard of the first; messages to n3 arrive in order')
    stage.propose('n1', 'b', 'x=2')
    stage.settle()
  },
}

export const snapshotTransfer: Scenario = {
  name: 'snapshot-transfer',
  title: 'A follower that is too far behind is sent a snapshot, in two objects',
  about: [
    'While n3 is cut off, the leader takes a snapshot and discards the entries before it (section 7). What n3 would need',
    'next is gone, so that the leader sends the snapshot instead, object by object (Figure 13). The follower names the',
    'object it wants next, saves each, puts the whole in force, and goes on with the log.',
  ],
  stage: { options: { snapshotEntries: 4, trailingEntries: 0 }, objects: ['first half', 'second half'] },
  play: (stage) => {
    stage.aside('n1 becomes leader, as in first-election.txt')
    stage.timeOut('n1')
    stage.settle()
    stage.scene('n3 is cut off, and three more entries are committed: time for a snapshot')
    stage.partition(['n1', 'n2'], ['n3'])
    stage.propose('n1', 'a', 'x=1', 'y=1')
    stage.settle()
    stage.propose('n1', 'b', 'x=2')
    stage.settle()
    stage.scene('n3 is back; a heartbeat shows how far behind it is')
    stage.heal()
    stage.tick('n1')
    stage.deliver('n1', 'n3')
    stage.scene('The leader has no entry to send after index 1: it begins a transfer')
    stage.deliver('n3', 'n1')
    stage.scene('The first object is an offer: n3 takes it, and wants the next')
    stage.deliver('n1', 'n3')
    stage.deliver('n3', 'n1')
    stage.scene('With the last object n3 puts the whole in the place of its log')
    stage.deliver('n1', 'n3')
    stage.scene('The leader hears how far it is')
    stage.settle()
    stage.scene('From here on n3 is sent entries again')
    stage.propose('n1', 'c', 'z=3')
    stage.settle()
  },
}

export const crashAndRestart: Scenario = {
  name: 'crash-and-restart',
  title: 'A follower crashes before its disk is done, and comes back',
  about: [
    'A reply to AppendEntries promises that the entries are on disk, so it waits for the save. Here the disk of n3 is',
    'slow and n3 crashes: the entry is lost with it, and nobody was promised anything. It comes back with its term, its',
    'vote and the log that was saved, and the leader sends what is missing.',
  ],
  stage: {},
  play: (stage) => {
    stage.aside('n1 becomes leader, as in first-election.txt')
    stage.timeOut('n1')
    stage.settle()
    stage.scene('n3 appends an entry; its save does not finish, hence no reply leaves')
    stage.holdDisk('n3')
    stage.propose('n1', 'a', 'x=1')
    stage.deliver('n1', 'n3')
    stage.crash('n3')
    stage.scene('The others go on without it')
    stage.settle()
    stage.scene('It restarts as a follower that knows no leader; commitIndex is not saved, and is learnt again')
    stage.restart('n3')
    stage.tick('n1')
    stage.settle()
  },
}

export const linearizableRead: Scenario = {
  name: 'linearizable-read',
  title: 'A linearizable read, without an entry in the log',
  about: [
    'The leader notes its commitIndex, and before it answers makes sure that it still leads: a majority has to answer a',
    'round of heartbeats that began after the question (section 8, thesis 6.4). Cut off from the majority it never',
    'answers, and gives up when it steps down.',
  ],
  stage: {},
  play: (stage) => {
    stage.aside('n1 becomes leader and commits a command, as in replication.txt')
    stage.timeOut('n1')
    stage.settle()
    stage.propose('n1', 'a', 'x=1')
    stage.settle()
    stage.scene('A read begins a round of heartbeats')
    stage.tell('n1', { type: 'read', id: 'r1', mode: 'quorum' })
    stage.deliver('n1', 'n2')
    stage.scene('One answer makes a majority: the state after index 2 may be read')
    stage.deliver('n2', 'n1')
    stage.settle()
    stage.scene('A follower does not answer reads')
    stage.tell('n2', { type: 'read', id: 'r2', mode: 'quorum' })
    stage.scene('Cut off, the leader cannot tell whether it still leads, and in the end steps down')
    stage.partition(['n1'], ['n2', 'n3'])
    stage.tell('n1', { type: 'read', id: 'r3', mode: 'quorum' })
    stage.tick('n1', 20)
    stage.lose()
  },
}
