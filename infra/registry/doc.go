// Package registry keeps at etcd who is alive, who leads, and which numbers are
// taken. What it promises:
//
// Registration. An instance is listed while its process lives, and until 10 s
// after a crash, or not at all after Close. Whenever etcd has lost it (a lease ran
// out, the data is gone), it is registered again.
//
// Resolver. gRPC targets gochat:///service follow the list, 15 s late where an
// instance vanished without a word. While etcd is away nothing changes, and the
// last ones of a list that empties, as when etcd was restored empty, are kept for
// minutes.
//
// Worker ids. A number belongs to one holder at a time, by a lease that lasts 5
// minutes and is confirmed every 30 s, so that etcd may be away for minutes. It
// counts as invalid before etcd can give it away, and the next holder makes no ids
// for times at which the former one may have, plus a minute: what ids are made of
// never overlaps, however wrong clocks are.
//
// Names. A name, or a numbered one, belongs to one living process at a time. A dead
// one's is free when its lease of 10 s has run out, and at once for a process of the
// same host and network, where the kernel says who lives. While etcd is away nobody
// gives a name up; who finds that another process has got it is told.
//
// Election. One process leads at a time; its context ends 2 s before etcd can let
// another one lead, counted on the monotonic clock from the time at which the last
// renewal was sent. An etcd that has lost its data elects nobody until a leader
// from before must have given up.
//
// Settings. Values below prefix/config/ are delivered at first and after each
// change, across restarts of etcd and compaction.
//
// No data. The one thing that no lease can survive is an etcd whose data is lost:
// holders notice when they are connected again and claim anew. In between, a worker
// id could be given away twice, which is why they are drawn at random, and why the
// database has a unique key on the ids that are made of them.
//
// Every call has a deadline; nothing here stops because etcd is away.
package registry
